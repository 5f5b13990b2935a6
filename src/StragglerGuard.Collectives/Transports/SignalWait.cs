namespace StragglerGuard.Collectives.Transports;

/// <summary>How much is left of a wait.</summary>
internal readonly struct SignalWait(TimeSpan patience)
{
    private readonly long _endNs = patience == Timeout.InfiniteTimeSpan ? long.MaxValue
        : patience <= TimeSpan.Zero ? 0
        : MonotonicClock.NowNs() + (long)patience.TotalNanoseconds;

    /// <summary>ms, rounded up; 0 when time is up, −1 when it never is.</summary>
    public int RemainingMs => _endNs switch
    {
        long.MaxValue => Timeout.Infinite,
        0 => 0,
        _ => (int)Math.Clamp((_endNs - MonotonicClock.NowNs() + 999_999) / 1_000_000, 0, int.MaxValue),
    };
}
