using System.Collections.Immutable;

namespace StragglerGuard.Core.Planning;

/// <summary>What <see cref="RebalancePlanner.Solve"/> found: a deal, or why there is none.</summary>
/// <param name="Reason">One sentence for a person, with the numbers that decided.</param>
public abstract record RebalanceOutcome(string Reason)
{
    /// <summary>The exact optimum.</summary>
    /// <param name="MicroBatches">Units for each receiver; the sum is the problem's total.</param>
    /// <param name="StepSeconds">max_i(a_i + m_i·t_i) of this deal: no deal within the bounds is faster, to the last bit.</param>
    /// <param name="Moves">
    /// Units that a receiver gets and did not have: Σ max(0, m_i − current_i), which is ½Σ|m_i − current_i| where the sums are
    /// equal. No deal that is as fast moves fewer.
    /// </param>
    /// <param name="FractionalOptimumSeconds">
    /// The step time if units could be split at will (the continuous relaxation, to a relative 1e-12 or so); never above
    /// <paramref name="StepSeconds"/>.
    /// </param>
    /// <param name="Reason">One sentence for a person.</param>
    public sealed record Solved(
        ImmutableArray<int> MicroBatches,
        double StepSeconds,
        long Moves,
        double FractionalOptimumSeconds,
        string Reason) : RebalanceOutcome(Reason)
    {
        /// <summary>What whole units cost: <see cref="StepSeconds"/> over <see cref="FractionalOptimumSeconds"/>.</summary>
        /// <value>1 or more; 1 where both are 0.</value>
        public double IntegerCostRatio => FractionalOptimumSeconds > 0 ? StepSeconds / FractionalOptimumSeconds : 1;
    }

    /// <summary>No deal keeps the bounds, or the problem is not one.</summary>
    /// <param name="Faults">Everything that is wrong, each fault naming its field and index; beyond 16, their number.</param>
    /// <param name="Reason">The faults in one line.</param>
    public sealed record Infeasible(ImmutableArray<string> Faults, string Reason) : RebalanceOutcome(Reason);
}
