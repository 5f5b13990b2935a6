using StragglerGuard.Recording;

namespace StragglerGuard.Tests.Recording;

public sealed class ClockAnchorTests
{
    [Fact]
    public void ToUtc_OfAnAnchoredInstant_AddsTheMonotonicDistance()
    {
        var anchor = new ClockAnchor(5_000, 1_700_000_000_000_000_000);

        anchor.ToUnixNs(5_250).Should().Be(1_700_000_000_000_000_250);
        anchor.ToUnixNs(4_000).Should().Be(1_699_999_999_999_999_000);
        anchor.ToUtc(5_000 + 1_500_000_000).Should().Be(new DateTimeOffset(2023, 11, 14, 22, 13, 21, 500, TimeSpan.Zero));
    }

    [Fact]
    public void OfProcess_ComparedWithTheWallClock_LiesBetweenItsReadings()
    {
        var before = DateTimeOffset.UtcNow;
        var anchor = ClockAnchor.Take();
        var after = DateTimeOffset.UtcNow;

        anchor.ToUtc(anchor.MonotonicNs).Should().BeOnOrAfter(before).And.BeOnOrBefore(after);
        ClockAnchor.OfProcess.Should().Be(ClockAnchor.OfProcess);
    }
}
