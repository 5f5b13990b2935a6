namespace StragglerGuard.Traces;

/// <summary>What one rank's profiler trace says of collectives.</summary>
/// <param name="Path">The file.</param>
/// <param name="Rank">Its rank, where the file says so.</param>
/// <param name="WorldSize">Ranks of the job; 0 where the file doesn't say.</param>
/// <param name="Collectives">By start.</param>
internal sealed record KinetoRank(string Path, int? Rank, int WorldSize, IReadOnlyList<KinetoCollective> Collectives);

/// <summary>One communication kernel of one rank.</summary>
/// <param name="Group">Process group; empty where unknown.</param>
/// <param name="Name">For example <c>all_reduce</c>.</param>
/// <param name="SizeBytes">Message size, or null.</param>
/// <param name="StartNs">Start on the rank's own clock, ns.</param>
/// <param name="DurationNs">Time inside, ns.</param>
internal sealed record KinetoCollective(string Group, string Name, long? SizeBytes, long StartNs, long DurationNs)
{
    /// <summary>A send or receive between two ranks.</summary>
    public bool IsPointToPoint => Name.StartsWith("send", StringComparison.OrdinalIgnoreCase) || Name.StartsWith("recv", StringComparison.OrdinalIgnoreCase);

    /// <summary>What all members must agree on: the name, and the size where the operation takes the same of everybody.</summary>
    public (string Name, long? SizeBytes) Key =>
        Name.Contains("reduce", StringComparison.OrdinalIgnoreCase) && !Name.Contains("scatter", StringComparison.OrdinalIgnoreCase)
            ? (Name, SizeBytes)
            : (Name, null);
}
