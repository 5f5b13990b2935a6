using System.Buffers.Binary;
using MixedFleet.Checkpoints;

namespace MixedFleet.Tests.Checkpoints;

public sealed class TrainingStateTests
{
    [Fact]
    public void Restore_InAnotherModel_GoesOnBitForBit()
    {
        using SmallJob whole = new();
        double[] losses = whole.Train(14);

        using SmallJob firstHalf = new();
        double[] before = firstHalf.Train(7);
        using SmallJob secondHalf = new();
        secondHalf.Train(2);
        secondHalf.GoOnFrom(Read(firstHalf.State()));
        double[] after = secondHalf.Train(7);

        before.Concat(after).Should().Equal(losses);
        secondHalf.Model.WeightBits().Should().Be(whole.Model.WeightBits());
        secondHalf.State().Should().Equal(whole.State());
        secondHalf.Plan.Should().Be(firstHalf.Plan);
        secondHalf.Queue.Waiting.Length.Should().BePositive("the halves must not meet where nothing was dropped");
    }

    [Fact]
    public void Restore_ByTwoRanks_GivesEachAQueueOfItsOwn()
    {
        using SmallJob job = new();
        job.Train(3);
        TrainingState state = Read(job.State());
        using SmallJob one = new();
        using SmallJob other = new();

        one.GoOnFrom(state);
        one.Train(4);
        other.GoOnFrom(state);

        other.Queue.Step.Should().Be(3);
        other.State().Should().Equal(job.State());
        state.NextStep.Should().Be(3);
    }

    [Fact]
    public void TryRead_OfBytesCutAnywhere_Refuses()
    {
        using SmallJob job = new();
        byte[] state = job.State();
        for (int length = 0; length < state.Length; length += length < 200 ? 1 : 97)
        {
            TrainingState.TryRead(state.AsMemory(0, length), out _, out string reason).Should().BeFalse();
            reason.Should().StartWith("is cut: ", "{0} bytes are too few", length);
        }

        TrainingState.TryRead(new byte[state.Length + 1], out _, out string foreign).Should().BeFalse();
        foreign.Should().Be("is no training state: it begins otherwise");
        TrainingState.TryRead((byte[])[.. state, 0], out _, out string longer).Should().BeFalse();
        longer.Should().Be($"is damaged: {state.Length + 1} bytes where it says {state.Length}");
    }

    [Fact]
    public void TryRead_OfOneFlippedBitAnywhere_Refuses()
    {
        using SmallJob job = new();
        job.Train(2);
        byte[] state = job.State();
        for (int at = 0; at < state.Length; at += at < 300 ? 1 : 41)
        {
            state[at] ^= 0x10;
            TrainingState.TryRead(state, out _, out string reason).Should().BeFalse("byte {0} is damaged", at);
            reason.Should().NotBeEmpty();
            state[at] ^= 0x10;
        }

        TrainingState.TryRead(state, out _, out _).Should().BeTrue();
    }

    [Theory]
    [InlineData(48, 9, "contradicts itself: 3 ranks and 9 micro-batches, but 3 and 8 in its plan and 8 micro-batches in its queue")]
    [InlineData(52, 4, "contradicts itself: 4 ranks and 8 micro-batches, but 3 and 8 in its plan and 8 micro-batches in its queue")]
    [InlineData(72, 1_000_000, "contradicts itself: 56 bytes of plan and 1000000 weights in ")]
    [InlineData(72, -1, "contradicts itself: 56 bytes of plan and -1 weights in ")]
    [InlineData(76, 1, "contradicts itself: its plan: ")]
    [InlineData(76, -1, "contradicts itself: -1 bytes of plan")]
    [InlineData(136, 0, "contradicts itself: its queue: the bytes begin with 00000000")]
    public void TryRead_OfAWholeStateThatCanNotBe_Refuses(int at, int value, string expected)
    {
        using SmallJob job = new();
        byte[] state = job.State();
        BinaryPrimitives.WriteInt32LittleEndian(state.AsSpan(at), value);
        TrainingState.Seal(state);

        TrainingState.TryRead(state, out _, out string reason).Should().BeFalse();
        reason.Should().StartWith(expected);
    }

    [Fact]
    public void DifferencesTo_AnotherJob_NameEveryField()
    {
        TrainingIdentity job = new(1, 0xABC, 16, 16, 192, 32, 32, 4);

        job.DifferencesTo(job with { }).Should().BeEmpty();
        job.DifferencesTo(new TrainingIdentity(2, 0xDEF, 16, 8, 192, 32, 64, 5)).Should().Equal(
            "--seed: it was written with 2, this run has 1",
            "--micro-batches: it was written with 64, this run has 32",
            "ranks of the fleet: it was written with 5, this run has 4",
            "text: it was written with one of fingerprint 0000000000000def, this run has 0000000000000abc",
            "model (context, embedding, hidden units, samples of a micro-batch): it was written with 16, 8, 192, 32, this run has 16, 16, 192, 32");
    }

    [Fact]
    public void Capture_OnceWarm_AllocatesNothing()
    {
        using SmallJob job = new();
        byte[] state = job.State();

        long before = GC.GetAllocatedBytesForCurrentThread();
        TrainingState.Capture(state, job.Identity, job.Plan, job.Queue, job.Model, job.Optimizer);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }

    private static TrainingState Read(byte[] bytes)
    {
        TrainingState.TryRead(bytes, out TrainingState? state, out string reason).Should().BeTrue(reason);
        return state!;
    }
}
