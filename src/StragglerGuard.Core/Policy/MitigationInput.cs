using System.Collections.Immutable;

namespace StragglerGuard.Core.Policy;

/// <summary>How much of a group of comparable replicas is called slow.</summary>
/// <param name="Name">For a person, for example <c>the job</c> or <c>stage 2</c>.</param>
/// <param name="Members">Members of the group, 1 or more.</param>
/// <param name="Flagged">Those of them with a standing verdict, 0 … <paramref name="Members"/>.</param>
public readonly record struct FlaggedGroup(string Name, int Members, int Flagged);

/// <summary>What a probe of a replica's devices said.</summary>
public enum ProbeOpinion
{
    /// <summary>There was none.</summary>
    None = 0,

    /// <summary>As fast as its peers.</summary>
    Fit = 1,

    /// <summary>Slower than its peers.</summary>
    Slow = 2,

    /// <summary>It ran and could not tell.</summary>
    Unknown = 3,
}

/// <summary>What is known about a replica that someone considers to take out or back.</summary>
public sealed record ReplicaEvidence
{
    /// <summary>The slot.</summary>
    /// <value>0 or more.</value>
    public required int Replica { get; init; }

    /// <summary>Whether luck is ruled out at the fleet's rate: <see cref="Detection.JobDetector.IsBeyondDoubt"/>.</summary>
    public bool IsBeyondDoubt { get; init; }

    /// <summary>What that rests on, with the e-value, for a person.</summary>
    public string GateReason { get; init; } = "";

    /// <summary>What a probe said.</summary>
    public ProbeOpinion Probe { get; init; }

    /// <summary>What that rests on, with the numbers, for a person.</summary>
    public string ProbeReason { get; init; } = "";

    /// <summary>Why it is held for hung, or null if it is not. A hung replica stops the job, and needs no gate.</summary>
    public string? HangReason { get; init; }
}

/// <summary>All that a decision about a job rests on. Plain data: the same input, the same decision.</summary>
public sealed record MitigationInput
{
    /// <summary>How far the guard may go. It changes no decision, only whether it is acted upon.</summary>
    public required PolicyMode Mode { get; init; }

    /// <summary>Now, by the caller's clock. All times of the input are by that clock.</summary>
    /// <value>Seconds, finite.</value>
    public required double NowSeconds { get; init; }

    /// <summary>Members (replicas) of the job that it began with.</summary>
    /// <value>1 or more.</value>
    public required int InitialMembers { get; init; }

    /// <summary>Members of the present generation.</summary>
    /// <value>1 or more.</value>
    public required int Members { get; init; }

    /// <summary>What could be done.</summary>
    public required ImmutableArray<MitigationCandidate> Candidates { get; init; }

    /// <summary>Groups of comparable replicas, the job as a whole among them: the brake looks at each.</summary>
    public required ImmutableArray<FlaggedGroup> Groups { get; init; }

    /// <summary>What is known about the replicas that candidates concern, each once. A replica that is not here is known nothing about.</summary>
    public ImmutableArray<ReplicaEvidence> Replicas { get; init; } = [];

    /// <summary>The plan that was offered and not yet seen in force, or null.</summary>
    public PlanEpoch? PendingPlan { get; init; }

    /// <summary>Why the guard distrusts its own view, or null if it is well.</summary>
    public string? ObserverComplaint { get; init; }

    /// <summary>Steps since the last plan came into force; null if there was none.</summary>
    public long? StepsSinceLastPlan { get; init; }

    /// <summary>When replicas were evicted, one entry a replica, and when the job was restarted: <see cref="EvictionBudget"/>.</summary>
    /// <value>Seconds, finite, in any order.</value>
    public ImmutableArray<double> EvictionsAtSeconds { get; init; } = [];

    /// <summary>Who is out and for how long: <see cref="Probation"/>.</summary>
    public ImmutableArray<ProbationTerm> Probations { get; init; } = [];

    /// <summary>Kinds that have disappointed: <see cref="RestingKinds"/>.</summary>
    public ImmutableArray<KindRest> Rests { get; init; } = [];
}
