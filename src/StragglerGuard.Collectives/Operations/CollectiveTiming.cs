namespace StragglerGuard.Collectives.Operations;

/// <summary>When one rank came to a collective and when it left. Ranks leave together; who spends least time inside came last.</summary>
/// <param name="Sequence">The collective, counted by the communicator; equal at all ranks.</param>
/// <param name="EnterNs">ns, this process's monotonic clock.</param>
/// <param name="ExitNs">ns, this process's monotonic clock; never before <paramref name="EnterNs"/>.</param>
public readonly record struct CollectiveTiming(long Sequence, long EnterNs, long ExitNs)
{
    /// <summary>Time spent inside.</summary>
    /// <value>ns, 0 or more.</value>
    public long DurationNs => ExitNs - EnterNs;
}
