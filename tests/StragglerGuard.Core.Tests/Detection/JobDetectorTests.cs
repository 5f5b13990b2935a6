using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.Detection;

public sealed class JobDetectorTests
{
    private const int Onset = 120;
    private const int End = 220;

    [Fact]
    public void Update_WhenARankSlowsDown_NamesItItsCauseAndItsPlace()
    {
        var nodes = Enumerable.Range(0, 8).Select(rank => new NodeId($"node{rank / 4}")).ToArray();
        var job = new SyntheticJob(8, 0.01, seed: 1, options: new JobDetectorOptions { Topology = Topology.DataParallel(8), Nodes = nodes })
        {
            Compute = (rank, step) => rank == 5 && step is >= Onset and < End ? 1.4 : 1,
        };
        job.Run(300);
        DetectionEvent found = job.Confirmed.Should().ContainSingle(job.Story()).Subject;
        found.Cause.Should().Be(Cause.Compute);
        found.Confidence.Should().BeGreaterThan(0.99);
        Verdict verdict = VerdictWriter.Write(in found, job.Detector);
        verdict.Culprit.Should().Be(new Culprit(new Rank(5), 5, 0, new NodeId("node1")));
        verdict.Evidence.Peers!.Select(peer => peer.Value).Should().Equal(0, 1, 2, 3, 4, 6, 7);
        job.Recovered.Should().ContainSingle().Which.ChangedAtStep.Should().BeInRange(End, End + 4);
        job.Events.Should().HaveCount(2, job.Story());
    }

    [Fact]
    public void Update_WhenTheOrderOfArrivalContradicts_IsLessConfident()
    {
        // Rank 1 is slow by its own clock, and yet rank 0, slow for want of input, always comes last by far.
        var job = new SyntheticJob(6, 0.01, seed: 2)
        {
            Compute = (rank, step) => rank == 1 && step >= Onset ? 1.3 : 1,
            InputMs = (rank, _) => rank == 0 ? 400 : 0.1,
        };
        job.Run(160);
        job.Confirmed.Single(e => e.Rank == new Rank(1)).Confidence
            .Should().BeLessThanOrEqualTo(VerdictConfidence.ContradictedShare, job.Story());
    }

    [Fact]
    public void Update_WhenTheCollectiveTakesLonger_FindsTheFabricAndNoRank()
    {
        var job = new SyntheticJob(8, 0.02, seed: 3) { TransferMs = step => step is >= Onset and < End ? 20 : 5 };
        job.Run(300);
        job.Confirmed.Should().BeEmpty(job.Story());
        DetectionEvent fabric = job.Raised(VerdictKind.FabricSlowdown).Should().ContainSingle(job.Story()).Subject;
        fabric.Rank.Should().BeNull();
        fabric.Cause.Should().Be(Cause.Fabric);
        fabric.OnsetStep.Should().BeInRange(Onset - 5, Onset + 1);
        fabric.RaisedAtStep.Should().BeLessThan(Onset + 20);
        fabric.Slowdown.Should().BeApproximately(4, 0.4);
        job.Cleared(VerdictKind.FabricSlowdown).Should().ContainSingle(job.Story()).Which.ChangedAtStep.Should().BeInRange(End, End + 4);
    }

