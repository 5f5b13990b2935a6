using StragglerGuard.Collectives.Probes;

namespace StragglerGuard.Collectives.Tests.Probes;

public sealed class RepeatedTimingTests
{
    [Theory]
    [InlineData(100, 1, 25, 75)]
    [InlineData(100, 10, 3, 7)]
    [InlineData(100, 60, 1, 3)]
    [InlineData(100, 1_000_000, 1, 3)]
    public void Measure_WhateverOneTakes_KeepsToItsTimeOrToItsLeastRepeats(long limitNs, long onceNs, int warmUps, int repeats)
    {
        long nowNs = 0;
        var calls = 0;
        var figure = new RepeatedTiming(() => nowNs).Measure(
            limitNs,
            () =>
            {
                calls++;
                nowNs += onceNs;
                return onceNs;
            },
            elapsedNs => elapsedNs);
        figure.Repeats.Should().Be(repeats);
        calls.Should().Be(warmUps + repeats);
        figure.Median.Should().Be(onceNs);
        figure.RelativeSpread.Should().Be(0);
    }

    [Fact]
    public void Measure_OfWhatIsSlowAtFirst_CountsOnlyTheWarmOnes()
    {
        long nowNs = 0;
        var calls = 0;
        var figure = new RepeatedTiming(() => nowNs).Measure(
            1000,
            () =>
            {
                var tookNs = calls++ < 5 ? 50 : 10;
                nowNs += tookNs;
                return tookNs;
            },
            elapsedNs => elapsedNs);
        figure.Median.Should().Be(10);
        figure.RelativeSpread.Should().Be(0);
    }

    [Fact]
    public void Measure_OfNothing_EndsWithABoundedNumberOfRepeats()
    {
        long nowNs = 0;
        var figure = new RepeatedTiming(() => nowNs++).Measure(1_000_000, () => 0, elapsedNs => 1 / elapsedNs);
        figure.Repeats.Should().Be(1001);
        figure.Median.Should().Be(1, "less than a tick counts as one");
    }
}
