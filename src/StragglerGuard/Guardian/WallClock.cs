using StragglerGuard.Collectives;

namespace StragglerGuard.Guardian;

/// <summary>The wall clock as it was at the start, carried on by the monotonic one: it never jumps while the guardian runs.</summary>
internal sealed class WallClock
{
    private readonly DateTimeOffset _anchor = DateTimeOffset.UtcNow;
    private readonly long _anchorNs = MonotonicClock.NowNs();

    public DateTimeOffset Now() => _anchor.AddTicks((MonotonicClock.NowNs() - _anchorNs) / TimeSpan.NanosecondsPerTick);
}
