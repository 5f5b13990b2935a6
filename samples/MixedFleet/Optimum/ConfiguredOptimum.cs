using MixedFleet.Fleet;

namespace MixedFleet.Optimum;

/// <summary>The best that a deal of whole micro-batches could reach with the configured paces: what the guard is held against.</summary>
/// <remarks>
/// Deliberately not the planner of the product: every rank gets one unit, as every deal of this job must give it, so that its speed stays
/// known; the others are handed out one by one, each to the rank that would finish it first. For units of equal size that is optimal: a deal with a smaller maximum would have to give fewer units to the last finisher, and hence more than
/// here to another rank, whose next unit would by the rule have finished no earlier.
/// </remarks>
internal static class ConfiguredOptimum
{
    /// <summary>The shortest compute time of a step: min over deals of max over ranks of m_i · t_i.</summary>
    /// <param name="secondsPerMicroBatch">t_i per rank, above 0, with stretch and slowdown of the step.</param>
    /// <param name="microBatches">Σ m_i, with m_i ≥ 1: as many as there are ranks, or more.</param>
    public static double StepSeconds(ReadOnlySpan<double> secondsPerMicroBatch, int microBatches) =>
        StepSeconds(secondsPerMicroBatch, microBatches, new int[secondsPerMicroBatch.Length]);

    /// <summary>The shortest compute time of a step, and a deal that reaches it.</summary>
    /// <param name="secondsPerMicroBatch">As above.</param>
    /// <param name="microBatches">As above.</param>
    /// <param name="deal">As many as there are ranks; overwritten with m_i.</param>
    public static double StepSeconds(ReadOnlySpan<double> secondsPerMicroBatch, int microBatches, Span<int> deal)
    {
        ArgumentOutOfRangeException.ThrowIfZero(secondsPerMicroBatch.Length, nameof(secondsPerMicroBatch));
        ArgumentOutOfRangeException.ThrowIfLessThan(microBatches, secondsPerMicroBatch.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(deal.Length, secondsPerMicroBatch.Length, nameof(deal));
        deal.Fill(1);
        double longest = 0;
        PriorityQueue<(int Rank, int Units), (double FinishSeconds, int Rank)> next = new(secondsPerMicroBatch.Length);
        for (int rank = 0; rank < secondsPerMicroBatch.Length; rank++)
        {
            double seconds = secondsPerMicroBatch[rank];
            if (!double.IsFinite(seconds) || seconds <= 0)
            {
                throw new ArgumentOutOfRangeException(nameof(secondsPerMicroBatch), seconds, "Must be finite and above 0.");
            }

            longest = Math.Max(longest, seconds);
            next.Enqueue((rank, 2), (2 * seconds, rank));
        }

        for (int unit = secondsPerMicroBatch.Length; unit < microBatches; unit++)
        {
            next.TryDequeue(out (int Rank, int Units) receiver, out (double FinishSeconds, int Rank) finish);
            longest = Math.Max(longest, finish.FinishSeconds);
            deal[receiver.Rank] = receiver.Units;
            int units = receiver.Units + 1;

            // Multiplied, not added up: the same number as m·t to the last bit.
            next.Enqueue((receiver.Rank, units), (units * secondsPerMicroBatch[receiver.Rank], receiver.Rank));
        }

        return longest;
    }

    /// <summary>
    /// Samples per second of a run that deals every step in the best way for the paces of that step. Stalls strike it as they struck the run:
    /// no deal could know of them beforehand. Whatever gets round stalls may beat it.
    /// </summary>
    /// <param name="fromStep">First step, 0 or more.</param>
    /// <param name="toStep">One beyond the last step, above <paramref name="fromStep"/>.</param>
    /// <param name="secondsPerMicroBatch">Per rank, before slowdowns: the stretched pace, or what was measured where there is none.</param>
    /// <param name="schedule">Slowdowns of the run.</param>
    /// <param name="stalls">Stalls of the run.</param>
    /// <param name="fixedCostSeconds">What a step takes besides computing micro-batches, measured, 0 or more.</param>
    /// <param name="microBatches">Of the global batch, 1 or more.</param>
    /// <param name="samplesPerMicroBatch">1 or more.</param>
    public static double SamplesPerSecond(
        long fromStep, long toStep, IReadOnlyList<double> secondsPerMicroBatch, SlowdownSchedule schedule, StallSchedule stalls,
        double fixedCostSeconds, int microBatches, int samplesPerMicroBatch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(fromStep);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(toStep, fromStep);
        ArgumentNullException.ThrowIfNull(secondsPerMicroBatch);
        ArgumentNullException.ThrowIfNull(schedule);
        ArgumentNullException.ThrowIfNull(stalls);
        ArgumentOutOfRangeException.ThrowIfNegative(fixedCostSeconds);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(microBatches);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(samplesPerMicroBatch);
        double[] current = new double[secondsPerMicroBatch.Count];
        double[] known = new double[secondsPerMicroBatch.Count];
        int[] deal = new int[secondsPerMicroBatch.Count];
        double knownSeconds = 0;
        double totalSeconds = 0;
        for (long step = fromStep; step < toStep; step++)
        {
            for (int rank = 0; rank < current.Length; rank++)
            {
                current[rank] = secondsPerMicroBatch[rank] * schedule.FactorAt(rank, step);
            }

            // Paces change at a few steps of a run only.
            if (step == fromStep || !current.AsSpan().SequenceEqual(known))
            {
                knownSeconds = StepSeconds(current, microBatches, deal);
                current.CopyTo(known, 0);
            }

            double longest = knownSeconds;
            for (int rank = 0; rank < current.Length && !stalls.IsEmpty; rank++)
            {
                longest = Math.Max(longest, deal[rank] * current[rank] * stalls.FactorAt(rank, step));
            }

            totalSeconds += longest + fixedCostSeconds;
        }

        return (toStep - fromStep) * (double)microBatches * samplesPerMicroBatch / totalSeconds;
    }
}
