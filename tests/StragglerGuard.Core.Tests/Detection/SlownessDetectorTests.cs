using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.Detection;

public sealed class SlownessDetectorTests
{
    private const int Onset = 150;
    private const int End = 300;

    private static readonly Noise OnePercent = new(0.01);

    public static TheoryData<int, double> Fleets()
    {
        var data = new TheoryData<int, double>();
        foreach (int ranks in new[] { 0, 1, 2, 3, 4, 6, 8 })
        {
            foreach (double factor in new[] { 1.2, 1.5, 2.0 })
            {
                data.Add(ranks, factor);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Fleets))]
    public void Update_WhenOneRankSlowsDown_AccusesItAndOnlyItWithinEightStepsAndClearsIt(int ranks, double factor)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            int culprit = ranks == 1 ? 0 : 1;
            VirtualJob job = Make(ranks, OnePercent, seed);
            job.Factor = (rank, step) => rank == culprit && step is >= Onset and < End ? factor : 1;

            job.Run(Onset + 8);

            DetectionEvent confirmed = job.Confirmed.Should().ContainSingle(job.Story()).Subject;
            confirmed.Rank.Should().Be(new Rank(culprit));
            confirmed.Verdict.Should().Be(VerdictKind.PersistentSlowness);
            confirmed.OnsetStep.Should().BeInRange(Onset - 2, Onset + 1, job.Story());
            confirmed.RaisedAtStep.Should().BeInRange(Onset, Onset + 7, job.Story());
            confirmed.Slowdown.Should().BeApproximately(factor, 0.05 * factor);
            RankStanding standing = job.Detector.StateOf(new Rank(culprit));
            standing.Health.Should().Be(RankHealth.Straggling);
            standing.Slowdown.Should().BeApproximately(factor, 0.05 * factor);
            standing.OnsetStep.Should().Be(confirmed.OnsetStep);

            job.Run(End - Onset - 8);
            job.Recovered.Should().BeEmpty(job.Story());
            job.Run(100);

