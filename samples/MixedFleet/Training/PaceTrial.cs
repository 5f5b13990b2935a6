using MixedFleet.Model;
using MixedFleet.Pacing;
using StragglerGuard.Collectives;

namespace MixedFleet.Training;

/// <summary>How fast a worker is now: it computes a few micro-batches that count for nothing, at the pace that it has.</summary>
/// <param name="accumulator">Over its model; the gradients are overwritten, the weights stay.</param>
/// <param name="pace">The worker's.</param>
internal sealed class PaceTrial(GradientAccumulator<float> accumulator, PaceEmulator pace)
{
    /// <summary>Tries.</summary>
    /// <param name="microBatches">How many, 1 or more.</param>
    /// <param name="factor">On its pace.</param>
    /// <param name="cancelled">Ends the trial.</param>
    /// <returns>Mean time of a micro-batch, s; null where it was cancelled.</returns>
    public double? SecondsPerMicroBatch(int microBatches, double factor, CancellationToken cancelled)
    {
        long beginNs = MonotonicClock.NowNs();
        long endNs = beginNs;
        pace.BeginStep(beginNs, factor);
        accumulator.Begin();
        for (int number = 0; number < microBatches; number++)
        {
            accumulator.Add(number);
            endNs = pace.EndMicroBatch(cancelled);
        }

        return cancelled.IsCancellationRequested ? null : (endNs - beginNs) * 1e-9 / microBatches;
    }
}