    [Fact]
    public void Update_WhenASlowRankAlsoSlowsTheCollective_BlamesTheRankAlone()
    {
        var job = new SyntheticJob(4, 0.05, seed: 4)
        {
            Compute = (rank, step) => rank == 2 && step is >= Onset and < End ? 2.5 : 1,
            TransferMs = step => step is >= Onset and < End ? 20 : 5,
        };
        job.Run(320);
        job.Confirmed.Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(2));
        job.Raised(VerdictKind.FabricSlowdown).Should().BeEmpty(job.Story());
    }

    [Fact]
    public void Update_WhenARankWaitsForInput_SaysInputAndClearsIt()
    {
        var job = new SyntheticJob(6, 0.01, seed: 5) { InputMs = (rank, step) => rank == 4 && step is >= Onset and < End ? 40 : 1 };
        job.Run(320);
        DetectionEvent found = job.Confirmed.Should().ContainSingle(job.Story()).Subject;
        found.Rank.Should().Be(new Rank(4));
        found.Cause.Should().Be(Cause.Input);
        VerdictWriter.Write(in found, job.Detector).Reason.Should().Contain("wait for input");
        job.Recovered.Should().ContainSingle(job.Story()).Which.ChangedAtStep.Should().BeInRange(End, End + 4);
        job.Detector.StragglingCount.Should().Be(0);
        job.Detector.IsBeyondDoubt(new Rank(4)).Should().BeFalse();
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.6)]
    public void Update_WhenMoreTokensExplainTheTime_SaysWorkloadAndNeverDestroys(double exponent)
    {
        var random = new Random(6);
        var tokens = new Dictionary<(int, long), double>();
        double TokensOf(int rank, long step)
        {
            if (!tokens.TryGetValue((rank, step), out double count))
            {
                count = tokens[(rank, step)] = (900 + (200 * random.NextDouble())) * (rank == 3 && step >= Onset ? 1.8 : 1);
            }

            return count;
        }

        var job = new SyntheticJob(8, 0.01, seed: 6)
        {
            Feature = TokensOf,
            Compute = (rank, step) => Math.Pow(TokensOf(rank, step) / 1000, exponent),
        };
        job.Run(400);
        DetectionEvent found = job.Confirmed.Should().ContainSingle(job.Story()).Subject;
        found.Rank.Should().Be(new Rank(3));
        found.Cause.Should().Be(Cause.Workload);
        job.Detector.IsBeyondDoubt(new Rank(3)).Should().BeFalse();
    }

    [Fact]
    public void Update_WhenASlowDeviceHasTheSameTokens_SaysCompute()
    {
        var job = new SyntheticJob(8, 0.01, seed: 7)
        {
            Feature = (rank, step) => 1000 + (rank * 7 % 5) + (step % 3),
            Compute = (rank, step) => rank == 3 && step >= Onset ? 1.5 : 1,
        };
        job.Run(250);
        job.Confirmed.Should().ContainSingle(job.Story()).Which.Cause.Should().Be(Cause.Compute);
        job.Detector.IsBeyondDoubt(new Rank(3)).Should().BeTrue();
    }

    [Fact]
    public void Update_WhenAllRanksOfANodeSlowDownTogether_SaysHost()
    {
        NodeId[] nodes = [.. Enumerable.Range(0, 16).Select(rank => new NodeId($"node{rank / 4}"))];
        var job = new SyntheticJob(16, 0.01, seed: 8, options: new JobDetectorOptions { Nodes = nodes })
        {
            Compute = (rank, step) => rank / 4 == 2 && step >= Onset ? 1.3 : 1,
        };
        job.Run(200);
        job.Confirmed.Select(e => e.Rank!.Value.Value).Should().BeEquivalentTo([8, 9, 10, 11], job.Story());
        job.Confirmed.Should().OnlyContain(e => e.Cause == Cause.Host);
    }

    [Theory]
    [InlineData(8, 0.05)]
    [InlineData(8, 0.09)]
    [InlineData(4, 0.06)]
    [InlineData(3, 0.06)]
    public void Update_OfASmallStep_ReportsCreepAndAccusesNobody(int ranks, double size)
    {
        var job = new SyntheticJob(ranks, 0.005, seed: 9) { Compute = (rank, step) => rank == 1 && step is >= Onset and < 300 ? 1 + size : 1 };
        job.Run(450);
        DetectionEvent creep = job.Raised(VerdictKind.Creep).Should().ContainSingle(job.Story()).Subject;
        creep.Rank.Should().Be(new Rank(1));
        creep.RaisedAtStep.Should().BeInRange(Onset, Onset + 30);
        creep.OnsetStep.Should().BeInRange(Onset - 10, Onset + 15);
        job.Cleared(VerdictKind.Creep).Should().ContainSingle(job.Story()).Which.RaisedAtStep.Should().BeGreaterThanOrEqualTo(300);
        VerdictWriter.Write(in creep, job.Detector).AccusesRank.Should().BeFalse();
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Fact]
    public void Update_WhenSingleStepsOfARankStallAtRandom_ReportsJitter()
    {
        var random = new Random(10);
        bool[] stalls = [.. Enumerable.Range(0, 600).Select(_ => random.NextDouble() < 0.15)];
        var job = new SyntheticJob(8, 0.01, seed: 10) { Compute = (rank, step) => rank == 6 && step is >= Onset and < 400 && stalls[step] ? 1.8 : 1 };
        job.Run(600);
        DetectionEvent jitter = job.Raised(VerdictKind.Jitter).Should().ContainSingle(job.Story()).Subject;
        jitter.Rank.Should().Be(new Rank(6));
        jitter.Spikes.Should().BeGreaterThanOrEqualTo(SpikeWatch.JitterSpikes);
        jitter.Slowdown.Should().BeApproximately(1.8, 0.1);
        job.Raised(VerdictKind.PeriodicStall).Should().BeEmpty(job.Story());
        job.Cleared(VerdictKind.Jitter).Should().ContainSingle(job.Story());
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Fact]
    public void Update_WhenEveryRankHasSpikes_ReportsNobodysJitter()
    {
        var random = new Random(11);
        var stalls = new HashSet<(int, long)>();
        for (int step = 0; step < 600; step++)
        {
            for (int rank = 0; rank < 8; rank++)
            {
                if (random.NextDouble() < 0.08)
                {
                    stalls.Add((rank, step));
                }
            }
        }

        var job = new SyntheticJob(8, 0.01, seed: 11) { Compute = (rank, step) => stalls.Contains((rank, step)) ? 1.5 : 1 };
        job.Run(600);
        job.Raised(VerdictKind.Jitter).Should().BeEmpty(job.Story());
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Theory]
    [InlineData(10)]
    [InlineData(25)]
    [InlineData(60)]
    public void Update_WhenARankStallsInARhythm_ReportsThePeriod(int period)
    {
        var job = new SyntheticJob(8, 0.01, seed: 12) { Compute = (rank, step) => rank == 2 && step is > Onset and < 700 && step % period == 0 ? 1.6 : 1 };
        job.Run(1_000);
        DetectionEvent stall = job.Raised(VerdictKind.PeriodicStall).Should().ContainSingle(job.Story()).Subject;
        stall.Rank.Should().Be(new Rank(2));
        stall.PeriodSteps.Should().Be(period);
        job.Cleared(VerdictKind.PeriodicStall).Should().ContainSingle(job.Story());
        job.Raised(VerdictKind.Jitter).Should().BeEmpty(job.Story());
    }

    [Fact]
    public void Update_WhenAllRanksStallInARhythm_ReportsItOfTheJobAndOfNoRank()
    {
        var job = new SyntheticJob(8, 0.01, seed: 21) { Compute = (_, step) => step > Onset && step % 20 == 0 ? 1.8 : 1 };
        job.Run(400);
        DetectionEvent stall = job.Raised(VerdictKind.PeriodicStall).Should().ContainSingle(job.Story()).Subject;
        stall.Rank.Should().BeNull();
        stall.PeriodSteps.Should().Be(20);
        job.Events.Should().ContainSingle(job.Story());
    }

    [Fact]
    public void Update_WhenTheWholeJobSlowsDown_SaysSoOfTheJobUntilItIsOver()
    {
        var job = new SyntheticJob(8, 0.01, seed: 13) { Compute = (_, step) => step is >= Onset and < End ? 1.5 : 1 };
        job.Run(300);
        DetectionEvent slow = job.Raised(VerdictKind.GroupSlowdown).Should().ContainSingle(job.Story()).Subject;
        slow.Rank.Should().BeNull();
        slow.Slowdown.Should().BeApproximately(1.5, 0.05);
        job.Cleared(VerdictKind.GroupSlowdown).Should().ContainSingle(job.Story()).Which.ChangedAtStep.Should().BeInRange(End - 1, End + 2);
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Fact]
    public void Update_WhenAStageIsLarger_NamesTheStageAndNoRank()
    {
        var h100 = new DeviceClass("H100");
        RankCohort[] cohorts = [.. Enumerable.Range(0, 16).Select(rank => new RankCohort(rank / 4, h100))];
        var job = new SyntheticJob(cohorts, 0.01, seed: 14) { Compute = (rank, _) => rank / 4 == 3 ? 1.25 : 1 };
        job.Run(200);
        DetectionEvent uneven = job.Raised(VerdictKind.StageImbalance).Should().ContainSingle(job.Story()).Subject;
        uneven.Stage.Should().Be(3);
        uneven.Cause.Should().Be(Cause.StagePartition);
        VerdictWriter.Write(in uneven, job.Detector).Culprit.Should().Be(new Culprit(Stage: 3));
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Fact]
    public void Update_WhenARanksRecordsStayAway_ReportsItMissingAndBack()
    {
        var job = new SyntheticJob(6, 0.01, seed: 15) { Present = (rank, step) => rank != 3 || step is < Onset or >= End };
        job.Run(300);
        DetectionEvent missing = job.Raised(VerdictKind.MissingRank).Should().ContainSingle(job.Story()).Subject;
        missing.Rank.Should().Be(new Rank(3));
        missing.OnsetStep.Should().Be(Onset);
        missing.RaisedAtStep.Should().Be(Onset + PresenceMonitor.MissingFrames - 1);
        job.Cleared(VerdictKind.MissingRank).Should().ContainSingle(job.Story()).Which.ChangedAtStep.Should().Be(End);
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Theory]
    [InlineData(5)]
    [InlineData(7)]
    public void Update_WhenMostAreSlowFromTheFirstStep_ThePriorTellsThem(int slow)
    {
        var prior = new Dictionary<RankCohort, double> { [default] = 0.020 };
        var job = new SyntheticJob(8, 0.01, seed: 16, options: new JobDetectorOptions { PriorSecondsPerUnit = prior })
        {
            Compute = (rank, step) => rank < slow && step < End ? 1.3 : 1,
        };
        job.Run(300);
        job.Confirmed.Select(e => e.Rank!.Value.Value).Should().BeEquivalentTo(Enumerable.Range(0, slow), job.Story());
        job.Confirmed.Should().OnlyContain(e => e.Verdict == VerdictKind.SlowFromStart);
        job.Recovered.Should().HaveCount(slow, job.Story()).And.OnlyContain(e => e.RaisedAtStep >= End);
    }

    [Fact]
    public void Update_WhenAClassOfOneIsSlowFromTheFirstStep_ThePriorTellsIt()
    {
        RankCohort h100 = new(0, new DeviceClass("H100"));
        RankCohort gb200 = new(0, new DeviceClass("GB200"));
        var prior = new Dictionary<RankCohort, double> { [h100] = 0.020, [gb200] = 0.010 };
        var job = new SyntheticJob([h100, h100, h100, h100, gb200], 0.01, seed: 17, options: new JobDetectorOptions { PriorSecondsPerUnit = prior })
        {
            Compute = (rank, step) => rank < 4 ? 1 : step < End ? 0.65 : 0.5,
        };
        job.Run(300);
        DetectionEvent found = job.Confirmed.Should().ContainSingle(job.Story()).Subject;
        found.Rank.Should().Be(new Rank(4));
        found.Slowdown.Should().BeApproximately(1.3, 0.03);
        job.Recovered.Should().ContainSingle(job.Story()).Which.RaisedAtStep.Should().BeGreaterThanOrEqualTo(End);
    }

    [Fact]
    public void Update_WhenThePriorIsOfAnotherModel_AccusesNobody()
    {
        var prior = new Dictionary<RankCohort, double> { [default] = 0.012 };
        var job = new SyntheticJob(8, 0.01, seed: 18, options: new JobDetectorOptions { PriorSecondsPerUnit = prior });
        job.Run(100);
        job.Events.Should().BeEmpty(job.Story());
    }

    [Fact]
    public void Update_OfAJobOfOneRank_ReportsChangesAndAccusesNobody()
    {
        var job = new SyntheticJob(1, 0.005, seed: 19) { Compute = (_, step) => step is >= 50 and < 120 ? 1.3 : step is >= 160 and < 220 ? 1.06 : 1 };
        job.Run(280);
        DetectionEvent[] changes = [.. job.Events.Where(e => e.Kind == DetectionEventKind.JobLevelChanged)];
        changes.Should().HaveCount(4, job.Story());
        changes.Zip([50, 120, 160, 220], (e, at) => Math.Abs(e.ChangedAtStep - at)).Should().OnlyContain(off => off <= 1, job.Story());
        changes.Should().OnlyContain(e => e.Rank == null && e.RaisedAtStep - e.ChangedAtStep <= 6);
        changes[0].Slowdown.Should().BeApproximately(1.3, 0.02);
        changes[1].Slowdown.Should().BeApproximately(1 / 1.3, 0.02);
        job.Raised(VerdictKind.GroupSlowdown).Should().ContainSingle(job.Story(), "6 % is a change, not a slowdown");
        job.Cleared(VerdictKind.GroupSlowdown).Should().ContainSingle(job.Story());
        job.Confirmed.Should().BeEmpty();
        job.Detector.StateOf(new Rank(0)).Slowdown.Should().BeApproximately(1, 0.02);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    public void Update_OfAStep_AllocatesNothing(int ranks)
    {
        var random = new Random(20);
        bool[] stalls = [.. Enumerable.Range(0, 700).Select(_ => random.NextDouble() < 0.12)];
        SyntheticJob Make() => new(ranks, 0.01, seed: 20)
        {
            Compute = (rank, step) => (rank == 0 && step is >= 200 and < 300 ? 1.5 : 1) * (rank == 1 && stalls[step] ? 1.5 : 1) * (step >= 400 ? 1.3 : 1),
            InputMs = (rank, step) => rank == 2 && step is >= 300 and < 350 ? 30 : 0.5,
            TransferMs = step => step is >= 450 and < 500 ? 30 : 5,
        };

        SyntheticJob.LeastAllocated(Make, warmUpSteps: 100, steps: 600).Should().Be(0);
        Make().Run(700).Events.Should().NotBeEmpty("every branch is on the way");
    }

    [Fact]
    public void Detector_WithOptionsOfAnotherJob_IsRefused()
    {
        Action topology = () => _ = new JobDetector(new RankCohort[4], new JobDetectorOptions { Topology = new Topology(2, 2, 2) });
        Action nodes = () => _ = new JobDetector(new RankCohort[4], new JobDetectorOptions { Nodes = [new NodeId("a")] });
        Action effect = () => _ = new JobDetector(new RankCohort[4], new JobDetectorOptions { MinimumEffect = 0 });
        Action prior = () => _ = new JobDetector(new RankCohort[4], new JobDetectorOptions { PriorSecondsPerUnit = new Dictionary<RankCohort, double> { [default] = double.NaN } });
        Action none = () => _ = new JobDetector([]);
        topology.Should().Throw<ArgumentException>().WithMessage("*8 ranks*4*");
        nodes.Should().Throw<ArgumentException>();
        effect.Should().Throw<ArgumentOutOfRangeException>();
        prior.Should().Throw<ArgumentOutOfRangeException>();
        none.Should().Throw<ArgumentException>();
    }

    [Fact]
    public void Update_WithLagsOfAnotherJob_IsRefused()
    {
        var frame = new StepFrame(2);
        frame.Open(default, 0);
        Action update = () => new JobDetector(new RankCohort[2]).Update(frame, default, [0L], new DetectionEvents());
        update.Should().Throw<ArgumentException>();
    }
}
