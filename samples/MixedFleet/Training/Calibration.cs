using MixedFleet.Data;
using MixedFleet.Model;
using StragglerGuard.Collectives;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Recording;

namespace MixedFleet.Training;

/// <summary>Measures what a micro-batch really costs on this machine, before anything is emulated.</summary>
internal static class Calibration
{
    private const long WarmUpNs = 300_000_000;
    private const int Measured = 101;
    private const int MeasuredEmulated = 11;

    /// <summary>Runs until the code is compiled for good. Leaves gradients behind.</summary>
    public static void WarmUp(GradientAccumulator<float> accumulator)
    {
        long begin = MonotonicClock.NowNs();
        for (int k = 0; MonotonicClock.NowNs() - begin < WarmUpNs; k++)
        {
            accumulator.Begin();
            accumulator.Add(k);
        }
    }

    /// <summary>The median time of a micro-batch with the machine to itself, s.</summary>
    public static double SecondsPerMicroBatch(RunSettings settings)
    {
        using IComputeDevice device = settings.Devices.Open(slot: 0);
        using var model = new ByteLanguageModel<float>(device, RunSettings.ModelShape, settings.Seed);
        var accumulator = new GradientAccumulator<float>(model, new MicroBatchSampler(settings.Corpus, settings.Seed));
        WarmUp(accumulator);
        // A device that is emulated takes as long for one as another for a thousand.
        int measured = settings.Devices.IsEmulated ? MeasuredEmulated : Measured;
        long[] taken = new long[measured];
        accumulator.Begin();
        for (int k = 0; k < measured; k++)
        {
            long begin = MonotonicClock.NowNs();
            accumulator.Add(k);
            taken[k] = MonotonicClock.NowNs() - begin;
        }

        Array.Sort(taken);
        return taken[measured / 2] * 1e-9;
    }
}
