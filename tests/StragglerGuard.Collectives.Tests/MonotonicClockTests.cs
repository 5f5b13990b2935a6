namespace StragglerGuard.Collectives.Tests;

public sealed class MonotonicClockTests
{
    [Theory]
    [InlineData(0, 10_000_000, 0)]
    [InlineData(3, 10_000_000, 300)]
    [InlineData(long.MaxValue / 100, 10_000_000, 9223372036854775800)]
    [InlineData(123_456_789_012_345_678, 1_000_000_000, 123_456_789_012_345_678)]
    [InlineData(7, 3, 2_333_333_333)]
    public void ToNs_OfTicksAtAnyFrequency_IsExact(long ticks, long ticksPerSecond, long expectedNs) =>
        MonotonicClock.ToNs(ticks, ticksPerSecond).Should().Be(expectedNs);
}
