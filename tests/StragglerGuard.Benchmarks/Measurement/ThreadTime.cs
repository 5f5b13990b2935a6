using System.Runtime.InteropServices;

namespace StragglerGuard.Benchmarks.Measurement;

/// <summary>Processor time of the calling thread alone, whatever the others do meanwhile: <c>CLOCK_THREAD_CPUTIME_ID</c> of Linux.</summary>
internal static partial class ThreadTime
{
    private const int ThreadClock = 3;

    /// <summary>Processor time of this thread since it began; zero where the system does not tell, so that nothing is ever taken off by it.</summary>
    public static TimeSpan Now => OperatingSystem.IsLinux() && Environment.Is64BitProcess && ClockGetTime(ThreadClock, out TimeSpecification now) == 0
        ? TimeSpan.FromSeconds(now.Seconds) + TimeSpan.FromMicroseconds(now.Nanoseconds * 1e-3)
        : TimeSpan.Zero;

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, out TimeSpecification now);

    // struct timespec of 64-bit Linux.
    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpecification
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
