using FsCheck;
using FsCheck.Fluent;
using MixedFleet.Data;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Tests.Data;

public sealed class MicroBatchQueueTests
{
    [Fact]
    public void Steps_WhereNothingIsDropped_TakeTheNumbersInOrder()
    {
        MicroBatchQueue queue = new(4);
        MicroBatchDeal deal = MicroBatchDeal.Even(4, 2);

        queue.BeginStep(0).ToArray().Should().Equal(0, 1, 2, 3);
        queue.Complete(0, deal, [2, 2]);
        queue.BeginStep(1).ToArray().Should().Equal(4, 5, 6, 7);
        queue.Complete(1, deal, [2, 2]);

        queue.Step.Should().Be(2);
        queue.NextNew.Should().Be(8);
        queue.Waiting.Length.Should().Be(0);
    }

    [Fact]
    public void Complete_WhereRanksDropped_PutsTheRestBeforeAllThatIsNew()
    {
        MicroBatchQueue queue = new(8);
        MicroBatchDeal uneven = new(new PlanEpoch(1), [5, 1, 2]);
        queue.BeginStep(0);
        queue.Complete(0, uneven, [3, 1, 0]);
        queue.Waiting.ToArray().Should().Equal(3, 4, 6, 7);

        // The next step is another generation's, of two ranks: the first drops what it was handed on.
        queue.BeginStep(1).ToArray().Should().Equal(3, 4, 6, 7, 8, 9, 10, 11);
        queue.Complete(1, new MicroBatchDeal(new PlanEpoch(2), [6, 2]), [1, 2]);
        queue.BeginStep(2).ToArray().Should().Equal(4, 6, 7, 8, 9, 12, 13, 14);
    }

    [Fact]
    public void BeginStep_AfterAStepThatWasAbandoned_HoldsTheSame()
    {
        MicroBatchQueue queue = new(3);
        queue.BeginStep(0);
        queue.Complete(0, MicroBatchDeal.Even(3, 3), [1, 0, 1]);
        long[] lost = queue.BeginStep(1).ToArray();

        queue.BeginStep(1).ToArray().Should().Equal(lost).And.Equal(1, 3, 4);
        queue.Copy().BeginStep(1).ToArray().Should().Equal(lost);
    }

    [Fact]
    public void Job_HoweverItIsDealtDroppedInterruptedAndRegrouped_DoesEveryMicroBatchExactlyOnce() =>
        Prop.ForAll(Jobs().ToArbitrary(), job =>
        {
            MicroBatchQueue queue = new(job.MicroBatches);
            List<long> done = [];
            foreach (JobStep step in job.Steps)
            {
                if (step.IsAbandoned)
                {
                    queue.BeginStep(queue.Step);
                }

                if (step.IsHandedOver)
                {
                    queue = HandedOver(queue);
                }

                var deal = new MicroBatchDeal(PlanEpoch.Initial, step.Shares);
                long[] batch = queue.BeginStep(queue.Step).ToArray();
                for (int rank = 0; rank < deal.Ranks; rank++)
                {
                    int first = deal.First(new Rank(rank));
                    done.AddRange(batch[first..(first + step.Done[rank])]);
                }

                queue.Complete(queue.Step, deal, step.Done);
                queue.Waiting.Length.Should().BeLessThanOrEqualTo(job.MicroBatches);
            }

            done.Should().OnlyHaveUniqueItems();
            done.Concat(queue.Waiting.ToArray()).Order().Should().Equal(Enumerable.Range(0, (int)queue.NextNew).Select(number => (long)number));
            queue.Step.Should().Be(job.Steps.Length);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300).WithReplay(20250402, 1));

