using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.Timing;

public sealed class ExitSkewEstimatorTests
{
    [Fact]
    public void SkewNs_OverSeveralProbes_IsTheMedianSpreadOfTheLastFew()
    {
        var estimator = new ExitSkewEstimator(2, default, window: 3);
        estimator.SkewNs.Should().BeNull();
        Probe(estimator, 0, 100, 140);
        estimator.SkewNs.Should().Be(40);
        Probe(estimator, 100, 9_000_000, 10);
        Probe(estimator, 200, 100, 160);
        estimator.SkewNs.Should().Be(60, "the preempted probe is one of three");
        Probe(estimator, 300, 100, 180);
        Probe(estimator, 400, 100, 190);
        estimator.SkewNs.Should().Be(80);
        estimator.CompleteProbes.Should().Be(5);
    }

    [Fact]
    public void Add_WhenRanksDrainAtDifferentTimes_KeepsProbesApart()
    {
        var estimator = new ExitSkewEstimator(2, default);
        estimator.Add(Timings.Probe(0, 0, 100));
        estimator.Add(Timings.Probe(50, 0, 500));
        estimator.Add(Timings.Probe(0, 1, 110));
        estimator.SkewNs.Should().Be(10);
        estimator.Add(Timings.Probe(0, 1, 110)).Should().Be(FrameAdmission.Late);
        estimator.Add(Timings.Probe(50, 0, 500)).Should().Be(FrameAdmission.Duplicate);
        estimator.Add(Timings.Probe(50, 1, 530)).Should().Be(FrameAdmission.Accepted);
        estimator.SkewNs.Should().Be(20);
    }

    [Fact]
    public void Add_WhenARankNeverReports_GivesUpTheOldestProbe()
    {
        var estimator = new ExitSkewEstimator(2, default);
        for (long step = 0; step < 20; step++)
        {
            estimator.Add(Timings.Probe(step, 0, 100)).Should().Be(FrameAdmission.Accepted);
        }

        estimator.SkewNs.Should().BeNull();
        estimator.IncompleteProbes.Should().Be(12);
        estimator.Add(Timings.Probe(3, 1, 100)).Should().Be(FrameAdmission.Late);
        estimator.Add(Timings.Probe(19, 1, 170)).Should().Be(FrameAdmission.Accepted);
        estimator.SkewNs.Should().Be(70);
    }

    [Fact]
    public void Add_AStepRecordOrAnotherGeneration_IsRefused()
    {
        var estimator = new ExitSkewEstimator(2, default);
        estimator.Add(Timings.Step(0, 0)).Should().Be(FrameAdmission.OtherKind);
        estimator.Add(Timings.Probe(0, 2, 1)).Should().Be(FrameAdmission.UnknownRank);
        estimator.Add(Timings.Probe(0, 0, 1) with { Generation = new Generation(1) }).Should().Be(FrameAdmission.OtherGeneration);
        estimator.Add(Timings.Probe(0, 0, -1)).Should().Be(FrameAdmission.Invalid);
    }

    private static void Probe(ExitSkewEstimator estimator, long step, params long[] durationsNs)
    {
        for (int rank = 0; rank < durationsNs.Length; rank++)
        {
            estimator.Add(Timings.Probe(step, rank, durationsNs[rank])).Should().Be(FrameAdmission.Accepted);
        }
    }
}
