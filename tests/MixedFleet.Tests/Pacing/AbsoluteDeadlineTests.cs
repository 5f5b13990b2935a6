using StragglerGuard.Collectives;
using System.Diagnostics;
using MixedFleet.Pacing;

namespace MixedFleet.Tests.Pacing;

public sealed class AbsoluteDeadlineTests
{
    private const long Ms = 1_000_000;

    [Fact]
    public void WaitUntil_ADeadlineAhead_NeverReturnsEarly()
    {
        for (int i = 0; i < 20; i++)
        {
            long deadlineNs = MonotonicClock.NowNs() + (i * Ms / 10);
            AbsoluteDeadline.WaitUntil(deadlineNs).Should().BeTrue();
            MonotonicClock.NowNs().Should().BeGreaterThanOrEqualTo(deadlineNs);
        }
    }

    [Fact]
    public void WaitUntil_ADeadlineBehind_ReturnsAtOnce()
    {
        AbsoluteDeadline.WaitUntil(MonotonicClock.NowNs() - Ms).Should().BeTrue();
        AbsoluteDeadline.WaitUntil(long.MinValue).Should().BeTrue();
    }

    [Fact]
    public void WaitUntil_WhenCancelledBefore_ReturnsFalse()
    {
        using CancellationTokenSource source = new();
        source.Cancel();
        AbsoluteDeadline.WaitUntil(long.MaxValue, source.Token).Should().BeFalse();
    }

    [Fact]
    public void WaitUntil_WhenCancelledMeanwhile_ReturnsFalse()
    {
        using CancellationTokenSource source = new();
        using ManualResetEventSlim isWaiting = new();
        bool? reached = null;
        Thread waiter = new(() =>
        {
            isWaiting.Set();
            reached = AbsoluteDeadline.WaitUntil(long.MaxValue, source.Token);
        });
        waiter.Start();
        isWaiting.Wait();
        source.Cancel();

        waiter.Join(TimeSpan.FromSeconds(30)).Should().BeTrue("a cancelled wait ends");
        reached.Should().BeFalse();
    }

    [Fact]
    public void SleepInRuntime_Repeated_ReachesTheDeadline()
    {
        long deadlineNs = MonotonicClock.NowNs() + (5 * Ms);
        int calls = 0;
        for (long nowNs = MonotonicClock.NowNs(); nowNs < deadlineNs; nowNs = MonotonicClock.NowNs())
        {
            AbsoluteDeadline.SleepInRuntime(deadlineNs, nowNs);
            calls++;
        }

        calls.Should().BePositive();
    }

    [Fact]
    public void NowNs_IsTheClockOfStopwatch()
    {
        long before = MonotonicClock.NowNs();
        long ticks = Stopwatch.GetTimestamp();
        long after = MonotonicClock.NowNs();
        ((double)ticks / Stopwatch.Frequency).Should().BeInRange((before / 1e9) - 1e-3, (after / 1e9) + 1e-3);
    }

    [Fact]
    public void WaitUntil_OnceWarm_AllocatesNothing()
    {
        AbsoluteDeadline.WaitUntil(MonotonicClock.NowNs() + Ms);

        long before = GC.GetAllocatedBytesForCurrentThread();
        AbsoluteDeadline.WaitUntil(MonotonicClock.NowNs() + Ms);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }
}
