using MixedFleet.Data;
using MixedFleet.Tests.Model;

namespace MixedFleet.Tests.Data;

public sealed class MicroBatchSamplerTests
{
    [Fact]
    public void Fill_InAnyOrderByAnySampler_GivesTheSameSamples()
    {
        TextCorpus corpus = TrainingText.Corpus();
        MicroBatchSampler one = new(corpus, seed: 5);
        MicroBatchSampler other = new(corpus, seed: 5);
        MicroBatch expected = new(16, 8);
        MicroBatch actual = new(16, 8);
        one.Fill(9, 3, expected);

        other.Fill(0, 0, actual);
        other.Fill(9, 3, actual);

        actual.Contexts.Should().Equal(expected.Contexts);
        actual.Targets.Should().Equal(expected.Targets);
    }

    [Fact]
    public void Fill_WithAnyPartOfTheNameChanged_GivesOtherSamples()
    {
        TextCorpus corpus = TrainingText.Corpus();
        Contexts(corpus, 5, 9, 3).Should().NotEqual(Contexts(corpus, 6, 9, 3));
        Contexts(corpus, 5, 9, 3).Should().NotEqual(Contexts(corpus, 5, 8, 3));
        Contexts(corpus, 5, 9, 3).Should().NotEqual(Contexts(corpus, 5, 9, 2));
        Contexts(corpus, 5, 3, 9).Should().NotEqual(Contexts(corpus, 5, 9, 3));
    }

    [Fact]
    public void Fill_OverATextWithoutRepetition_TakesNeighbouringBytesFromEverywhere()
    {
        // Bytes (high, low) of 0, 1, 2 …: a context tells its own position.
        byte[] bytes = [.. Enumerable.Range(0, 400).SelectMany(i => new[] { (byte)(128 + (i >> 7)), (byte)(i & 127) })];
        MicroBatchSampler sampler = new(TrainingText.Corpus(bytes), seed: 1);
        MicroBatch batch = new(64, 3);
        HashSet<int> positions = [];
        for (int step = 0; step < 200; step++)
        {
            sampler.Fill(step, 0, batch);
            for (int sample = 0; sample < 64; sample++)
            {
                byte[] window = [.. batch.Contexts.AsSpan(sample * 3, 3), batch.Targets[sample]];
                int position = bytes.AsSpan().IndexOf(window);
                position.Should().BeGreaterThanOrEqualTo(0, $"step {step}, sample {sample}");
                positions.Add(position);
            }
        }

        // 12,800 draws over 797 positions: each is missed with probability e^-16.
        positions.Should().HaveCount(bytes.Length - 3);
    }

    [Fact]
    public void Fill_OnceWarm_AllocatesNothing()
    {
        MicroBatchSampler sampler = new(TrainingText.Corpus(), seed: 5);
        MicroBatch batch = new(16, 8);
        sampler.Fill(0, 0, batch);

        long before = GC.GetAllocatedBytesForCurrentThread();
        sampler.Fill(1, 0, batch);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }

    [Fact]
    public void Fill_WithAContextAsLongAsTheText_Throws()
    {
        TextCorpus corpus = TrainingText.Corpus(new byte[300]);
        MicroBatchSampler sampler = new(corpus, seed: 5);

        sampler.Invoking(it => it.Fill(0, 0, new MicroBatch(1, 300))).Should().Throw<ArgumentOutOfRangeException>();
        sampler.Invoking(it => it.Fill(-1, 0, new MicroBatch(1, 3))).Should().Throw<ArgumentOutOfRangeException>();
        sampler.Invoking(it => it.Fill(0, -1, new MicroBatch(1, 3))).Should().Throw<ArgumentOutOfRangeException>();
    }

    private static byte[] Contexts(TextCorpus corpus, ulong seed, long step, int k)
    {
        MicroBatch batch = new(16, 8);
        new MicroBatchSampler(corpus, seed).Fill(step, k, batch);
        return batch.Contexts;
    }
}
