using System.Diagnostics;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.Detection;

public sealed class FleetScreenTests
{
    private const int Ranks = JobDetector.ScreenedFromRanks;

    [Fact]
    public void BytesPerRank_OfTheScreening_AreFixedAndFew() => FleetScreen.BytesPerRank.Should().BeLessThanOrEqualTo(256);

    [Theory]
    [InlineData(1.15)]
    [InlineData(1.5)]
    public void Update_OfALargeJob_FindsTheSlowRanksTheirEndAndNobodyElse(double factor)
    {
        var job = new SyntheticJob(Ranks, 0.02, seed: 41)
        {
            Compute = (rank, step) => (rank is 17 or 4_000 && step is >= 60 and < 110) || (rank == 99 && step < 80) ? factor : 1,
        };
        job.Run(150);
        job.Confirmed.Select(e => e.Rank!.Value.Value).Should().BeEquivalentTo([17, 99, 4_000], job.Story());
        job.Confirmed.Where(e => e.Rank != new Rank(99)).Should().OnlyContain(
            e => e.Verdict == VerdictKind.PersistentSlowness && e.RaisedAtStep <= 75 && e.OnsetStep >= 57 && e.OnsetStep <= 61);
        job.Confirmed.Single(e => e.Rank == new Rank(99)).Verdict.Should().Be(VerdictKind.SlowFromStart);
        job.Recovered.Should().HaveCount(3, job.Story());
        job.Recovered.Where(e => e.Rank != new Rank(99)).Should().OnlyContain(e => e.RaisedAtStep >= 110 && e.RaisedAtStep <= 130);
        job.Detector.StragglingCount.Should().Be(0);
    }

    [Fact]
    public void Update_OfALargeJobThatChangesAsAWhole_AccusesNobodyAndStillSeesAfterwards()
    {
        var job = new SyntheticJob(Ranks, 0.02, seed: 42)
        {
            Compute = (rank, step) => (step >= 60 ? 1.5 : 1) * (rank == 5 && step >= 90 ? 1.3 : 1),
        };
        job.Run(110);
        job.Events.Where(e => e.Kind == DetectionEventKind.CommonShiftDetected).Should().ContainSingle(job.Story())
            .Which.Slowdown.Should().BeApproximately(1.5, 0.03);
        job.Confirmed.Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(5));
    }

    [Fact]
    public void Update_OfALargeJob_WatchesASuspectForCreep()
    {
        var job = new SyntheticJob(Ranks, 0.005, seed: 43) { Compute = (rank, step) => rank == 7 && step >= 80 ? 1.07 : 1 };
        job.Run(160);
        job.Raised(VerdictKind.Creep).Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(7));
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Fact]
    public void Update_OfALargeJob_AllocatesNothing()
    {
        SyntheticJob Make() => new(Ranks, 0.02, seed: 44) { Compute = (rank, step) => rank == 17 && step is >= 60 and < 80 ? 1.5 : 1 };
        SyntheticJob.LeastAllocated(Make, warmUpSteps: 40, steps: 50).Should().Be(0);
        Make().Run(90).Events.Should().NotBeEmpty();
    }

    [FactIfAsked]
    public void Update_Of220000Ranks_TakesFiftyMillisecondsAtMost()
    {
        const int Fleet = 220_000;
        var job = new SyntheticJob(Fleet, 0.02, seed: 45);
        job.Run(30);
        var frame = new StepFrame(Fleet);
        var random = new Random(46);
        var lag = new LagCalculator(Fleet);
        var sink = new DetectionEvents(1_024);
        var durations = new List<double>();
        for (int step = 30; step < 60; step++)
        {
            frame.Open(default, step);
            for (int rank = 0; rank < Fleet; rank++)
            {
                frame.Put(new StepTiming { Step = step, Rank = new Rank(rank), ComputeNs = (long)(1e8 * (1 + (0.04 * (random.NextDouble() - 0.5)))), WorkUnits = 5, DepartureNs = 5_000_000 });
            }

            LagSample sample = lag.Compute(frame, null);
            sink.Clear();
            long began = Stopwatch.GetTimestamp();
            job.Detector.Update(frame, in sample, lag.LagNs, sink);
            durations.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        durations.Order().ElementAt(durations.Count / 2).Should().BeLessThan(50);
    }
}
