using System.Numerics;
using MixedFleet.Data;
using MixedFleet.Model;
using StragglerGuard.Collectives.Devices;

namespace MixedFleet.Tests.Model;

public sealed class ByteLanguageModelTests
{
    private static readonly ModelShape Small = new(contextBytes: 4, embeddingWidth: 3, hiddenWidth: 7, samples: 5);

    [Fact]
    public void Backward_OfEveryParameterGroup_EqualsCentralDifferences()
    {
        const double h = 1e-5;
        using CpuDevice device = new();
        using ByteLanguageModel<double> model = new(device, Small, seed: 11);
        GiveBiases(model);
        MicroBatch batch = TrainingText.Batch(5, 4, seed: 12);
        model.AccumulateGradients(batch);
        double[] gradients = Download(model.Gradients);
        double[] parameters = Download(model.Parameters);

        foreach (ParameterGroup group in Small.Groups)
        {
            double largest = 0;
            double worst = 0;
            for (int i = group.Offset; i < group.Offset + group.Length; i++)
            {
                double numeric = (LossWith(i, parameters[i] + h) - LossWith(i, parameters[i] - h)) / (2 * h);
                model.Parameters.Upload([parameters[i]], i);
                largest = Math.Max(largest, Math.Abs(gradients[i]));
                worst = Math.Max(worst, Math.Abs(numeric - gradients[i]));
            }

            largest.Should().BePositive(group.Name);
            (worst / largest).Should().BeLessThanOrEqualTo(1e-6, group.Name);
        }

        double LossWith(int index, double value)
        {
            model.Parameters.Upload([value], index);
            return model.LossSum(batch);
        }
    }

    [Fact]
    public void Groups_Together_FillTheFlatVectorWithoutGaps()
    {
        int next = 0;
        foreach (ParameterGroup group in Small.Groups)
        {
            group.Offset.Should().Be(next, group.Name);
            next += group.Length;
        }

        next.Should().Be(Small.ParameterCount);
    }

    [Fact]
    public void Embedding_OfBytesThatDoNotOccur_HasNoGradient()
    {
        using CpuDevice device = new();
        using ByteLanguageModel<double> model = new(device, Small, seed: 13);
        MicroBatch batch = TrainingText.Batch(5, 4, seed: 14);
        model.AccumulateGradients(batch);
        double[] gradients = Download(model.Gradients);

        for (int symbol = 0; symbol < ModelShape.Symbols; symbol++)
        {
            bool isTouched = gradients.AsSpan(Small.Embedding.Offset + (symbol * 3), 3).ContainsAnyExcept(0);
            isTouched.Should().Be(batch.Contexts.Contains((byte)symbol), $"byte {symbol}");
        }
    }

    [Fact]
    public void AccumulateGradients_OfTwoMicroBatches_AddsUp()
    {
        using CpuDevice device = new();
        using ByteLanguageModel<double> model = new(device, Small, seed: 15);
        MicroBatch first = TrainingText.Batch(5, 4, seed: 16);
        MicroBatch second = TrainingText.Batch(5, 4, seed: 17);
        model.AccumulateGradients(first);
        double[] a = Download(model.Gradients);
        model.ClearGradients();
        model.AccumulateGradients(second);
        double[] b = Download(model.Gradients);
        model.ClearGradients();

        double loss = model.AccumulateGradients(first) + model.AccumulateGradients(second);

        double[] both = Download(model.Gradients);
        both.Zip(a.Zip(b, (x, y) => x + y), (x, y) => Math.Abs(x - y)).Max().Should().BeLessThan(1e-14);
        loss.Should().BeApproximately(model.LossSum(first) + model.LossSum(second), 1e-12);
    }

    [Fact]
    public void ClearGradients_AfterNaN_LeavesZeros()
    {
        using CpuDevice device = new();
        using ByteLanguageModel<float> model = new(device, Small, seed: 1);
        model.Gradients.Upload([float.NaN], 3);

        model.ClearGradients();

        Download(model.Gradients).Should().OnlyContain(value => value == 0f);
    }

