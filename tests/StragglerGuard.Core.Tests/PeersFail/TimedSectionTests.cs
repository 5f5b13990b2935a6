using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Core.Tests.PeersFail;

/// <summary>What a section timer sees depends on what it is put around: NVRx, Megatron-LM's StragglerDetector.</summary>
public sealed class TimedSectionTests
{
    private const int Onset = 100;
    private const int Culprit = 2;

    private static readonly PaceNoise Noise = new(0.02);

    [Fact]
    public void AllReduceTime_OfASlowRank_PointsAtTheVictimsAndWeAtTheCulprit()
    {
        (JudgedFleet job, RankMedians medians) = Run(factor: 1.5);

        PeerRules.ScoredBelow075(medians.Collective).Should().Equal([0, 1, 3], "this is what timing the all-reduce flags");
        job.Accused.Should().Equal([Culprit], job.Story);
        job.Lag.LastArriver.Should().Be(new Rank(Culprit), job.Story);
    }

    [Fact]
    public void AllReduceInTheTimedBlock_OfASlowRank_GivesTheCulpritTheLeastTimeAndWeNameItAllTheSame()
    {
        // Work over the time of the backward pass with its all-reduce: the culprit waits for nobody and looks fastest.
        (JudgedFleet job, RankMedians medians) = Run(factor: 1.3);
        PeerRules.LeastWaiting(medians.Collective).Should().Be(Culprit);
        medians.WholeStep.Max().Should().BeLessThan(1.01 * medians.WholeStep.Min());
        job.Accused.Should().Equal([Culprit], job.Story);
    }

    [Theory]
    [InlineData(1.3)]
    [InlineData(2.0)]
    [InlineData(5.0)]
    public void WholeStepSection_OfASlowRank_HidesItAndWeFindIt(double factor)
    {
        (JudgedFleet job, RankMedians medians) = Run(factor);
        PeerRules.ScoredBelow075(medians.WholeStep).Should().BeEmpty("all ranks leave the step together");
        job.Accused.Should().Equal([Culprit], job.Story);
    }

    [Theory]
    [InlineData(1.12)]
    [InlineData(1.2)]
    [InlineData(1.3)]
    public void Threshold_OfThreeQuarters_MissesWhatWeFindWithinFortySteps(double factor)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            (JudgedFleet job, RankMedians medians) = Run(factor, seed);
            PeerRules.ScoredBelow075(medians.Compute).Should().BeEmpty();
            DetectionEvent found = job.Accusations.Should().ContainSingle(job.Story).Subject;
            found.Rank.Should().Be(new Rank(Culprit), job.Story);
            found.RaisedAtStep.Should().BeInRange(Onset, Onset + 39, job.Story);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Onset)]
    public void Score_WhenOneRankIsTwiceAsFast_FlagsTheHealthyOnesAndWeNobody(int from)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            var medians = new RankMedians(4);
            JudgedFleet job = new JudgedFleet(FleetShape.Equal(4), Noise, seed, new PersistentSlowdown([Culprit], 0.5, from, 300)).Run(300, frame =>
            {
                if (frame.Step >= Onset)
                {
                    medians.Add(frame);
                }
            });
            job.Run(150);
            PeerRules.ScoredBelow075(medians.Compute).Should().Equal(0, 1, 3);
            job.Accused.Should().BeEmpty(job.Story);
        }
    }

    [Theory]
    [InlineData(4, 1.15)]
    [InlineData(8, 1.2)]
    [InlineData(64, 1.2)]
    public void OwnBaseline_WhenSlowFromTheFirstStep_IsNormalToItselfAndWeCompareWithPeers(int ranks, double factor)
    {
        for (int seed = 1; seed <= 5; seed++)
        {
            JudgedFleet job = new JudgedFleet(FleetShape.Equal(ranks), Noise, seed, new PersistentSlowdown([Culprit], factor, 0)).Run(80);
            DetectionEvent found = job.Accusations.Should().ContainSingle(job.Story).Subject;
            found.Rank.Should().Be(new Rank(Culprit), job.Story);
            found.Verdict.Should().Be(VerdictKind.SlowFromStart, job.Story);
            found.Slowdown.Should().BeApproximately(factor, 0.05, job.Story);
        }
    }

    [Theory]
    [InlineData(1, 10.0)]
    [InlineData(2, 4.0)]
    [InlineData(3, 3.0)]
    public void BadWindow_OfAFewSteps_FlagsNobody(int steps, double factor)
    {
        for (int seed = 1; seed <= 20; seed++)
        {
            JudgedFleet job = new JudgedFleet(FleetShape.Equal(8), Noise, seed, new PersistentSlowdown([Culprit], factor, Onset, Onset + steps)).Run(Onset + 60);
            job.Accused.Should().BeEmpty(job.Story);
        }
    }

    private static (JudgedFleet Job, RankMedians AfterOnset) Run(double factor, int seed = 1)
    {
        var medians = new RankMedians(4);
        JudgedFleet job = new JudgedFleet(FleetShape.Equal(4), Noise, seed, new PersistentSlowdown([Culprit], factor, Onset)).Run(Onset + 40, frame =>
        {
            if (frame.Step >= Onset)
            {
                medians.Add(frame);
            }
        });
        return (job, medians);
    }
}
