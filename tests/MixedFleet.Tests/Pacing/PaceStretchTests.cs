using MixedFleet.Fleet;
using MixedFleet.Pacing;

namespace MixedFleet.Tests.Pacing;

public sealed class PaceStretchTests
{
    [Fact]
    public void Of_ALightFleet_LeavesThePacesAlone()
    {
        // 4 × 1/20 of a core, on 2 cores.
        PaceStretch stretch = PaceStretch.Of([0.001, 0.001, 0.001, 0.001], [0.02, 0.02, 0.02, 0.02], cores: 2, SlowdownSchedule.None);
        stretch.Factor.Should().Be(1);
        stretch.CoreShare.Should().BeApproximately(0.1, 1e-12);
    }

    [Fact]
    public void Of_AHeavyFleet_StretchesToTheShareAllowed()
    {
        double[] real = [0.004, 0.004, 0.004, 0.008];
        double?[] paces = [0.02, 0.02, 0.02, 0.04];

        PaceStretch stretch = PaceStretch.Of(real, paces, cores: 1, SlowdownSchedule.None);

        stretch.CoreShare.Should().BeApproximately(0.8, 1e-12);
        stretch.Factor.Should().BeApproximately(2, 1e-12);
        real.Zip(paces, (r, p) => r / (p!.Value * stretch.Factor)).Sum().Should().BeApproximately(PaceStretch.CoreShareMax, 1e-12);
    }

    [Fact]
    public void Of_OneBusyRankOnManyCores_CountsThatARankIsOneThread() =>
        PaceStretch.Of([0.016], [0.02], cores: 64, SlowdownSchedule.None).Factor.Should().BeApproximately(2, 1e-12);

    [Fact]
    public void Of_ARankMadeFaster_CountsItsFastestPace()
    {
        FleetDefinition fleet = new("test", [new("A", 0.02)]);
        SlowdownSchedule schedule = SlowdownSchedule.Parse(["0:0.25@5-9", "0:3@20-30"], fleet).Value!;
        PaceStretch.Of([0.004], [0.02], cores: 1, schedule).Factor.Should().BeApproximately(2, 1e-12);
    }

    [Fact]
    public void Of_RanksOfTrueCompute_DoesNotCountThem() =>
        PaceStretch.Of([0.01, 0.001], [null, 0.02], cores: 1, SlowdownSchedule.None).Should().Be(new PaceStretch(1, 0.05));

    [Theory]
    [InlineData(0.0)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Of_ATimeThatIsNone_Throws(double seconds)
    {
        Func<PaceStretch> real = () => PaceStretch.Of([seconds], [0.02], 1, SlowdownSchedule.None);
        real.Should().Throw<ArgumentOutOfRangeException>();
        Func<PaceStretch> pace = () => PaceStretch.Of([0.01], [seconds], 1, SlowdownSchedule.None);
        pace.Should().Throw<ArgumentOutOfRangeException>();
    }
}