    [Fact]
    public void SinglePrecision_AgainstDouble_Agrees()
    {
        using CpuDevice device = new();
        ModelShape shape = new();
        using ByteLanguageModel<float> single = new(device, shape, seed: 21);
        using ByteLanguageModel<double> reference = new(device, shape, seed: 21);
        MicroBatch batch = TrainingText.Batch(shape.Samples, shape.ContextBytes, seed: 22);

        Download(single.Parameters).Should().Equal(Download(reference.Parameters).Select(value => (float)value));
        double lossSum = single.AccumulateGradients(batch);
        double expected = reference.AccumulateGradients(batch);

        lossSum.Should().BeApproximately(expected, 1e-5 * expected);
        RelativeError(Download(single.Gradients), Download(reference.Gradients)).Should().BeLessThan(1e-5);
    }

    [Fact]
    public void DeviceWithMemoryOfItsOwn_AgainstTheProcessor_Agrees()
    {
        using CpuDevice cpu = new();
        using DetachedDevice detached = new();
        using ByteLanguageModel<double> near = new(cpu, Small, seed: 31);
        using ByteLanguageModel<double> far = new(detached, Small, seed: 31);
        Adam<double> nearAdam = new(Small.ParameterCount);
        Adam<double> farAdam = new(Small.ParameterCount);

        for (ulong step = 0; step < 3; step++)
        {
            MicroBatch batch = TrainingText.Batch(5, 4, seed: step);
            near.ClearGradients();
            far.ClearGradients();
            far.AccumulateGradients(batch).Should().BeApproximately(near.AccumulateGradients(batch), 1e-9, $"step {step}");
            RelativeError(Download(far.Gradients), Download(near.Gradients)).Should().BeLessThan(1e-7, $"step {step}");
            near.Apply(nearAdam, 0.2);
            far.Apply(farAdam, 0.2);
        }

        RelativeError(Download(far.Parameters), Download(near.Parameters)).Should().BeLessThan(1e-7);
    }

    [Fact]
    public void SmallerMicroBatch_ThanTheLargest_IsComputedAlone()
    {
        using CpuDevice device = new();
        using ByteLanguageModel<double> large = new(device, Small, seed: 41);
        using ByteLanguageModel<double> exact = new(device, new ModelShape(4, 3, 7, samples: 2), seed: 41);
        large.AccumulateGradients(TrainingText.Batch(5, 4, seed: 1));
        large.ClearGradients();
        MicroBatch two = TrainingText.Batch(2, 4, seed: 42);

        large.AccumulateGradients(two).Should().Be(exact.AccumulateGradients(two));
        Download(large.Gradients).Should().Equal(Download(exact.Gradients));
    }

    [Fact]
    public void FirstLoss_OfFreshWeights_IsNearTheLogOfAllSymbols()
    {
        using CpuDevice device = new();
        ModelShape shape = new();
        using ByteLanguageModel<float> model = new(device, shape, seed: 51);

        double loss = model.LossSum(TrainingText.Batch(shape.Samples, shape.ContextBytes, seed: 52)) / shape.Samples;

        loss.Should().BeInRange(Math.Log(256) - 0.7, Math.Log(256) + 0.7);
    }

    [Fact]
    public void Training_OnText_LowersTheLossAndRepeatsBitForBit()
    {
        (double first, double last, ulong bits) = Train();
        last.Should().BeLessThan(0.75 * first);
        Train().Should().Be((first, last, bits));

        static (double First, double Last, ulong Bits) Train()
        {
            using CpuDevice device = new();
            ModelShape shape = new(contextBytes: 8, embeddingWidth: 8, hiddenWidth: 32, samples: 16);
            using ByteLanguageModel<float> model = new(device, shape, seed: 61);
            GradientAccumulator<float> accumulator = new(model, new MicroBatchSampler(TrainingText.Corpus(), seed: 62));
            Adam<float> adam = new(shape.ParameterCount);
            double first = 0;
            for (int step = 0; step < 150; step++)
            {
                accumulator.Begin();
                accumulator.Add(2 * step);
                accumulator.Add((2 * step) + 1);
                model.Apply(adam, (float)(1 / accumulator.Weight));
                first = step == 0 ? accumulator.LossSum / accumulator.Weight : first;
            }

            return (first, accumulator.LossSum / accumulator.Weight, model.WeightBits());
        }
    }

