using StragglerGuard.Core.Detection;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Core.Tests.PeersFail;

/// <summary>Where a threshold on the median, or one culprit a job, breaks down: Megatron-LM's sniff test, DLRover, TraceML, Greyhound.</summary>
public sealed class CrowdTests
{
    private const int Onset = 100;

    private static readonly PaceNoise Noise = new(0.02);

    [Fact]
    public void SniffTest_OfHealthyRanksAtTenPercent_FlagsDozensAndWeNobody()
    {
        var flaggedByThem = new List<int>();
        JudgedFleet job = new JudgedFleet(FleetShape.Equal(256), new PaceNoise(0.10), seed: 6).Run(
            400, frame => flaggedByThem.Add(PeerRules.OutsideMadOrTenPercent([.. frame.ComputeNs.ToArray().Select(ns => (double)ns)]).Length));
        flaggedByThem.Average().Should().BeInRange(60, 110, "of 256, in any one look");
        job.Accused.Should().BeEmpty(job.Story);
    }

    [Theory]
    [InlineData(4, 2)]
    [InlineData(8, 4)]
    [InlineData(16, 8)]
    public void TwiceTheMedian_WhenHalfTheRanksAreSlow_FlagsNobodyAndWeThatHalf(int ranks, int slow)
    {
        for (int seed = 1; seed <= 5; seed++)
        {
            int[] culprits = [.. Enumerable.Range(0, slow).Select(i => 2 * i)];
            var medians = new RankMedians(ranks);
            JudgedFleet job = new JudgedFleet(FleetShape.Equal(ranks), Noise, seed, new PersistentSlowdown(culprits, 2.5, Onset)).Run(Onset + 40, frame =>
            {
                if (frame.Step >= Onset)
                {
                    medians.Add(frame);
                }
            });
            PeerRules.BeyondTwiceTheMedian(medians.Compute).Should().BeEmpty();
            job.Accused.Should().Equal(culprits, job.Story);
        }
    }

    [Theory]
    [InlineData(1.3)]
    [InlineData(3.0)]
    public void TwiceTheMedian_OfTwoRanks_CanNeverFireAndWeFindTheSlowOne(double factor)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            var medians = new RankMedians(2);
            JudgedFleet job = new JudgedFleet(FleetShape.Equal(2), Noise, seed, new PersistentSlowdown([1], factor, Onset)).Run(Onset + 40, medians.Add);
            PeerRules.BeyondTwiceTheMedian(medians.Compute).Should().BeEmpty();
            job.Accused.Should().Equal([1], job.Story);
        }
    }

    [Theory]
    [InlineData(1.5, 1.5)]
    [InlineData(2.0, 1.2)]
    public void LeastWait_OfTwoCulprits_NamesOneAndWeBoth(double first, double second)
    {
        for (int seed = 1; seed <= 5; seed++)
        {
            var medians = new RankMedians(8);
            JudgedFleet job = new JudgedFleet(
                FleetShape.Equal(8), Noise, seed, new PersistentSlowdown([2], first, Onset), new PersistentSlowdown([5], second, Onset)).Run(Onset + 60, medians.Add);
            PeerRules.LeastWaiting(medians.Collective).Should().BeOneOf(2, 5);
            job.Accused.Should().Equal([2, 5], job.Story);
        }
    }

    [Fact]
    public void FiveOfEight_WhenSlow_AreNamedAndTheThreeAreNot()
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            JudgedFleet job = new JudgedFleet(FleetShape.Equal(8), Noise, seed, new PersistentSlowdown([0, 2, 3, 5, 7], 1.4, Onset)).Run(Onset + 60);
            job.Accused.Should().Equal([0, 2, 3, 5, 7], job.Story);
        }
    }

    [Fact]
    public void SixPointSevenPercent_OfARank_IsReportedAndNobodyIsAccused()
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            JudgedFleet job = new JudgedFleet(FleetShape.Equal(8), new PaceNoise(0.008), seed, new PersistentSlowdown([4], 1.067, Onset)).Run(Onset + 60);
            job.Findings(VerdictKind.Creep).Should().ContainSingle(job.Story).Which.Rank.Should().Be(new Rank(4));
            job.Accused.Should().BeEmpty(job.Story);
        }
    }

    [Fact]
    public void ConsecutiveSmallSteps_EachBelowTheThreshold_AddUpToAVerdict()
    {
        // Greyhound compares a step with the one before it, and misses a sequence of steps under 10 %.
        for (int seed = 1; seed <= 10; seed++)
        {
            Fault[] steps = [.. Enumerable.Range(0, 4).Select(i => new PersistentSlowdown([4], 1.06, Onset + (80 * i)))];
            JudgedFleet job = new JudgedFleet(FleetShape.Equal(8), new PaceNoise(0.01), seed, steps).Run(Onset + 400);
            job.Findings(VerdictKind.Creep).Should().Contain(found => found.Rank == new Rank(4), job.Story);
            job.Accused.Should().Equal([4], job.Story);
        }
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(2.0)]
    public void LoneMemberOfItsClass_OfAnotherSpeedThanTheOthers_IsNotCalledSlowForIt(double speed)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            FleetShape shape = FleetShape.Mixed(("H100", 20, 5), ("GB200", 20 * speed, 1));
            JudgedFleet job = new JudgedFleet(shape, Noise, seed).Run(400);
            job.Accused.Should().BeEmpty(job.Story);
        }
    }

    [Fact]
    public void LoneMemberOfItsClass_ThatSlowsDown_IsFoundByItsOwnHistory()
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            FleetShape shape = FleetShape.Mixed(("H100", 20, 5), ("GB200", 10, 1));
            JudgedFleet job = new JudgedFleet(shape, Noise, seed, new PersistentSlowdown([5], 1.3, Onset)).Run(Onset + 40);
            DetectionEvent found = job.Accusations.Should().ContainSingle(job.Story).Subject;
            found.Rank.Should().Be(new Rank(5), job.Story);
            found.Mode.Should().Be(DetectionMode.OwnHistory);
        }
    }

    [Fact]
    public void OneOffAndChronicSlowness_OfTwoRanks_AreToldApart()
    {
        for (int seed = 1; seed <= 5; seed++)
        {
            JudgedFleet job = new JudgedFleet(
                FleetShape.Equal(8), Noise, seed, new PersistentSlowdown([2], 1.3, Onset), new PeriodicStalls(6, 25, 2, Onset)).Run(Onset + 400);
            job.Accused.Should().Equal([2], job.Story);
            job.Findings(VerdictKind.PeriodicStall).Should().ContainSingle(job.Story).Which.Rank.Should().Be(new Rank(6));
        }
    }
}
