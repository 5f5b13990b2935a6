using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>What a process must share with its peers before they form a group. Groups form only between equals.</summary>
public sealed class TcpIdentity
{
    /// <summary>An identity.</summary>
    /// <param name="rank">Who this process is.</param>
    /// <param name="jobToken">A secret that all ranks of the job know, and nobody else; not empty.</param>
    public TcpIdentity(Rank rank, string jobToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank.Value, nameof(rank));
        ArgumentException.ThrowIfNullOrEmpty(jobToken);
        Rank = rank;
        JobToken = jobToken;
    }

    /// <summary>Who this process is.</summary>
    public Rank Rank { get; }

    /// <summary>The membership.</summary>
    public Generation Generation { get; init; }

    /// <summary>The plan in force.</summary>
    public PlanEpoch EpochInForce { get; init; }

    /// <summary>A hash of the plan in force.</summary>
    public ulong PlanHash { get; init; }

    internal string JobToken { get; }
}