    [Fact]
    public void WeightBits_WhenTheLastBitOfOneWeightFlips_Differ()
    {
        using CpuDevice device = new();
        using ByteLanguageModel<float> model = new(device, Small, seed: 71);
        ulong before = model.WeightBits();
        float[] parameters = Download(model.Parameters);

        foreach (int index in new[] { 0, Small.ParameterCount / 2, Small.ParameterCount - 1 })
        {
            model.Parameters.Upload([MathF.BitIncrement(parameters[index])], index);
            model.WeightBits().Should().NotBe(before, $"weight {index}");
            model.Parameters.Upload([parameters[index]], index);
            model.WeightBits().Should().Be(before);
        }
    }

    [Fact]
    public void Weights_OfAnotherSeed_Differ()
    {
        using CpuDevice device = new();
        using ByteLanguageModel<float> one = new(device, Small, seed: 1);
        using ByteLanguageModel<float> same = new(device, Small, seed: 1);
        using ByteLanguageModel<float> other = new(device, Small, seed: 2);

        same.WeightBits().Should().Be(one.WeightBits());
        other.WeightBits().Should().NotBe(one.WeightBits());
    }

    [Fact]
    public void TrainingStep_OnceWarm_AllocatesNothing()
    {
        using CpuDevice device = new();
        ModelShape shape = new();
        using ByteLanguageModel<float> model = new(device, shape, seed: 81);
        GradientAccumulator<float> accumulator = new(model, new MicroBatchSampler(TrainingText.Corpus(), seed: 82));
        Adam<float> adam = new(shape.ParameterCount);
        Step(0);
        Step(1);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Step(2);
        Step(3);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);

        void Step(long number)
        {
            accumulator.Begin();
            accumulator.Add(2 * number);
            accumulator.Add((2 * number) + 1);
            model.Apply(adam, 0.03125f);
            model.WeightBits();
        }
    }

    [Fact]
    public void MicroBatch_ThatDoesNotFit_Throws()
    {
        using CpuDevice device = new();
        using ByteLanguageModel<float> model = new(device, Small, seed: 91);

        model.Invoking(it => it.LossSum(new MicroBatch(6, 4))).Should().Throw<ArgumentOutOfRangeException>();
        model.Invoking(it => it.LossSum(new MicroBatch(5, 3))).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Theory]
    [InlineData(0, 1, 1, 1)]
    [InlineData(1, 0, 1, 1)]
    [InlineData(1, 1, 0, 1)]
    [InlineData(1, 1, 1, 0)]
    [InlineData(1024, 1024, 8192, 1)]
    public void Shape_OutOfRange_Throws(int contextBytes, int embeddingWidth, int hiddenWidth, int samples)
    {
        Func<ModelShape> shape = () => new ModelShape(contextBytes, embeddingWidth, hiddenWidth, samples);
        shape.Should().Throw<ArgumentOutOfRangeException>();
    }

    // Biases start at zero, where a wrong gradient of theirs could hide.
    private static void GiveBiases(ByteLanguageModel<double> model)
    {
        foreach (ParameterGroup bias in new[] { Small.HiddenBias, Small.OutputBias })
        {
            double[] values = [.. Enumerable.Range(0, bias.Length).Select(i => 0.3 * Math.Sin(1 + i))];
            model.Parameters.Upload(values, bias.Offset);
        }
    }

    private static T[] Download<T>(DeviceBuffer<T> buffer)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T[] values = new T[buffer.Length];
        buffer.Download(values);
        return values;
    }

    private static double RelativeError<T>(T[] values, double[] reference)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        values.Zip(reference, (x, y) => Math.Abs(double.CreateTruncating(x) - y)).Max() / reference.Max(Math.Abs);
}