    [Fact]
    public void Epoch_UnderDropsAndChangesOfMembership_UsesEverySampleExactlyOnce() =>
        Prop.ForAll(Jobs().ToArbitrary(), job =>
        {
            TextCorpus corpus = MicroBatchSamplerTests.TellingCorpus();
            MicroBatchSampler sampler = new(corpus, seed: 9);
            MicroBatch room = new(samples: 32, contextBytes: 3);
            int positions = corpus.Bytes.Length - room.ContextBytes;
            int inEpoch = (positions + room.Samples - 1) / room.Samples;
            MicroBatchQueue queue = new(job.MicroBatches);
            int[] used = new int[positions];
            for (int i = 0; queue.NextNew < inEpoch || queue.Waiting.IndexOfAnyInRange(0, inEpoch - 1) >= 0; i++)
            {
                // Once the job's own steps are over nothing is dropped any more, or it might never end.
                bool isOver = i >= job.Steps.Length;
                JobStep step = job.Steps[i % job.Steps.Length];
                int[] counts = isOver ? step.Shares : step.Done;
                var deal = new MicroBatchDeal(PlanEpoch.Initial, step.Shares);
                ReadOnlySpan<long> batch = queue.BeginStep(i);
                for (int rank = 0; rank < deal.Ranks; rank++)
                {
                    foreach (long number in batch.Slice(deal.First(new Rank(rank)), counts[rank]))
                    {
                        sampler.Fill(number, room);
                        for (int sample = 0; sample < room.Samples; sample++)
                        {
                            // The micro-batch at the seam ends with samples of the next epoch.
                            bool isOfEpoch = (number * room.Samples) + sample < positions;
                            used[MicroBatchSamplerTests.PositionOf(room, sample)] += isOfEpoch ? 1 : 0;
                        }
                    }
                }

                queue.Complete(i, deal, counts);
            }

            used.Should().OnlyContain(times => times == 1);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(30).WithReplay(20250403, 1));

    [Fact]
    public void TryRead_OfAnyDamage_NeverGivesAQueueThatContradictsItself()
    {
        MicroBatchQueue queue = new(3);
        queue.BeginStep(0);
        queue.Complete(0, MicroBatchDeal.Even(3, 3), [0, 1, 0]);
        byte[] good = new byte[MicroBatchQueue.EncodedLengthOf(3)];
        queue.Write(good).Should().Be(good.Length);

        MicroBatchQueue.TryRead(good.AsSpan(1), out _, out string cut).Should().BeFalse();
        cut.Should().NotBeEmpty();
        Refused(at: 0, value: 1).Should().StartWith("the bytes begin with");
        Refused(at: 4, value: 9).Should().StartWith("version 9");
        Refused(at: 8, value: 4).Should().Be("4 micro-batches a step don't fit 56 bytes");
        Refused(at: 12, value: 4).Should().Be("4 micro-batches wait, 3 at most can");
        Refused(at: 12, value: 1).Should().Be("number 2 can't stand at place 1 of what waits");
        Refused(at: 16, value: 0).Should().Be("3 micro-batches were begun and 2 wait after 0 steps of 3");
        Refused(at: 24, value: 2).Should().Be("number 2 can't stand at place 1 of what waits");
        Refused(at: 40, value: 0).Should().Be("number 0 can't stand at place 1 of what waits");
        MicroBatchQueue.TryRead(good, out MicroBatchQueue? same, out _).Should().BeTrue();
        same!.BeginStep(1).ToArray().Should().Equal(0, 2, 3);

        string Refused(int at, byte value)
        {
            byte[] bad = [.. good];
            bad[at] = value;
            MicroBatchQueue.TryRead(bad, out _, out string reason).Should().BeFalse();
            return reason;
        }
    }

    [Fact]
    public void Calls_OfAnotherStepOrDeal_Throw()
    {
        MicroBatchQueue queue = new(4);
        MicroBatchDeal deal = MicroBatchDeal.Even(4, 2);
        queue.Invoking(it => it.Complete(0, deal, [2, 2])).Should().Throw<InvalidOperationException>();
        queue.Invoking(it => it.BeginStep(1).Length).Should().Throw<ArgumentOutOfRangeException>();
        queue.BeginStep(0);

        queue.Invoking(it => it.Complete(1, deal, [2, 2])).Should().Throw<ArgumentOutOfRangeException>();
        queue.Invoking(it => it.Complete(0, MicroBatchDeal.Even(5, 2), [3, 2])).Should().Throw<ArgumentOutOfRangeException>();
        queue.Invoking(it => it.Complete(0, deal, [2])).Should().Throw<ArgumentOutOfRangeException>();
        queue.Invoking(it => it.Complete(0, deal, [3, 1])).Should().Throw<ArgumentOutOfRangeException>();
        queue.Invoking(it => it.Complete(0, deal, [-1, 2])).Should().Throw<ArgumentOutOfRangeException>();

        // A refused call has changed nothing.
        queue.Complete(0, deal, [2, 1]);
        queue.Waiting.ToArray().Should().Equal(3);
        FluentActions.Invoking(() => new MicroBatchQueue(0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Steps_OnceWarm_AllocateNothing()
    {
        MicroBatchQueue queue = new(8);
        MicroBatchDeal deal = new(PlanEpoch.Initial, [5, 3]);
        int[] done = [4, 1];
        byte[] state = new byte[MicroBatchQueue.EncodedLengthOf(8)];
        Steps(3);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Steps(50);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);

        void Steps(int count)
        {
            for (int i = 0; i < count; i++)
            {
                queue.BeginStep(queue.Step);
                queue.Complete(queue.Step, deal, done);
                queue.Write(state);
            }
        }
    }

    private static MicroBatchQueue HandedOver(MicroBatchQueue queue)
    {
        byte[] state = new byte[MicroBatchQueue.EncodedLengthOf(queue.MicroBatchesPerStep)];
        queue.Write(state);
        MicroBatchQueue.TryRead(state, out MicroBatchQueue? read, out string reason).Should().BeTrue(reason);
        return read!;
    }

    // Every step has a membership and deal of its own, drops of its own; some are abandoned first, some follow a hand-over.
    private static Gen<Job> Jobs() =>
        from microBatches in Gen.Choose(1, 24)
        from steps in StepOf(microBatches).ArrayOf().Where(list => list.Length > 0)
        select new Job(microBatches, steps);

    private static Gen<JobStep> StepOf(int microBatches) =>
        from ranks in Gen.Choose(1, 6)
        from owners in Gen.Choose(0, ranks - 1).ArrayOf(microBatches)
        from drops in Gen.Frequency((1, Gen.Constant(0)), (2, Gen.Choose(0, 100))).ArrayOf(ranks)
        from isAbandoned in Gen.Frequency((9, Gen.Constant(false)), (1, Gen.Constant(true)))
        from isHandedOver in Gen.Frequency((4, Gen.Constant(false)), (1, Gen.Constant(true)))
        let shares = Enumerable.Range(0, ranks).Select(rank => owners.Count(owner => owner == rank)).ToArray()
        select new JobStep(
            shares, [.. shares.Zip(drops, (share, drop) => share - (share * drop / 100))], isAbandoned, isHandedOver);

    private sealed record Job(int MicroBatches, JobStep[] Steps)
    {
        public override string ToString() => $"{MicroBatches} micro-batches: {string.Join("; ", (object[])Steps)}";
    }

    private sealed record JobStep(int[] Shares, int[] Done, bool IsAbandoned, bool IsHandedOver)
    {
        public override string ToString() =>
            $"{string.Join(' ', Shares)} done {string.Join(' ', Done)}{(IsAbandoned ? " abandoned first" : "")}{(IsHandedOver ? " handed over" : "")}";
    }
}
