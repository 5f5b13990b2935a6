using FsCheck;
using FsCheck.Fluent;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.Timing;

public sealed class StepFrameAssemblerTests
{
    [Fact]
    public void TryTake_WhenAllRanksReported_HandsOutTheColumns()
    {
        var assembler = new StepFrameAssembler(2, new Generation(3));
        assembler.Add(Timings.Step(9, 1, insideNs: 40, generation: 3)).Should().Be(FrameAdmission.Accepted);
        assembler.TryTake(out _).Should().BeFalse();
        StepTiming other = Timings.Step(9, 0, insideNs: 70, generation: 3) with
        {
            StartNs = 5, ComputeNs = 6, DataWaitNs = 7, WorkUnits = 8, Weight = 9, WorkloadFeature = 10, Epoch = new PlanEpoch(11),
        };
        assembler.Add(in other);

        assembler.TryTake(out StepFrame? frame).Should().BeTrue();

        frame!.Step.Should().Be(9);
        frame.Generation.Should().Be(new Generation(3));
        frame.IsComplete.Should().BeTrue();
        frame.CollectiveNs.ToArray().Should().Equal(70, 40);
        frame.StartNs[0].Should().Be(5);
        frame.ComputeNs[0].Should().Be(6);
        frame.DataWaitNs[0].Should().Be(7);
        frame.WorkUnits[0].Should().Be(8);
        frame.Weight[0].Should().Be(9);
        frame.Feature[0].Should().Be(10);
        frame.Epoch[0].Should().Be(new PlanEpoch(11));
        frame.ArrivalNs[0].Should().Be(500);
        assembler.Counters.Should().Be(new FrameCounters { Accepted = 2, CompleteFrames = 1 });
    }

    [Fact]
    public void TryTake_WhenEveryAbsentRankHasMovedOn_ClosesTheFrameWithoutThem()
    {
        var assembler = new StepFrameAssembler(3, default);
        assembler.Add(Timings.Step(0, 0));
        assembler.Add(Timings.Step(0, 1));
        assembler.Add(Timings.Step(1, 0));
        assembler.TryTake(out _).Should().BeFalse("rank 2 may still report step 0");

        assembler.Add(Timings.Step(1, 2));

        assembler.TryTake(out StepFrame? frame).Should().BeTrue();
        frame!.Step.Should().Be(0);
        frame.PresentCount.Should().Be(2);
        frame.IsPresent(2).Should().BeFalse();
        assembler.TryTake(out _).Should().BeFalse("rank 1 may still report step 1");
        assembler.Counters.Missing.Should().Be(1);
        assembler.Counters.IncompleteFrames.Should().Be(1);
    }

    [Theory]
    [InlineData(true, 300, 0)]
    [InlineData(false, 8, 292)]
    public void CatchUp_OfBacklogsThatComeOneAfterTheOther_LeavesNoFrameWithoutTheLater(bool catchesUp, int complete, int incomplete)
    {
        var assembler = new StepFrameAssembler(3, default, horizonSteps: 8);
        if (catchesUp)
        {
            assembler.BeginCatchUp(4_096);
        }

        var taken = new List<long>();
        for (int rank = 0; rank < 3; rank++)
        {
            for (long step = 1_000; step < 1_300; step++)
            {
                assembler.Add(Timings.Step(step, rank));
                while (assembler.TryTake(out StepFrame? frame))
                {
                    taken.Add(frame.Step);
                }
            }
        }

        taken.Should().Equal(Enumerable.Range(1_000, 300).Select(step => (long)step));
        assembler.Counters.CompleteFrames.Should().Be(complete);
        assembler.Counters.IncompleteFrames.Should().Be(incomplete);
        assembler.IsCatchingUp.Should().BeFalse("all ranks are within the horizon");
    }

