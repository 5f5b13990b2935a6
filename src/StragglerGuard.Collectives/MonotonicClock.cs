using System.Diagnostics;

namespace StragglerGuard.Collectives;

/// <summary>The monotonic clock of this process, in ns. Only differences mean anything.</summary>
internal static class MonotonicClock
{
    /// <summary>Now.</summary>
    public static long NowNs
    {
        get
        {
            var ticks = Stopwatch.GetTimestamp();
            return Stopwatch.Frequency == 1_000_000_000
                ? ticks
                : (long)((Int128)ticks * 1_000_000_000 / Stopwatch.Frequency);
        }
    }
}
