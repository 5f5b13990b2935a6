using System.Diagnostics;

namespace StragglerGuard.Collectives;

/// <summary>The clock of all timings: monotonic, in nanoseconds, with an origin of its own on every machine.</summary>
public static class MonotonicClock
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    // One tick is one nanosecond on Linux; static readonly, so compiled code holds only the branch that applies.
    private static readonly bool s_tickIsNanosecond = Stopwatch.Frequency == NanosecondsPerSecond;

    /// <summary>Reads the clock.</summary>
    /// <returns>ns since an arbitrary origin, the same for all threads of the machine since it was started.</returns>
    public static long NowNs() => s_tickIsNanosecond ? Stopwatch.GetTimestamp() : ToNs(Stopwatch.GetTimestamp(), Stopwatch.Frequency);

    /// <summary>Whole seconds and the rest apart: a product of both would leave the range of a long within minutes.</summary>
    internal static long ToNs(long ticks, long ticksPerSecond)
    {
        var (seconds, rest) = Math.DivRem(ticks, ticksPerSecond);
        return (seconds * NanosecondsPerSecond) + (rest * NanosecondsPerSecond / ticksPerSecond);
    }
}
