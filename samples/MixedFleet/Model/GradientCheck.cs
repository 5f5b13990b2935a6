using System.Numerics.Tensors;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Model;

/// <summary>Sums gradients and weights over all ranks, in place: afterwards every rank holds the same sums.</summary>
/// <param name="gradients">This rank's sums in, the job's sums out.</param>
/// <param name="weight">This rank's weight in.</param>
/// <returns>The job's weight.</returns>
internal delegate double GradientReduction(DeviceBuffer<double> gradients, double weight);

/// <summary>Holds the gradient of an uneven deal against that of the even split of the same global batch, in fp64.</summary>
/// <remarks>
/// Both are Σ gradients / Σ weight over all ranks. They differ by the order of additions alone: 1e-10 is allowed, 1e-15 is usual. Every
/// rank calls <see cref="MaxRelativeError"/> with the same arguments but for its number; two reductions are made.
/// </remarks>
internal static class GradientCheck
{
    /// <summary>‖uneven − even‖∞ / ‖even‖∞.</summary>
    /// <param name="accumulator">This rank's, over a model with the same weights on all ranks. Its gradients are overwritten.</param>
    /// <param name="globalBatch">The numbers of its micro-batches, by place in the deal.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="unevenCounts">Micro-batches per rank, as many in total as the global batch has.</param>
    /// <param name="reduce">Sums over ranks.</param>
    /// <returns>0 or more; NaN where a gradient is not finite or all are zero, so that "error ≤ bound" is never true by accident.</returns>
    public static double MaxRelativeError(
        GradientAccumulator<double> accumulator, ReadOnlySpan<long> globalBatch, int rank, ReadOnlySpan<int> unevenCounts,
        GradientReduction reduce)
    {
        ArgumentNullException.ThrowIfNull(accumulator);
        ArgumentNullException.ThrowIfNull(reduce);
        int microBatches = 0;
        foreach (int count in unevenCounts)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(count, nameof(unevenCounts));
            microBatches += count;
        }

        ArgumentOutOfRangeException.ThrowIfZero(microBatches, nameof(unevenCounts));
        ArgumentOutOfRangeException.ThrowIfNotEqual(microBatches, globalBatch.Length, nameof(unevenCounts));
        double[] uneven = MeanGradient(accumulator, globalBatch, rank, unevenCounts, reduce);
        double[] even = MeanGradient(accumulator, globalBatch, rank, EvenDeal.Of(microBatches, unevenCounts.Length), reduce);
        double largest = NormInf(even);
        TensorPrimitives.Subtract<double>(uneven, even, uneven);
        double difference = NormInf(uneven);
        return double.IsFinite(largest) ? difference / largest : double.NaN;
    }

    /// <summary>A deal to check where the job never had an uneven one: even against even would prove nothing.</summary>
    /// <param name="even">The even deal.</param>
    /// <returns>The same with one micro-batch of the last rank given to the first; as it is where there is one rank.</returns>
    public static int[] ExampleOfUneven(ReadOnlySpan<int> even)
    {
        int[] uneven = even.ToArray();
        if (uneven is [.., > 0])
        {
            uneven[^1]--;
            uneven[0]++;
        }

        return uneven;
    }

    private static double[] MeanGradient(
        GradientAccumulator<double> accumulator, ReadOnlySpan<long> globalBatch, int rank, ReadOnlySpan<int> counts, GradientReduction reduce)
    {
        var deal = new MicroBatchDeal(PlanEpoch.Initial, counts);
        accumulator.Begin();
        for (int k = deal.First(new Rank(rank)); k < deal.End(new Rank(rank)); k++)
        {
            accumulator.Add(globalBatch[k]);
        }

        double weight = reduce(accumulator.Model.Gradients, accumulator.Weight);
        double[] mean = new double[accumulator.Model.Shape.ParameterCount];
        accumulator.Model.Gradients.Download(mean);
        TensorPrimitives.Divide(mean, weight, mean);
        return mean;
    }

    // MaxMagnitude, unlike a chain of comparisons, hands a NaN on.
    private static double NormInf(ReadOnlySpan<double> values) => Math.Abs(TensorPrimitives.MaxMagnitude(values));
}
