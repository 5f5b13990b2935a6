using System.Runtime.InteropServices;
using StragglerGuard.Collectives;

namespace MixedFleet.Pacing;

/// <summary>Waits until a point in time, to about a tenth of a millisecond and without burning a core.</summary>
/// <remarks>
/// On Linux the kernel sleeps to the absolute time (<c>clock_nanosleep</c>, <c>TIMER_ABSTIME</c>), so what passes between computing a
/// deadline and waiting for it is not added. <c>Thread.Sleep</c> truncates to milliseconds: elsewhere it takes the bulk and a
/// yielding loop the rest.
/// </remarks>
internal static partial class AbsoluteDeadline
{
    private const long NsPerSecond = 1_000_000_000;
    private const long NsPerMillisecond = 1_000_000;

    // A cancelled wait ends within one slice.
    private const long SliceNs = 20 * NsPerMillisecond;

    // Waking a thread takes longer than this on most machines; where it doesn't, so much is spun away.
    private const long WakeUpNs = 50_000;

    // Thread.Sleep may oversleep by a timer tick; the loop takes over before.
    private const long CoarseMarginNs = 2 * NsPerMillisecond;

    private const int ClockMonotonic = 1;
    private const int TimerAbsoluteTime = 1;
    private const int Interrupted = 4;
    private const int PrSetTimerSlack = 29;

    private static readonly bool KernelSleeps = KernelClockIsStopwatch();

    [ThreadStatic]
    private static bool isSlackCut;

    /// <summary>Returns when the time has come, at once where it has passed. Never early, unless cancelled. Allocates nothing.</summary>
    /// <param name="deadlineTimestampNs">On the clock of <see cref="MonotonicClock"/>.</param>
    /// <param name="cancellation">Ends the wait within some 20 ms.</param>
    /// <returns>false where the wait was cancelled.</returns>
    public static bool WaitUntil(long deadlineTimestampNs, CancellationToken cancellation = default)
    {
        while (!cancellation.IsCancellationRequested)
        {
            long nowNs = MonotonicClock.NowNs();
            if (nowNs >= deadlineTimestampNs)
            {
                return true;
            }

            long untilNs = cancellation.CanBeCanceled ? Math.Min(deadlineTimestampNs, nowNs + SliceNs) : deadlineTimestampNs;
            if (KernelSleeps)
            {
                SleepInKernel(untilNs, nowNs);
            }
            else
            {
                SleepInRuntime(untilNs, nowNs);
            }
        }

        return false;
    }

    /// <summary>The way of machines without <c>clock_nanosleep</c>: each call gets closer to the deadline, none aims past it.</summary>
    internal static void SleepInRuntime(long untilNs, long nowNs)
    {
        long bulkMs = Math.Min((untilNs - nowNs - CoarseMarginNs) / NsPerMillisecond, int.MaxValue);
        if (bulkMs >= 1)
        {
            Thread.Sleep((int)bulkMs);
        }
        else
        {
            Thread.Yield();
        }
    }

    private static void SleepInKernel(long untilNs, long nowNs)
    {
        long wakeNs = untilNs - WakeUpNs;
        if (wakeNs <= nowNs)
        {
            Thread.SpinWait(1);
            return;
        }

        if (!isSlackCut)
        {
            // The kernel may wake a thread 50 µs late to save power; a refusal only costs these.
            isSlackCut = true;
            _ = SetThreadOption(PrSetTimerSlack, 1, 0, 0, 0);
        }

        TimeSpecification until = new() { Seconds = (nint)(wakeNs / NsPerSecond), Nanoseconds = (nint)(wakeNs % NsPerSecond) };
        int error;
        do
        {
            error = ClockNanosleep(ClockMonotonic, TimerAbsoluteTime, in until, 0);
        }
        while (error == Interrupted);

        if (error != 0)
        {
            throw new InvalidOperationException($"clock_nanosleep refused the time {wakeNs} ns with error {error}.");
        }
    }

    // Stopwatch reads the same clock today, but nothing promises it: deadlines on another epoch would wait for ever, or never.
    private static bool KernelClockIsStopwatch()
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            return false;
        }

        try
        {
            long beforeNs = MonotonicClock.NowNs();
            if (ClockGetTime(ClockMonotonic, out TimeSpecification now) != 0)
            {
                return false;
            }

            long kernelNs = (now.Seconds * NsPerSecond) + now.Nanoseconds;
            return beforeNs <= kernelNs && kernelNs <= MonotonicClock.NowNs();
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "clock_nanosleep")]
    private static partial int ClockNanosleep(int clock, int flags, in TimeSpecification request, nint remain);

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, out TimeSpecification now);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int SetThreadOption(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    // struct timespec of 64-bit Linux.
    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpecification
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
