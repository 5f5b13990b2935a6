using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Policy;

/// <summary>How far the guard may go.</summary>
public enum PolicyMode
{
    /// <summary>Look and show. A proposal is there for who asks; nobody is told.</summary>
    Observe = 0,

    /// <summary>Tell people what the guard would do.</summary>
    Advise = 1,

    /// <summary>Carry proposals out.</summary>
    Act = 2,
}

/// <summary>All that a decision rests on. Lists have one entry a rank (receiver), in the same order.</summary>
public sealed record PolicyInput
{
    /// <summary>How far the guard may go. It changes no decision, only whether it is acted upon.</summary>
    public required PolicyMode Mode { get; init; }

    /// <summary>The newest step in the evidence.</summary>
    /// <value>0 or more.</value>
    public required long Step { get; init; }

    /// <summary>The deal in force.</summary>
    public required MicroBatchDeal InForce { get; init; }

    /// <summary>What a unit of work costs each rank.</summary>
    /// <value>Seconds, above 0; NaN where unknown.</value>
    public required ReadOnlyMemory<double> SecondsPerUnit { get; init; }

    /// <summary>What a step costs each rank however little it does, and <see cref="SecondsPerUnit"/> does not cover.</summary>
    /// <value>Seconds, finite, 0 or more; empty: 0 for every rank.</value>
    public ReadOnlyMemory<double> FixedSeconds { get; init; }

    /// <summary>The fewest units each rank may get.</summary>
    /// <value>
    /// 0 or more; empty: 1 for every rank, so that none loses the work by which its speed is known (0 with fewer units than ranks).
    /// </value>
    public ReadOnlyMemory<int> Lowest { get; init; }

    /// <summary>The most units each rank may get.</summary>
    /// <value><see cref="Lowest"/> or more; empty: no bound.</value>
    public ReadOnlyMemory<int> Highest { get; init; }

    /// <summary>What a step costs beyond the slowest rank's own work and whatever the deal: transfer, optimizer.</summary>
    /// <value>Seconds, finite, 0 or more.</value>
    public double CommonStepSeconds { get; init; }

    /// <summary>Seconds per unit in the recent frames, the oldest first, a frame a row: <see cref="SpeedEstimator.CopyFrames"/>.</summary>
    /// <value>Frames × ranks; NaN where a rank gave no sample.</value>
    public required ReadOnlyMemory<double> RecentSecondsPerUnit { get; init; }

    /// <summary>Steps since the last plan came into force; null if there was none.</summary>
    public long? StepsSinceLastPlan { get; init; }

    /// <summary>Ranks with a standing verdict, each once.</summary>
    public ReadOnlyMemory<Rank> FlaggedRanks { get; init; }

    /// <summary>
    /// The deal from before the one in force, where a verdict asked for that one: what to go back to once no verdict stands.
    /// </summary>
    /// <value>Units per rank, of the same sum; empty where there is none.</value>
    public ReadOnlyMemory<int> Former { get; init; }

    /// <summary>The plan that was offered and not yet seen in force, or null.</summary>
    public PlanEpoch? PendingPlan { get; init; }

    /// <summary>Why the guard distrusts its own view (a pause of its process, lost records), or null if it is well.</summary>
    public string? ObserverComplaint { get; init; }
}
