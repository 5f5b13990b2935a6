using MixedFleet.Model;
using MixedFleet.Pacing;
using StragglerGuard.Collectives;

namespace MixedFleet.Training;

/// <summary>How fast a worker is that is in no group: it computes a few micro-batches for nobody, at the pace that it has now.</summary>
/// <param name="accumulator">Over its model; the gradients are overwritten, the weights stay.</param>
/// <param name="pace">The worker's.</param>
internal sealed class StandbyTrials(GradientAccumulator<float> accumulator, PaceEmulator pace)
{
    private const int MicroBatches = 3;

    /// <summary>Between two trials: often enough to be seen getting well, rare enough to be no load.</summary>
    public static TimeSpan Pause { get; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Tries.</summary>
    /// <param name="factor">On its pace, now.</param>
    /// <param name="cancelled">Ends the trial.</param>
    /// <returns>Mean time of a micro-batch, s.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public double SecondsPerMicroBatch(double factor, CancellationToken cancelled)
    {
        long beginNs = MonotonicClock.NowNs();
        long endNs = beginNs;
        pace.BeginStep(beginNs, factor);
        accumulator.Begin();
        for (int number = 0; number < MicroBatches; number++)
        {
            accumulator.Add(number);
            endNs = pace.EndMicroBatch(cancelled);
            cancelled.ThrowIfCancellationRequested();
        }

        return (endNs - beginNs) * 1e-9 / MicroBatches;
    }
}