            job.Confirmed.Should().ContainSingle(job.Story());
            DetectionEvent recovered = job.Recovered.Should().ContainSingle(job.Story()).Subject;
            recovered.Rank.Should().Be(new Rank(culprit));
            recovered.RaisedAtStep.Should().BeInRange(End + 5, End + 14, job.Story());
            job.Detector.StateOf(new Rank(culprit)).Health.Should().NotBe(RankHealth.Straggling);
        }
    }

    [Theory]
    [InlineData(0, 2.0)]
    [InlineData(6, 2.0)]
    [InlineData(0, 1.5)]
    [InlineData(2, 1.5)]
    [InlineData(3, 1.5)]
    [InlineData(6, 1.5)]
    [InlineData(8, 0.5)]
    [InlineData(0, 0.5)]
    public void Update_WhenAllRanksChangeAlike_AccusesNobodyAndReportsTheCommonShift(int ranks, double factor)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            VirtualJob job = Make(ranks, OnePercent, seed);
            job.Factor = (_, step) => step is >= Onset and < End ? factor : 1;
            job.Run(450);
            job.Confirmed.Should().BeEmpty(job.Story());
            job.CommonShifts.Should().HaveCount(2, job.Story());
            DetectionEvent shift = job.CommonShifts.First();
            shift.Rank.Should().BeNull();
            shift.RaisedAtStep.Should().BeInRange(Onset, Onset + 7);
            shift.Slowdown.Should().BeApproximately(factor, 0.05 * factor);
            shift.RanksShifted.Should().Be(shift.RanksCompared);
        }
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    public void Update_WhenHalfOfTheRanksSlowDownAlike_AccusesThoseThatMoved(int ranks)
    {
        VirtualJob job = Make(ranks, OnePercent, seed: 4);
        job.Factor = (rank, step) => rank % 2 == 0 && step is >= Onset and < End ? 1.5 : 1;
        job.Run(500);
        job.Confirmed.Select(e => e.Rank!.Value.Value).Should().BeEquivalentTo(Enumerable.Range(0, ranks).Where(rank => rank % 2 == 0), job.Story());
        job.CommonShifts.Should().BeEmpty(job.Story());
        job.Recovered.Should().HaveCount(ranks / 2, job.Story());
        job.Recovered.Should().OnlyContain(e => e.RaisedAtStep >= End && e.RaisedAtStep <= End + 14);
    }

    [Theory]
    [InlineData(8, 5)]
    [InlineData(8, 7)]
    [InlineData(4, 3)]
    [InlineData(16, 9)]
    public void Update_WhenMostRanksSlowDownAlike_AccusesThemAndNotTheOthers(int ranks, int culprits)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            VirtualJob job = Make(ranks, new Noise(0.02), seed);
            job.Factor = (rank, step) => rank < culprits && step is >= Onset and < End ? 1.3 : 1;
            job.Run(500);
            job.Confirmed.Select(e => e.Rank!.Value.Value).Should().BeEquivalentTo(Enumerable.Range(0, culprits), job.Story());
            job.Confirmed.Should().OnlyContain(e => e.RaisedAtStep <= Onset + 16 && Math.Abs(e.Slowdown - 1.3) < 0.1);
            job.Recovered.Should().HaveCount(culprits, job.Story());
            job.Recovered.Should().OnlyContain(e => e.RaisedAtStep >= End, job.Story());
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(6)]
    public void Update_WhenOneRankBecomesFasterAndReturns_FlagsNobody(int ranks)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            VirtualJob job = Make(ranks, OnePercent, seed);
            job.Factor = (rank, step) => rank == 0 && step is >= Onset and < End ? 0.5 : 1;
            job.Run(500);
            job.Confirmed.Should().BeEmpty(job.Story());
        }
    }

    [Fact]
    public void Update_AfterAllBecameFaster_StillFindsAStraggler()
    {
        VirtualJob job = Make(6, OnePercent, seed: 2);
        job.Factor = (rank, step) => (step >= 100 ? 0.4 : 1) * (rank == 3 && step >= 120 ? 1.5 : 1);
        job.Run(140);
        job.Confirmed.Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(3));
        job.Confirmed.Single().RaisedAtStep.Should().BeInRange(120, 127);
    }

    [Theory]
    [InlineData(0, 30)]
    [InlineData(20, 0)]
    public void Update_WithTwoCulpritsOfEight_AccusesBoth(int firstLead, int secondLead)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            VirtualJob job = Make(8, OnePercent, seed);
            job.Factor = (rank, step) =>
                (rank == 2 && step >= Onset - firstLead) || (rank == 5 && step >= Onset - secondLead) ? 1.5 : 1;
            job.Run(250);
            job.Confirmed.Select(e => e.Rank!.Value.Value).Should().BeEquivalentTo([2, 5], job.Story());
            job.CommonShifts.Should().BeEmpty(job.Story());
        }
    }

    [Fact]
    public void Update_WhenARankAheadOfItsPeersFallsBackBehindNone_AccusesNobody()
    {
        VirtualJob job = Make(6, OnePercent, seed: 3);
        job.Factor = (rank, step) => rank == 2 ? (step < Onset ? 0.8 : 0.96) : 1;
        job.Run(400);
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Fact]
    public void Update_WhenPeersOneAfterAnotherBecomeFaster_DoesNotSayThatTheOthersSlowedDown()
    {
        VirtualJob job = Make(5, OnePercent, seed: 3);
        job.Factor = (rank, step) => rank < 3 && step >= 100 + (40 * rank) ? 0.5 : 1;
        job.Run(400);
        job.Confirmed.Select(e => (e.Rank!.Value.Value, e.Verdict)).Should().BeEquivalentTo(
            [(3, VerdictKind.SlowAgainstPeers), (4, VerdictKind.SlowAgainstPeers)], job.Story());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(6)]
    public void Update_WhenAllSlowDownWhileOneIsFlagged_StillClearsIt(int ranks)
    {
        VirtualJob job = Make(ranks, OnePercent, seed: 5);
        job.Factor = (rank, step) => (step >= 150 ? 1.5 : 1) * (rank == 1 && step is >= 100 and < 200 ? 2 : 1);
        job.Run(300);
        job.Confirmed.Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(1));
        job.CommonShifts.Should().ContainSingle(job.Story());
        job.Recovered.Should().ContainSingle(job.Story()).Which.RaisedAtStep.Should().BeInRange(205, 214);
    }

    [Fact]
    public void Update_WithARankSlowFromItsFirstStep_SaysSoAfterTheWarmUp()
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            VirtualJob job = Make(6, OnePercent, seed);
            job.Factor = (rank, step) => rank == 4 && step < 100 ? 1.3 : 1;
            job.Run(200);
            DetectionEvent confirmed = job.Confirmed.Should().ContainSingle(job.Story()).Subject;
            confirmed.Rank.Should().Be(new Rank(4));
            confirmed.Verdict.Should().Be(VerdictKind.SlowFromStart);
            confirmed.OnsetStep.Should().Be(0);
            confirmed.RaisedAtStep.Should().Be(DetectionParameters.Peers.WarmUpSteps - 1);
            confirmed.Slowdown.Should().BeApproximately(1.3, 0.03);
            job.Recovered.Should().ContainSingle(job.Story()).Which.RaisedAtStep.Should().BeInRange(105, 114);
        }
    }

    [Fact]
    public void Update_WhenSlownessCreepsInBelowTheNoise_IsFoundAgainstPeers()
    {
        VirtualJob job = Make(6, OnePercent, seed: 6);
        job.Factor = (rank, step) => rank == 2 ? 1 + (0.0006 * Math.Max(0, step - 100)) : 1;
        job.Run(600);
        job.Confirmed.Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(2));
        job.Confirmed.Single().Slowdown.Should().BeInRange(1.09, 1.30);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    public void Update_WhenTheDealChanges_SeesNoSlowness(int ranks)
    {
        VirtualJob job = Make(ranks, OnePercent, seed: 8);
        for (int round = 0; round < 6; round++)
        {
            job.Run(50);
            job.MicroBatches = [.. job.MicroBatches.Select((_, rank) => 1 + ((rank + round) * 7 % 12))];
        }

        job.Events.Should().BeEmpty(job.Story());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    public void Update_WithRecordsLostAndRanksWithoutWork_StillFindsTheStraggler(int ranks)
    {
        VirtualJob job = Make(ranks, OnePercent, seed: 9);
        job.IsLost = (rank, step) => (step + rank) % 5 == 0;
        job.Factor = (rank, step) => rank == 1 && step >= 200 ? 1.5 : 1;
        job.Run(150);
        job.MicroBatches[0] = 0;
        job.Run(150);
        job.Confirmed.Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(1));
        job.Confirmed.Single().RaisedAtStep.Should().BeLessThan(215);
    }

    [Fact]
    public void Update_WhileARankIsMissing_NeitherClearsNorJudgesIt()
    {
        VirtualJob job = Make(6, OnePercent, seed: 10);
        job.Factor = (rank, step) => rank == 1 && step is >= 100 and < 200 ? 2 : 1;
        job.IsLost = (rank, step) => rank == 1 && step is >= 150 and < 400;
        job.Run(390);
        job.Recovered.Should().BeEmpty(job.Story());
        job.Detector.StateOf(new Rank(1)).Health.Should().Be(RankHealth.Straggling);
        job.Run(100);
        job.Recovered.Should().ContainSingle(job.Story()).Which.RaisedAtStep.Should().BeGreaterThan(400);
    }

    [Fact]
    public void StateOf_BeforeTheWarmUpIsOver_IsLearning()
    {
        VirtualJob job = Make(6, OnePercent, seed: 1);
        job.Run(DetectionParameters.Peers.WarmUpSteps - 1);
        RankStanding standing = job.Detector.StateOf(new Rank(0));
        standing.Health.Should().Be(RankHealth.Learning);
        standing.Slowdown.Should().Be(double.NaN);
        job.Run(1);
        job.Detector.StateOf(new Rank(0)).Health.Should().Be(RankHealth.Healthy);
    }

    [Fact]
    public void Modes_OfAMixedJob_AreChosenPerRank()
    {
        RankCohort h100 = new(0, new DeviceClass("H100"));
        RankCohort laterStage = h100 with { Stage = 1 };
        var detector = new SlownessDetector([h100, h100, h100, h100, laterStage, laterStage, laterStage]);
        detector.StateOf(new Rank(0)).Mode.Should().Be(DetectionMode.Peers);
        detector.StateOf(new Rank(4)).Mode.Should().Be(DetectionMode.OwnHistory, "two peers are too few");
    }

    [Theory]
    [InlineData(6)]
    [InlineData(0)]
    public void Update_OfAFrame_AllocatesNothing(int ranks)
    {
        // Through a slowdown, a common shift and a recovery, so that every branch is on the way.
        VirtualJob recorded = Make(ranks, OnePercent, seed: 12);
        int count = recorded.PaceMs.Length;
        StepFrame[] frames = Frames(count, 700);
        var detector = new SlownessDetector([.. Enumerable.Range(0, count).Select(rank => recorded.Detector.CohortOf(new Rank(rank)))]);
        var sink = new DetectionEvents(64);
        var seen = new HashSet<DetectionEventKind>();
        long allocated = 0;
        foreach (StepFrame frame in frames)
        {
            sink.Clear();
            long before = GC.GetAllocatedBytesForCurrentThread();
            detector.Update(frame, sink);
            detector.StateOf(new Rank(0));
            allocated += frame.Step < 50 ? 0 : GC.GetAllocatedBytesForCurrentThread() - before;
            foreach (DetectionEvent e in sink)
            {
                seen.Add(e.Kind);
            }
        }

        allocated.Should().Be(0);
        seen.Should().BeEquivalentTo(
            [DetectionEventKind.StragglerConfirmed, DetectionEventKind.StragglerRecovered, DetectionEventKind.CommonShiftDetected]);
    }

    [Fact]
    public void Update_WithWhatCannotBe_IsRefused()
    {
        var detector = new SlownessDetector([default, default]);
        StepFrame[] frames = Frames(2, 2);
        detector.Update(frames[1], new DetectionEvents());
        Action again = () => detector.Update(frames[1], new DetectionEvents());
        Action older = () => detector.Update(frames[0], new DetectionEvents());
        Action other = () => detector.Update(Frames(3, 4)[3], new DetectionEvents());
        again.Should().Throw<ArgumentException>().WithMessage("*step 1*");
        older.Should().Throw<ArgumentException>();
        other.Should().Throw<ArgumentException>().WithMessage("*3 ranks*2*");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-0.1)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    public void Detector_WithAMinimumEffectOutOfRange_IsRefused(double minimumEffect)
    {
        Action make = () => _ = new SlownessDetector([default], minimumEffect);
        make.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Detector_WithALargerMinimumEffect_LetsSmallSlownessPass()
    {
        StepFrame[] frames = Frames(6, 300, culpritFactor: 1.2);
        int Verdicts(double minimumEffect)
        {
            var detector = new SlownessDetector(new RankCohort[6], minimumEffect);
            var sink = new DetectionEvents();
            foreach (StepFrame frame in frames)
            {
                detector.Update(frame, sink);
            }

            return sink.Count(e => e.Kind == DetectionEventKind.StragglerConfirmed);
        }

        Verdicts(0.10).Should().Be(1);
        Verdicts(0.30).Should().Be(0);
    }

    private static VirtualJob Make(int ranks, Noise noise, int seed) =>
        ranks == 0 ? VirtualJob.Mixed(noise, seed) : VirtualJob.Equal(ranks, noise, seed);

    // Frames that stay valid: never given back to their assemblers. Rank 1 is slow in steps 100 … 199, all are from 300 on.
    private static StepFrame[] Frames(int ranks, int steps, double culpritFactor = 2)
    {
        var random = new Random(21);
        return [.. Enumerable.Range(0, steps).Select(step =>
        {
            var assembler = new StepFrameAssembler(ranks, default);
            for (int rank = 0; rank < ranks; rank++)
            {
                double factor = (rank == 1 && step is >= 100 and < 200 ? culpritFactor : 1) * (step >= 300 ? 1.5 : 1);
                assembler.Add(new StepTiming
                {
                    Step = step,
                    Rank = new Rank(rank),
                    ComputeNs = (long)(1e8 * factor * (1 + (0.02 * (random.NextDouble() - 0.5)))),
                    WorkUnits = 5,
                });
            }

            assembler.TryTake(out StepFrame? frame);
            return frame!;
        })];
    }
}
