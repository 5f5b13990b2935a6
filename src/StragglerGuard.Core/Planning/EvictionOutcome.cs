using System.Collections.Immutable;

namespace StragglerGuard.Core.Planning;

/// <summary>The job without some of its replicas.</summary>
/// <param name="Replicas">Who leaves, ascending.</param>
/// <param name="StepSeconds">The best step without them, the common part included, s; NaN where the rest can't carry the batch.</param>
/// <param name="NetGainSeconds">What the job wins over the horizon, less what the move costs, s; NaN where the rest can't carry the batch.</param>
/// <param name="Reason">The numbers, or what stands in the way.</param>
public sealed record EvictionTrial(ImmutableArray<int> Replicas, double StepSeconds, double NetGainSeconds, string Reason);

/// <summary>Whether replicas should leave: which, or why not.</summary>
/// <param name="Trials">All that was tried, in the order in which it was.</param>
/// <param name="Reason">One sentence for a person, with the numbers that decided.</param>
public abstract record EvictionOutcome(ImmutableArray<EvictionTrial> Trials, string Reason)
{
    /// <summary>The job is faster without them by more than the move costs.</summary>
    /// <param name="Replicas">Who leaves, ascending; 1 or more.</param>
    /// <param name="MicroBatches">Units for every replica, the sum is that of before; −1 for those that leave.</param>
    /// <param name="StepSeconds">The best step without them, the common part included, s.</param>
    /// <param name="StepSecondsWith">The best step with them, after a rebalance and the common part included, s.</param>
    /// <param name="NetGainSeconds">What is won over the horizon, less what the move costs, s; above 0.</param>
    /// <param name="CostSeconds">What the move costs once, s.</param>
    /// <param name="Trials">All that was tried.</param>
    /// <param name="Reason">One sentence for a person.</param>
    public sealed record Evict(
        ImmutableArray<int> Replicas,
        ImmutableArray<int> MicroBatches,
        double StepSeconds,
        double StepSecondsWith,
        double NetGainSeconds,
        double CostSeconds,
        ImmutableArray<EvictionTrial> Trials,
        string Reason) : EvictionOutcome(Trials, Reason)
    {
        /// <summary>Share of the step that is won: 1 − without ÷ with.</summary>
        /// <value>0 … 1.</value>
        public double PredictedGain => 1 - (StepSeconds / StepSecondsWith);
    }

    /// <summary>Nobody leaves: no candidate is worth its move, the floor forbids it, or the rest could not carry the batch.</summary>
    /// <param name="StepSecondsWith">The best step with all, the common part included, s.</param>
    /// <param name="Trials">All that was tried.</param>
    /// <param name="Reason">One sentence for a person.</param>
    public sealed record Keep(double StepSecondsWith, ImmutableArray<EvictionTrial> Trials, string Reason) : EvictionOutcome(Trials, Reason);

    /// <summary>The job with all its replicas is no feasible problem, so nothing can be held against it.</summary>
    /// <param name="Faults">Everything that is wrong: <see cref="RebalanceOutcome.Infeasible.Faults"/>.</param>
    /// <param name="Reason">The faults in one line.</param>
    public sealed record Infeasible(ImmutableArray<string> Faults, string Reason) : EvictionOutcome([], Reason);
}
