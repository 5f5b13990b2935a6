using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Core.Tests.PeersFail;

/// <summary>A rank that skips a section turns all of NVRx's scores to NaN, which its report reads as healthy: here it is unknown, and it alone.</summary>
public sealed class MissingDataTests
{
    private const int Onset = 100;
    private const int Absent = 3;

    private static readonly PaceNoise Noise = new(0.02);

    [Fact]
    public void Rank_WithoutARecordFromTheFirstStep_IsUnknownAndNotHealthy()
    {
        JudgedFleet job = new JudgedFleet(FleetShape.Equal(8), Noise, 1, new Silence(Absent, 0), new PersistentSlowdown([6], 1.4, Onset)).Run(Onset + 60);
        RankStanding absent = job.Detector.StateOf(new Rank(Absent));
        absent.Health.Should().Be(RankHealth.Learning, job.Story);
        absent.Slowdown.Should().Be(double.NaN);
        job.Accused.Should().Equal([6], job.Story);
        job.Findings(VerdictKind.MissingRank).Should().ContainSingle(job.Story).Which.Rank.Should().Be(new Rank(Absent));
        double.IsFinite(job.Detector.StateOf(new Rank(0)).Slowdown).Should().BeTrue("the others' figures do not depend on it");
    }

    [Fact]
    public void Rank_ThatHoldsNoWork_IsUnknownAndTheOthersAreJudged()
    {
        FleetShape shape = FleetShape.Equal(8) with { Units = [8, 8, 8, 0, 8, 8, 8, 8], FixedNs = 2e6 };
        JudgedFleet job = new JudgedFleet(shape, Noise, 2, new PersistentSlowdown([6], 1.4, Onset)).Run(Onset + 60);
        job.Detector.StateOf(new Rank(Absent)).Health.Should().Be(RankHealth.Learning, job.Story);
        job.Accused.Should().Equal([6], job.Story);
    }

    [Fact]
    public void SlowRank_WhoseRecordsStopComing_IsNotCleared()
    {
        JudgedFleet job = new JudgedFleet(
            FleetShape.Equal(8), Noise, 3, new PersistentSlowdown([Absent], 1.5, Onset), new Silence(Absent, Onset + 40)).Run(Onset + 300);
        job.Accused.Should().Equal([Absent], job.Story);
        job.Recoveries.Should().BeEmpty(job.Story);
        job.Detector.StateOf(new Rank(Absent)).Health.Should().Be(RankHealth.Straggling);
    }

    [Fact]
    public void Lag_OfAStepThatARankIsMissingFrom_IsUnknownAndNamesNobody()
    {
        JudgedFleet job = new JudgedFleet(FleetShape.Equal(8), Noise, 4, new Silence(Absent, Onset)).Run(Onset + 1);
        job.Lag.Standing.Should().Be(LagStanding.FrameIncomplete);
        job.Lag.LastArriver.Should().BeNull();
    }

    [Fact]
    public void Rank_OfWhichEveryThirdRecordIsLost_IsFoundSlowAllTheSame()
    {
        Fault[] faults =
        [
            new PersistentSlowdown([Absent], 1.3, Onset),
            .. Enumerable.Range(0, 100).Select(i => new Silence(Absent, 3 * i, (3 * i) + 1)),
        ];
        JudgedFleet job = new JudgedFleet(FleetShape.Equal(8), Noise, 5, faults).Run(Onset + 60);
        job.Accused.Should().Equal([Absent], job.Story);
    }
}
