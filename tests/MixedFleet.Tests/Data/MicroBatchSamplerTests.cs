using MixedFleet.Data;
using MixedFleet.Tests.Model;

namespace MixedFleet.Tests.Data;

public sealed class MicroBatchSamplerTests
{
    // Bytes (high, low) of 0, 1, 2 …: a context of three bytes tells its own position.
    private static readonly byte[] Telling = [.. Enumerable.Range(0, 400).SelectMany(i => new[] { (byte)(128 + (i >> 7)), (byte)(i & 127) })];

    [Fact]
    public void Fill_InAnyOrderByAnySampler_GivesTheSameSamples()
    {
        TextCorpus corpus = TrainingText.Corpus();
        MicroBatchSampler one = new(corpus, seed: 5);
        MicroBatchSampler other = new(corpus, seed: 5);
        MicroBatch expected = new(16, 8);
        MicroBatch actual = new(16, 8);
        one.Fill(9000, expected);

        other.Fill(0, actual);
        other.Fill(9000, actual);

        actual.Contexts.Should().Equal(expected.Contexts);
        actual.Targets.Should().Equal(expected.Targets);
    }

    [Fact]
    public void Fill_OfAnotherSeedNumberOrEpoch_GivesOtherSamples()
    {
        TextCorpus corpus = TrainingText.Corpus(Telling);

        // 797 positions of 3 bytes and one target: micro-batch 797 is the first of the 17th epoch.
        Contexts(corpus, 5, 0).Should().NotEqual(Contexts(corpus, 6, 0));
        Contexts(corpus, 5, 0).Should().NotEqual(Contexts(corpus, 5, 1));
        Contexts(corpus, 5, 0).Should().NotEqual(Contexts(corpus, 5, 797));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    [InlineData(797)]
    [InlineData(1000)]
    public void Fill_OverEachOfThreeEpochs_TakesEverySampleOnce(int samples)
    {
        MicroBatchSampler sampler = new(TrainingText.Corpus(Telling), seed: 1);
        MicroBatch batch = new(samples, 3);
        int positions = Telling.Length - 3;
        List<int> order = [];
        for (long number = 0; order.Count < 3 * positions; number++)
        {
            sampler.Fill(number, batch);
            order.AddRange(Enumerable.Range(0, samples).Select(sample => PositionOf(batch, sample)));
        }

        for (int epoch = 0; epoch < 3; epoch++)
        {
            order.Skip(epoch * positions).Take(positions).Order().Should().Equal(Enumerable.Range(0, positions), $"it is epoch {epoch}");
        }
    }

    [Fact]
    public void Fill_OnceWarm_AllocatesNothing()
    {
        MicroBatchSampler sampler = new(TrainingText.Corpus(), seed: 5);
        MicroBatch batch = new(16, 8);
        sampler.Fill(0, batch);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (long number = 0; number < 300; number++)
        {
            sampler.Fill(number, batch);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }

    [Fact]
    public void Fill_OutOfRange_Throws()
    {
        TextCorpus corpus = TrainingText.Corpus(new byte[300]);
        MicroBatchSampler sampler = new(corpus, seed: 5);

        sampler.Invoking(it => it.Fill(0, new MicroBatch(1, 300))).Should().Throw<ArgumentOutOfRangeException>();
        sampler.Invoking(it => it.Fill(-1, new MicroBatch(1, 3))).Should().Throw<ArgumentOutOfRangeException>();
        sampler.Invoking(it => it.Fill(long.MaxValue, new MicroBatch(2, 3))).Should().Throw<OverflowException>();
    }

    internal static TextCorpus TellingCorpus() => TrainingText.Corpus(Telling);

    /// <summary>Where a sample of three bytes of context stands in the telling text.</summary>
    internal static int PositionOf(MicroBatch batch, int sample)
    {
        byte[] window = [.. batch.Contexts.AsSpan(sample * 3, 3), batch.Targets[sample]];
        return Telling.AsSpan().IndexOf(window);
    }

    private static byte[] Contexts(TextCorpus corpus, ulong seed, long microBatch)
    {
        MicroBatch batch = new(16, 3);
        new MicroBatchSampler(corpus, seed).Fill(microBatch, batch);
        return batch.Contexts;
    }
}
