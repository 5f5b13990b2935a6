using System.Collections.Immutable;

namespace StragglerGuard.Core.Policy;

/// <summary>Why nothing is proposed.</summary>
public enum HoldCause
{
    /// <summary>A plan is offered and not yet in force.</summary>
    PlanPending = 0,

    /// <summary>The guard distrusts its own view.</summary>
    ObserverUnwell = 1,

    /// <summary>The last plan is too recent.</summary>
    CoolDown = 2,

    /// <summary>Too many ranks are flagged for any of them to be the cause.</summary>
    Brake = 3,

    /// <summary>A rank's speed is unknown.</summary>
    UnknownSpeed = 4,

    /// <summary>Too few complete frames.</summary>
    LittleEvidence = 5,

    /// <summary>No deal keeps the bounds.</summary>
    Infeasible = 6,

    /// <summary>The best deal gains too little.</summary>
    LittleGain = 7,

    /// <summary>The gain does not stand out of the noise.</summary>
    UncertainGain = 8,
}

/// <summary>What to do about the deal: hold, or propose another.</summary>
/// <param name="Reason">One sentence for a person, with the numbers that decided.</param>
public abstract record PolicyDecision(string Reason)
{
    /// <summary>Keep the deal in force.</summary>
    /// <param name="Cause">Why, for a program.</param>
    /// <param name="Reason">Why, for a person.</param>
    public sealed record Hold(HoldCause Cause, string Reason) : PolicyDecision(Reason);

    /// <summary>Another deal is worth it.</summary>
    /// <param name="MicroBatches">Micro-batches for each rank; the sum is that of the deal in force.</param>
    /// <param name="Acted">Whether to carry it out: in <see cref="PolicyMode.Act"/> only. Otherwise it is for display.</param>
    /// <param name="PredictedStepSeconds">The step time to expect, the common part included, s.</param>
    /// <param name="CurrentPredictedSeconds">The step time of the deal in force by the same reckoning, s.</param>
    /// <param name="PredictedGain">1 − predicted/current, 0 … 1.</param>
    /// <param name="IntegerCostRatio">
    /// What whole units cost, 1 or more: <see cref="Planning.RebalanceOutcome.Solved.IntegerCostRatio"/>.
    /// </param>
    /// <param name="Moves">Micro-batches that change hands.</param>
    /// <param name="Reason">Why, for a person.</param>
    public sealed record Propose(
        ImmutableArray<int> MicroBatches,
        bool Acted,
        double PredictedStepSeconds,
        double CurrentPredictedSeconds,
        double PredictedGain,
        double IntegerCostRatio,
        long Moves,
        string Reason) : PolicyDecision(Reason)
    {
        /// <summary>Whether it goes back to the deal from before a verdict that no longer stands: that needs no gain.</summary>
        public bool IsReturn { get; init; }
    }
}
