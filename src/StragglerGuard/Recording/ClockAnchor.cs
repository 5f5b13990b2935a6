using StragglerGuard.Collectives;
namespace StragglerGuard.Recording;

/// <summary>
/// One instant read on both clocks: the only bridge from <see cref="MonotonicClock"/> to the calendar. A process has one, taken once, so
/// that a jump of the wall clock shifts no interval.
/// </summary>
/// <param name="MonotonicNs">The instant on <see cref="MonotonicClock"/>, in ns.</param>
/// <param name="UnixNs">The same instant, ns since 1970-01-01 UTC.</param>
public readonly record struct ClockAnchor(long MonotonicNs, long UnixNs)
{
    private const int Attempts = 16;
    private const int NanosecondsPerTick = 100;

    /// <summary>The anchor of this process, taken when it is first asked for.</summary>
    public static ClockAnchor OfProcess { get; } = Take();

    /// <summary>Reads both clocks. Of a few attempts the one with the least time between its two monotonic reads is kept: nobody interrupted it.</summary>
    /// <returns>The anchor.</returns>
    public static ClockAnchor Take()
    {
        var best = default(ClockAnchor);
        var narrowestNs = long.MaxValue;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var beforeNs = MonotonicClock.NowNs();
            var utc = DateTime.UtcNow;
            var afterNs = MonotonicClock.NowNs();
            if (afterNs - beforeNs < narrowestNs)
            {
                narrowestNs = afterNs - beforeNs;
                best = new ClockAnchor(beforeNs + (narrowestNs / 2), (utc - DateTime.UnixEpoch).Ticks * NanosecondsPerTick);
            }
        }

        return best;
    }

    /// <summary>Where a monotonic instant lies on the calendar, as the anchor sees it.</summary>
    /// <param name="monotonicNs">ns on <see cref="MonotonicClock"/> of the anchor's machine.</param>
    /// <returns>ns since 1970-01-01 UTC.</returns>
    public long ToUnixNs(long monotonicNs) => UnixNs + (monotonicNs - MonotonicNs);

    /// <summary>Where a monotonic instant lies on the calendar, as the anchor sees it, to 100 ns.</summary>
    /// <param name="monotonicNs">ns on <see cref="MonotonicClock"/> of the anchor's machine.</param>
    /// <returns>The instant in UTC.</returns>
    public DateTimeOffset ToUtc(long monotonicNs) => DateTimeOffset.UnixEpoch.AddTicks(ToUnixNs(monotonicNs) / NanosecondsPerTick);
}
