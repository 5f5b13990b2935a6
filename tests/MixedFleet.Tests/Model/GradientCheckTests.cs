using System.Numerics.Tensors;
using MixedFleet.Data;
using MixedFleet.Model;
using StragglerGuard.Collectives.Devices;

namespace MixedFleet.Tests.Model;

public sealed class GradientCheckTests
{
    private static readonly ModelShape Shape = new(contextBytes: 6, embeddingWidth: 4, hiddenWidth: 16, samples: 4);

    [Fact]
    public void MaxRelativeError_OfAnUnevenDeal_IsRoundingAlone()
    {
        double error = Check([1, 7, 0, 3], (gradients, weights) => SumAll(gradients, weights));

        error.Should().BeInRange(0, 1e-13);
    }

    [Fact]
    public void MaxRelativeError_WhenAReductionAveragesRanksInsteadOfWeighing_IsLarge()
    {
        // The mistake that the check is for: every rank divides by its own weight, and ranks count alike.
        double error = Check([1, 7, 1, 3], (gradients, weights) =>
        {
            for (int rank = 0; rank < gradients.Length; rank++)
            {
                TensorPrimitives.Divide(gradients[rank].HostSpan, weights[rank], gradients[rank].HostSpan);
                weights[rank] = 1;
            }

            return SumAll(gradients, weights);
        });

        error.Should().BeGreaterThan(1e-3);
    }

    [Fact]
    public void MaxRelativeError_WhenAGradientIsNaN_IsNaN()
    {
        double error = Check([2, 2, 1, 3], (gradients, weights) =>
        {
            gradients[0].Upload([double.NaN], 5);
            return SumAll(gradients, weights);
        });

        error.Should().Be(double.NaN);
    }

    [Fact]
    public void MaxRelativeError_WhenAllGradientsAreZero_IsNaN()
    {
        double error = Check([2, 2, 1, 3], (gradients, weights) =>
        {
            gradients[0].HostSpan.Clear();
            return 1;
        });

        error.Should().Be(double.NaN);
    }

    [Fact]
    public void MaxRelativeError_WithoutMicroBatches_Throws()
    {
        using CpuDevice device = new();
        using ByteLanguageModel<double> model = new(device, Shape, seed: 1);
        GradientAccumulator<double> accumulator = new(model, new MicroBatchSampler(TrainingText.Corpus(), seed: 2));

        accumulator.Invoking(it => GradientCheck.MaxRelativeError(it, [], 0, [0, 0], (_, weight) => weight))
            .Should().Throw<ArgumentOutOfRangeException>();
        accumulator.Invoking(it => GradientCheck.MaxRelativeError(it, [5, 6], 0, [3, -1], (_, weight) => weight))
            .Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void MaxRelativeError_OfADealOfAnotherGlobalBatch_Throws()
    {
        using CpuDevice device = new();
        using ByteLanguageModel<double> model = new(device, Shape, seed: 1);
        GradientAccumulator<double> accumulator = new(model, new MicroBatchSampler(TrainingText.Corpus(), seed: 2));

        accumulator.Invoking(it => GradientCheck.MaxRelativeError(it, [5, 6, 7], 0, [1, 1], (_, weight) => weight))
            .Should().Throw<ArgumentOutOfRangeException>();
    }

    private static double SumAll(DeviceBuffer<double>[] gradients, double[] weights)
    {
        for (int rank = 1; rank < gradients.Length; rank++)
        {
            TensorPrimitives.Add(gradients[0].HostSpan, gradients[rank].HostSpan, gradients[0].HostSpan);
        }

        return weights.Sum();
    }

    // Ranks one after the other: each but the first leaves its sums behind, the first one's reduction then sees all.
    private static double Check(int[] deal, Func<DeviceBuffer<double>[], double[], double> sumIntoFirst)
    {
        using CpuDevice device = new();
        TextCorpus corpus = TrainingText.Corpus();
        long[] globalBatch = [.. Enumerable.Range(0, deal.Sum()).Select(k => k < 2 ? 3L + k : 100 + k)];
        List<List<(DeviceBuffer<double> Gradients, double Weight)>> reductions = [[], []];
        double result = 0;
        for (int rank = deal.Length - 1; rank >= 0; rank--)
        {
            using ByteLanguageModel<double> model = new(device, Shape, seed: 7);
            GradientAccumulator<double> accumulator = new(model, new MicroBatchSampler(corpus, seed: 8));
            int call = 0;
            bool isFirst = rank == 0;
            result = GradientCheck.MaxRelativeError(accumulator, globalBatch, rank, deal, (gradients, weight) =>
            {
                List<(DeviceBuffer<double> Gradients, double Weight)> contributions = reductions[call++];
                if (!isFirst)
                {
                    DeviceBuffer<double> copy = device.Allocate<double>(gradients.Length);
                    copy.Upload(gradients.HostSpan);
                    contributions.Add((copy, weight));
                    return weight;
                }

                contributions.Insert(0, (gradients, weight));
                return sumIntoFirst([.. contributions.Select(it => it.Gradients)], [.. contributions.Select(it => it.Weight)]);
            });
            call.Should().Be(2);
        }

        return result;
    }
}
