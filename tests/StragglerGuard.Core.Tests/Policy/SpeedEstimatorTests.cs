using StragglerGuard.Core.Policy;

namespace StragglerGuard.Core.Tests.Policy;

public sealed class SpeedEstimatorTests
{
    private const long MillisecondNs = 1_000_000;

    [Fact]
    public void SecondsPerUnit_BeforeFourSamples_IsUnknown()
    {
        var estimator = new SpeedEstimator(1);
        for (var step = 0; step < 3; step++)
        {
            Feed(estimator, step, (80, 4));
        }

        estimator.SecondsPerUnit(new Rank(0)).Should().BeNull();
        estimator.Evidence(new Rank(0)).Should().Be(3);

        Feed(estimator, 3, (80, 4));
        estimator.SecondsPerUnit(new Rank(0)).Should().BeApproximately(0.020, 1e-12);
    }

    [Fact]
    public void SecondsPerUnit_SpikesInUnderHalfTheWindow_AreIgnored()
    {
        var estimator = new SpeedEstimator(1);
        for (var step = 0; step < 40; step++)
        {
            Feed(estimator, step, (step % 3 == 0 ? 900 : 20, 1));
        }

        estimator.SecondsPerUnit(new Rank(0)).Should().BeApproximately(0.020, 1e-12);
    }

    [Fact]
    public void Observe_AbsentIdleOrTimelessRank_GivesNoSampleAndKeepsTheOld()
    {
        var estimator = new SpeedEstimator(3);
        for (var step = 0; step < 4; step++)
        {
            Feed(estimator, step, (10, 1), (10, 1), (10, 1));
        }

        for (var step = 4; step < 40; step++)
        {
            estimator.Observe(step, [0, 50 * MillisecondNs, 50 * MillisecondNs], [1, 0, 1], [true, true, false]).Should().BeTrue();
        }

        var estimates = new double[3];
        estimator.CopyEstimates(estimates);
        estimates.Should().OnlyContain(s => Math.Abs(s - 0.010) < 1e-12);
        var frames = new double[estimator.Frames * 3];
        estimator.CopyFrames(frames).Should().Be(16 * 3);
        frames.Should().OnlyContain(s => double.IsNaN(s));
    }

    [Fact]
    public void Observe_LateOrDoubledFrame_IsLeftOut()
    {
        var estimator = new SpeedEstimator(1);
        Feed(estimator, 5, (10, 1));

        estimator.Observe(5, [1], [1], [true]).Should().BeFalse();
        estimator.Observe(4, [1], [1], [true]).Should().BeFalse();
        estimator.Frames.Should().Be(1);
    }

    [Theory]
    [InlineData(6)]
    [InlineData(16)]
    [InlineData(23)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(100)]
    public void Restart_AtTheOnset_FollowsTheChangeAtOnce(int onset)
    {
        var estimator = new SpeedEstimator(2);
        for (var step = 0; step < onset + 5; step++)
        {
            Feed(estimator, step, (20, 1), (step < onset ? 20 : 40, 1));
        }

        estimator.Restart(new Rank(1), onset);

        estimator.Evidence(new Rank(1)).Should().Be(5);
        estimator.SecondsPerUnit(new Rank(1)).Should().BeApproximately(0.040, 1e-12);
        estimator.SecondsPerUnit(new Rank(0)).Should().BeApproximately(0.020, 1e-12);
        var frames = new double[estimator.Frames * 2];
        estimator.CopyFrames(frames);
        frames.Where((_, i) => i % 2 == 1).Count(s => !double.IsNaN(s)).Should().Be(5);
        frames.Where((_, i) => i % 2 == 0).Should().OnlyContain(s => !double.IsNaN(s));

        // The ring goes on where the restart left it.
        for (var step = onset + 5; step < onset + 40; step++)
        {
            Feed(estimator, step, (20, 1), (30, 1));
        }

        estimator.Evidence(new Rank(1)).Should().Be(16);
        estimator.SecondsPerUnit(new Rank(1)).Should().BeApproximately(0.030, 1e-12);
    }

    [Fact]
    public void CopyFrames_MoreFramesThanTheWindow_GivesTheNewestOldestFirst()
    {
        var estimator = new SpeedEstimator(1);
        for (var step = 1; step <= 21; step++)
        {
            Feed(estimator, step, (step, 1));
        }

        var frames = new double[16];
        estimator.CopyFrames(frames);

        frames.Select(s => Math.Round(s * 1000)).Should().Equal(Enumerable.Range(6, 16).Select(s => (double)s));
    }

    [Fact]
    public void Observe_AfterWarmUp_AllocatesNothing()
    {
        var estimator = new SpeedEstimator(8);
        var computeNs = Enumerable.Repeat(MillisecondNs, 8).ToArray();
        var workUnits = Enumerable.Repeat(1, 8).ToArray();
        var present = Enumerable.Repeat(true, 8).ToArray();
        var estimates = new double[8];
        long step = 0;
        Run(100);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Run(1000);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        allocated.Should().Be(0);

        void Run(int steps)
        {
            for (var i = 0; i < steps; i++)
            {
                estimator.Observe(step++, computeNs, workUnits, present);
                estimator.CopyEstimates(estimates);
                estimator.Restart(new Rank(0), step - 8);
            }
        }
    }

    [Fact]
    public void Calls_BadArguments_Throw()
    {
        var estimator = new SpeedEstimator(2);
        FluentActions.Invoking(() => new SpeedEstimator(0)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => estimator.Observe(0, [1], [1, 1], [true, true])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => estimator.SecondsPerUnit(new Rank(2))).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => estimator.Restart(new Rank(-1), 0)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => estimator.CopyEstimates(new double[1])).Should().Throw<ArgumentException>();
        estimator.Observe(0, [1, 1], [1, 1], [true, true]);
        FluentActions.Invoking(() => estimator.CopyFrames(new double[1])).Should().Throw<ArgumentException>();
    }

    private static void Feed(SpeedEstimator estimator, long step, params (int Milliseconds, int Units)[] ranks)
        => estimator.Observe(
            step,
            ranks.Select(r => r.Milliseconds * MillisecondNs).ToArray(),
            ranks.Select(r => r.Units).ToArray(),
            ranks.Select(_ => true).ToArray()).Should().BeTrue();
}
