namespace StragglerGuard.AkkaCluster.Agents;

/// <summary>How one agent stands with the guardians.</summary>
/// <param name="Node">Its node.</param>
/// <param name="Guardian">Who welcomed it last; null before the first.</param>
/// <param name="SinceWelcome">How long ago; null before the first.</param>
/// <param name="Unacknowledged">For how long it has had reports without one of them being acknowledged; null where it has none.</param>
internal sealed record AgentStanding(string Node, string? Guardian, TimeSpan? SinceWelcome, TimeSpan? Unacknowledged)
{
    private const long NsPerMicrosecond = 1_000;

    public static AgentStanding Of(AgentPort port) =>
        new(port.Node.Value, port.Guardian, Span(port.SinceWelcomeNs), Span(port.OutstandingNs));

    private static TimeSpan? Span(long? ns) => ns is { } known ? TimeSpan.FromMicroseconds(known / NsPerMicrosecond) : null;
}
