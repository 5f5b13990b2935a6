using StragglerGuard.Collectives;
using MixedFleet.Pacing;

namespace MixedFleet.Tests.Pacing;

public sealed class PaceEmulatorTests
{
    private const long Ms = 1_000_000;

    [Fact]
    public void Deadlines_WithAPace_AreMultiplesFromTheStart()
    {
        PaceEmulator pace = new(0.020);
        pace.BeginStep(computeStartNs: 1000 * Ms, slowdownFactor: 1.5);

        // The second overruns: the third's deadline stays where it was.
        pace.DeadlineOfMicroBatch(1001 * Ms).Should().Be(1030 * Ms);
        pace.BeginMicroBatch(1030 * Ms);
        pace.DeadlineOfMicroBatch(1085 * Ms).Should().Be(1060 * Ms);
        pace.BeginMicroBatch(1085 * Ms);
        pace.DeadlineOfMicroBatch(1086 * Ms).Should().Be(1090 * Ms);
    }

    [Fact]
    public void Deadlines_OfAThousandMicroBatches_DoNotDrift()
    {
        PaceEmulator pace = new(0.01 / 3);
        pace.BeginStep(0, 1);
        long last = 0;
        for (int i = 0; i < 3000; i++)
        {
            last = pace.DeadlineOfMicroBatch(0);
        }

        last.Should().BeInRange((10_000 * Ms) - 1, (10_000 * Ms) + 1);
    }

    [Fact]
    public void Deadlines_OfTrueCompute_AreTheRealTimeStretched()
    {
        PaceEmulator pace = new(null);
        pace.BeginStep(1000 * Ms, 2);

        // 4 ms of work, then 4 ms of waiting that ends 1 ms late, then 6 ms of work: 20 ms in all.
        pace.DeadlineOfMicroBatch(1004 * Ms).Should().Be(1008 * Ms);
        pace.BeginMicroBatch(1009 * Ms);
        pace.DeadlineOfMicroBatch(1015 * Ms).Should().Be(1020 * Ms);
    }

    [Fact]
    public void Deadlines_OfTrueComputeUnslowed_HavePassed()
    {
        PaceEmulator pace = new(null);
        pace.BeginStep(1000 * Ms, 1);
        pace.DeadlineOfMicroBatch(1004 * Ms).Should().Be(1004 * Ms);
    }

    [Fact]
    public void BeginStep_AfterAnotherStep_StartsAnew()
    {
        PaceEmulator pace = new(0.020);
        pace.BeginStep(0, 3);
        pace.DeadlineOfMicroBatch(1 * Ms);
        pace.BeginStep(500 * Ms, 1);
        pace.DeadlineOfMicroBatch(501 * Ms).Should().Be(520 * Ms);
    }

    [Fact]
    public void EndMicroBatch_InRealTime_EndsNoEarlierThanThePace()
    {
        PaceEmulator pace = new(0.002);
        long startNs = MonotonicClock.NowNs();
        pace.BeginStep(startNs, 1);
        for (int j = 1; j <= 5; j++)
        {
            pace.EndMicroBatch().Should().BeGreaterThanOrEqualTo(startNs + (j * 2 * Ms));
        }
    }

    [Fact]
    public void EndMicroBatch_WhenCancelled_DoesNotWait()
    {
        using CancellationTokenSource source = new();
        source.Cancel();
        PaceEmulator pace = new(3600);
        long startNs = MonotonicClock.NowNs();
        pace.BeginStep(startNs, 1000);
        pace.EndMicroBatch(source.Token).Should().BeLessThan(startNs + (60_000 * Ms));
    }

    [Fact]
    public void EndMicroBatch_OnceWarm_AllocatesNothing()
    {
        PaceEmulator pace = new(0.001);
        pace.BeginStep(MonotonicClock.NowNs(), 1);
        pace.EndMicroBatch();

        long before = GC.GetAllocatedBytesForCurrentThread();
        pace.EndMicroBatch();
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }

    [Fact]
    public void Arguments_OutOfRange_Throw()
    {
        Func<PaceEmulator> zero = () => new PaceEmulator(0);
        zero.Should().Throw<ArgumentOutOfRangeException>();
        new PaceEmulator(1).Invoking(it => it.BeginStep(0, double.NaN)).Should().Throw<ArgumentOutOfRangeException>();
        new PaceEmulator(null).Invoking(it => it.BeginStep(0, 0.5)).Should().Throw<ArgumentOutOfRangeException>();
    }
}