    [Fact]
    public void CatchUp_WithARankThatNeverComes_EndsByItsOwnHorizonOrWhenItIsTold()
    {
        var assembler = new StepFrameAssembler(2, default, horizonSteps: 8);
        assembler.BeginCatchUp(100);
        for (long step = 0; step < 102; step++)
        {
            assembler.Add(Timings.Step(step, 0));
        }

        TakeAll(assembler).Should().Equal([0, 1], "those are a hundred behind");
        assembler.IsCatchingUp.Should().BeTrue();

        assembler.EndCatchUp();

        TakeAll(assembler).Should().HaveCount(92).And.EndWith(93L, "eight behind is the horizon");
        assembler.Invoking(frames => frames.BeginCatchUp(0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void TryTake_WhenARankFallsSilent_ClosesFramesAtTheHorizon()
    {
        var assembler = new StepFrameAssembler(2, default, horizonSteps: 4);
        for (long step = 0; step < 4; step++)
        {
            assembler.Add(Timings.Step(step, 0));
            assembler.TryTake(out _).Should().BeFalse();
        }

        assembler.Add(Timings.Step(4, 0));

        assembler.TryTake(out StepFrame? frame).Should().BeTrue();
        frame!.Step.Should().Be(0);
        assembler.TryTake(out _).Should().BeFalse();
    }

    [Fact]
    public void CatchUp_OnceItHasEnded_KeepsNoMoreFramesThanTheHorizonNeeds()
    {
        var assembler = new StepFrameAssembler(2, default, horizonSteps: 8);
        assembler.BeginCatchUp(1_000);
        for (int rank = 0; rank < 2; rank++)
        {
            for (long step = 0; step < 500; step++)
            {
                assembler.Add(Timings.Step(step, rank));
                if (rank == 0)
                {
                    assembler.TryTake(out _).Should().BeFalse();
                }
            }
        }

        assembler.OpenFrames.Should().Be(500);
        assembler.BacklogRecords.Should().Be(492, "of those of rank 1 the last eight are within the horizon");

        TakeAll(assembler).Should().HaveCount(500);

        assembler.IsCatchingUp.Should().BeFalse();
        assembler.FreeFrames.Should().Be(12, "eight, a quarter of them, and two");
    }

    [Fact]
    public void Frames_OfBacklogsInAnyOrder_AreThoseOfARecordByRecordJoin()
    {
        Gen<(int Ranks, int Seed)> jobs = Gen.Choose(1, 6).SelectMany(_ => Gen.Choose(0, int.MaxValue - 1), (ranks, seed) => (ranks, seed));
        Prop.ForAll(Arb.From(jobs), job =>
        {
            const int Steps = 80;
            var random = new Random(job.Seed);
            var assembler = new StepFrameAssembler(job.Ranks, default, horizonSteps: 4);
            assembler.BeginCatchUp(4 * Steps);
            StepTiming[] records = [.. Enumerable.Range(0, Steps * job.Ranks).Where(_ => random.NextDouble() < 0.8)
                .Select(i => Timings.Step(2 * (i / job.Ranks), i % job.Ranks, insideNs: i))];
            random.Shuffle(records);
            foreach (StepTiming record in records)
            {
                assembler.Add(in record).Should().Be(FrameAdmission.Accepted);
            }

            assembler.Flush();
            var joined = new List<(long Step, string InsideNs)>();
            while (assembler.TryTake(out StepFrame? frame))
            {
                joined.Add((frame.Step, string.Join(' ', Enumerable.Range(0, job.Ranks).Select(rank => frame.IsPresent(rank) ? frame.CollectiveNs[rank] : -1))));
            }

            joined.Should().Equal(records.GroupBy(record => record.Step).OrderBy(step => step.Key).Select(step => (step.Key, string.Join(
                ' ', Enumerable.Range(0, job.Ranks).Select(rank => step.Where(record => record.Rank.Value == rank).Select(record => record.CollectiveNs).DefaultIfEmpty(-1).Single())))));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(100).WithReplay(20_262, 1));
    }

    [Fact]
    public void StepsBehindMax_BelowTheHorizon_ClosesFramesSoonerUntilItIsLifted()
    {
        var assembler = new StepFrameAssembler(2, default, horizonSteps: 16) { StepsBehindMax = 3 };
        assembler.OpenFramesMax.Should().Be(4, "three behind, and one step at a time");
        assembler.BeginCatchUp(100);
        for (long step = 0; step < 10; step++)
        {
            assembler.Add(Timings.Step(step, 0));
        }

        TakeAll(assembler).Should().Equal([0, 1, 2, 3, 4, 5, 6], "however wide the horizon of catching up is");
        assembler.StepsBehindMax = int.MaxValue;
        assembler.EndCatchUp();
        for (long step = 10; step < 24; step++)
        {
            assembler.Add(Timings.Step(step, 0));
        }

        TakeAll(assembler).Should().Equal(7);
        (assembler.OpenFramesMax, assembler.BatchSteps).Should().Be((20, 4));
        assembler.Invoking(frames => frames.StepsBehindMax = 0).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Add_AfterTheFrameClosed_IsLateAndCountsAsMissingToo()
    {
        var assembler = new StepFrameAssembler(2, default, horizonSteps: 1);
        assembler.Add(Timings.Step(0, 0));
        assembler.Add(Timings.Step(1, 0));
        assembler.TryTake(out _).Should().BeTrue();

        assembler.Add(Timings.Step(0, 1)).Should().Be(FrameAdmission.Late);
        assembler.Add(Timings.Step(0, 0)).Should().Be(FrameAdmission.Late, "rank 0 has moved on since");

        assembler.Counters.Late.Should().Be(2);
        assembler.Counters.Missing.Should().Be(1);
        assembler.Counters.OutOfOrder.Should().Be(1);
    }

    [Fact]
    public void Add_TheSameRecordTwice_IsDuplicateBeforeAndAfterTheFrameClosed()
    {
        var assembler = new StepFrameAssembler(1, default);
        assembler.Add(Timings.Step(0, 0, insideNs: 10));
        assembler.Add(Timings.Step(0, 0, insideNs: 99)).Should().Be(FrameAdmission.Duplicate);
        assembler.TryTake(out StepFrame? frame).Should().BeTrue();
        frame!.CollectiveNs[0].Should().Be(10, "the first record stays");
        assembler.Add(Timings.Step(0, 0)).Should().Be(FrameAdmission.Duplicate);
        assembler.Counters.Duplicates.Should().Be(2);
    }

    [Fact]
    public void Add_OutOfOrderWhileTheFrameIsOpen_IsAcceptedAndCounted()
    {
        var assembler = new StepFrameAssembler(2, default);
        assembler.Add(Timings.Step(5, 0));
        assembler.Add(Timings.Step(4, 0)).Should().Be(FrameAdmission.Accepted);
        assembler.Add(Timings.Step(4, 1));

        assembler.TryTake(out StepFrame? frame).Should().BeTrue();
        frame!.Step.Should().Be(4);
        frame.IsComplete.Should().BeTrue();
        assembler.Counters.OutOfOrder.Should().Be(1);
    }

    public static TheoryData<string, FrameAdmission> Refusals => new()
    {
        { "generation", FrameAdmission.OtherGeneration },
        { "rank -1", FrameAdmission.UnknownRank },
        { "rank 2", FrameAdmission.UnknownRank },
        { "probe", FrameAdmission.OtherKind },
        { "step", FrameAdmission.Invalid },
        { "compute", FrameAdmission.Invalid },
        { "dataWait", FrameAdmission.Invalid },
        { "departure", FrameAdmission.Invalid },
        { "overflow", FrameAdmission.Invalid },
        { "units", FrameAdmission.Invalid },
        { "weight", FrameAdmission.Invalid },
        { "weight NaN", FrameAdmission.Invalid },
        { "feature", FrameAdmission.Invalid },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Add_WhatCannotBeBelieved_IsRefusedAndCounted(string fault, FrameAdmission expected)
    {
        var assembler = new StepFrameAssembler(2, default);
        StepTiming good = Timings.Step(0, 0);
        StepTiming bad = fault switch
        {
            "generation" => good with { Generation = new Generation(1) },
            "rank -1" => good with { Rank = new Rank(-1) },
            "rank 2" => good with { Rank = new Rank(2) },
            "probe" => good with { Kind = TimingKind.SkewProbe },
            "step" => good with { Step = -1 },
            "compute" => good with { ComputeNs = -1 },
            "dataWait" => good with { DataWaitNs = -1 },
            "departure" => good with { DepartureNs = 499 },
            "overflow" => good with { ArrivalNs = long.MinValue, DepartureNs = long.MaxValue },
            "units" => good with { WorkUnits = -1 },
            "weight" => good with { Weight = -0.5 },
            "weight NaN" => good with { Weight = double.NaN },
            _ => good with { WorkloadFeature = double.PositiveInfinity },
        };

        assembler.Add(in bad).Should().Be(expected);

        FrameCounters counters = assembler.Counters;
        (counters.OtherGeneration + counters.UnknownRank + counters.OtherKind + counters.Invalid).Should().Be(1);
        counters.Accepted.Should().Be(0);
        assembler.OpenFrames.Should().Be(0);
    }

    [Fact]
    public void TryTake_WhenWholeStepsAreLost_CountsThemAndGoesOn()
    {
        var assembler = new StepFrameAssembler(2, default);
        foreach (long step in new[] { 0L, 1_000_000L })
        {
            assembler.Add(Timings.Step(step, 0));
            assembler.Add(Timings.Step(step, 1));
        }

        assembler.TryTake(out _).Should().BeTrue();
        assembler.TryTake(out StepFrame? frame).Should().BeTrue();
        frame!.Step.Should().Be(1_000_000);
        assembler.Counters.Missing.Should().Be(2 * 999_999);
    }

    [Fact]
    public void Flush_AtTheEndOfTheJob_ClosesWhatIsOpenInOrder()
    {
        var assembler = new StepFrameAssembler(2, default);
        assembler.Add(Timings.Step(1, 0));
        assembler.Add(Timings.Step(2, 0));
        assembler.Flush();
        Drain(assembler).Should().Equal(1, 2);
        assembler.OpenFrames.Should().Be(0);
    }

    [Fact]
    public void Frames_UnderAnyInterleavingAndLoss_ComeInOrderAndAccountForEveryRecord()
    {
        Gen<(int Ranks, int Seed)> jobs = Gen.Choose(1, 6).SelectMany(_ => Gen.Choose(0, int.MaxValue - 1), (ranks, seed) => (ranks, seed));
        Prop.ForAll(Arb.From(jobs), job =>
        {
            var random = new Random(job.Seed);
            const int Steps = 60;
            var assembler = new StepFrameAssembler(job.Ranks, default, horizonSteps: 16);
            var next = new long[job.Ranks];
            var taken = new List<long>();
            long kept = 0;
            long present = 0;
            while (next.Any(step => step < Steps))
            {
                int rank = random.Next(job.Ranks);
                long step = next[rank];
                if (step >= Steps || step > next.Min() + 8)
                {
                    continue;
                }

                next[rank]++;
                if (random.NextDouble() < 0.1)
                {
                    continue;
                }

                FrameAdmission admission = assembler.Add(Timings.Step(step, rank));
                kept += admission == FrameAdmission.Accepted ? 1 : 0;
                if (random.NextDouble() < 0.02)
                {
                    assembler.Add(Timings.Step(step, rank)).Should().BeOneOf(FrameAdmission.Duplicate, FrameAdmission.Late);
                }

                while (assembler.TryTake(out StepFrame? frame))
                {
                    taken.Add(frame.Step);
                    present += frame.PresentCount;
                }
            }

            assembler.Flush();
            while (assembler.TryTake(out StepFrame? frame))
            {
                taken.Add(frame.Step);
                present += frame.PresentCount;
            }

            FrameCounters counters = assembler.Counters;
            taken.Should().BeInAscendingOrder().And.OnlyHaveUniqueItems();
            present.Should().Be(kept).And.Be(counters.Accepted);
            counters.Late.Should().Be(0, "no rank is further ahead than the horizon");
            long span = taken[^1] - taken[0] + 1;
            (counters.Accepted + counters.Missing).Should().Be(span * job.Ranks);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200).WithReplay(20_261, 1));
    }

    [Fact]
    public void AddAndTake_InSteadyState_AllocateNothing()
    {
        var assembler = new StepFrameAssembler(8, default);
        long step = Run(assembler, 0, 300);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(assembler, step, 300);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);

        // Rank 7 is lost in every third step, so that several frames are open at a time.
        static long Run(StepFrameAssembler assembler, long from, int steps)
        {
            for (long step = from; step < from + steps; step++)
            {
                for (int rank = 0; rank < 8; rank++)
                {
                    if (rank != 7 || step % 3 != 0)
                    {
                        assembler.Add(Timings.Step(step, rank));
                    }

                    while (assembler.TryTake(out _))
                    {
                    }
                }
            }

            return from + steps;
        }
    }

    [Theory]
    [InlineData(0, 64)]
    [InlineData(4, 0)]
    public void Assembler_WithoutRanksOrHorizon_IsRefused(int ranks, int horizonSteps)
    {
        Action make = () => _ = new StepFrameAssembler(ranks, default, horizonSteps);
        make.Should().Throw<ArgumentOutOfRangeException>();
    }

    private static List<long> Drain(StepFrameAssembler assembler)
    {
        var steps = new List<long>();
        while (assembler.TryTake(out StepFrame? frame))
        {
            steps.Add(frame.Step);
        }

        return steps;
    }

    private static List<long> TakeAll(StepFrameAssembler assembler)
    {
        var taken = new List<long>();
        while (assembler.TryTake(out StepFrame? frame))
        {
            taken.Add(frame.Step);
        }

        return taken;
    }
}
