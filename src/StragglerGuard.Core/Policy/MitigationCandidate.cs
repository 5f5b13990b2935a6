using System.Collections.Immutable;

namespace StragglerGuard.Core.Policy;

/// <summary>What a job is expected to do once an action is in force.</summary>
/// <param name="StepSeconds">A step's duration, the common part included: seconds, finite, above 0.</param>
/// <param name="SamplesPerSecondRatio">
/// Samples per second over those of now, work that is thrown away not counted: above 0; 1.2 is a fifth more. Infinity where the job stands
/// still now.
/// </param>
public readonly record struct MitigationPrediction(double StepSeconds, double SamplesPerSecondRatio)
{
    /// <summary>1 − 1/<see cref="SamplesPerSecondRatio"/>: the share of the present time that the action gives back.</summary>
    /// <value>Up to 1; negative where the action loses.</value>
    public double Gain => 1 - (1 / SamplesPerSecondRatio);
}

/// <summary>An action that a planner found and what-if has scored. Plain data.</summary>
public sealed record MitigationCandidate
{
    /// <summary>What would be done.</summary>
    /// <value>Not <see cref="MitigationKind.None"/>.</value>
    public required MitigationKind Kind { get; init; }

    /// <summary>What is expected of it.</summary>
    public required MitigationPrediction Prediction { get; init; }

    /// <summary>What doing it costs the job, once: switching, forming groups anew, loading a checkpoint, the steps done again.</summary>
    /// <value>Seconds, finite, 0 or more.</value>
    public required double OneOffCostSeconds { get; init; }

    /// <summary>Slots (data-parallel replicas) that it concerns: who leaves or comes back. Empty where it concerns all.</summary>
    /// <value>Each once, 0 or more; at least one for <see cref="MitigationKind.Evict"/> and <see cref="MitigationKind.Readmit"/>.</value>
    public ImmutableArray<int> Replicas { get; init; } = [];

    /// <summary>When what it answers began, by the clock of <see cref="MitigationInput.NowSeconds"/>.</summary>
    /// <value>Seconds, finite.</value>
    public required double OnsetSeconds { get; init; }

    /// <summary>Time lost since then that this action would have given back, and that what was in force did not: <see cref="ForgoneTime"/>.</summary>
    /// <value>Seconds, finite, 0 or more.</value>
    public double ForgoneSeconds { get; init; }

    /// <summary>Step times to see tails by. Asked for by <see cref="MitigationKind.Deadline"/> and <see cref="MitigationKind.Backup"/>.</summary>
    public TailEvidence? Tails { get; init; }

    /// <summary>
    /// Whether it goes back to the deal from before a verdict that no longer stands. Such a return needs no gain, provided that it loses
    /// less than half the least gain. Looked at for <see cref="MitigationKind.Rebalance"/> only.
    /// </summary>
    public bool EndsWithVerdict { get; init; }

    /// <summary>Why its planner advises against it, with the numbers, or null if it doesn't.</summary>
    public string? PlannerObjection { get; init; }

    /// <summary>What speaks for it, with the numbers, for a person.</summary>
    public required string Reason { get; init; }

    /// <summary>Whether it takes something from the job that an opposite plan would not give back at once.</summary>
    public bool IsDestructive => Kind is MitigationKind.Evict or MitigationKind.Restart;

    /// <summary>Whether <see cref="EndsWithVerdict"/> counts.</summary>
    internal bool IsReturn => EndsWithVerdict && Kind == MitigationKind.Rebalance;
}
