using FsCheck;
using FsCheck.Fluent;
using MixedFleet.Fleet;
using MixedFleet.Optimum;

namespace MixedFleet.Tests.Optimum;

public sealed class ConfiguredOptimumTests
{
    [Fact]
    public void StepSeconds_OnSmallInstances_EqualsExhaustiveSearch()
    {
        Gen<(double[] Seconds, int MicroBatches)> instance =
            from ranks in Gen.Choose(1, 4)
            from ticks in Gen.Choose(1, 40).ArrayOf(ranks)
            from microBatches in Gen.Choose(ranks, 9)
            select (ticks.Select(it => it / 1000.0).ToArray(), microBatches);
        Prop.ForAll(instance.ToArbitrary(), it =>
            ConfiguredOptimum.StepSeconds(it.Seconds, it.MicroBatches).Should().Be(Exhaustive(it.Seconds, it.MicroBatches)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithReplay(20250102, 1));
    }

    [Fact]
    public void StepSeconds_OfTheDefaultFleet_IsTheBestDeal() =>
        ConfiguredOptimum.StepSeconds([0.024, 0.024, 0.020, 0.010], 32).Should().Be(6 * 0.024);

    [Fact]
    public void StepSeconds_OfARankThatIsTooSlowForOneUnit_StillGivesItOne() =>
        ConfiguredOptimum.StepSeconds([0.060, 0.002, 0.002], 8).Should().Be(0.060);

    [Fact]
    public void StepSeconds_OfEqualRanks_IsTheEvenDeal() =>
        ConfiguredOptimum.StepSeconds([0.02, 0.02, 0.02, 0.02, 0.02, 0.02], 32).Should().Be(6 * 0.02);

    [Fact]
    public void SamplesPerSecond_WithoutSlowdowns_IsSamplesOverStepTime()
    {
        double rate = ConfiguredOptimum.SamplesPerSecond(
            10, 60, [0.02, 0.01], SlowdownSchedule.None, StallSchedule.None, fixedCostSeconds: 0.005, microBatches: 3, samplesPerMicroBatch: 16);
        rate.Should().BeApproximately(3 * 16 / 0.025, 1e-9);
    }

    [Fact]
    public void SamplesPerSecond_WithASlowdown_SumsTheBestTimeOfEveryStep()
    {
        FleetDefinition fleet = new("test", [new("A", 0.01), new("A", 0.01)]);
        SlowdownSchedule schedule = SlowdownSchedule.Parse(["1:2@5-10"], fleet).Value!;

        double rate = ConfiguredOptimum.SamplesPerSecond(0, 20, [0.01, 0.01], schedule, StallSchedule.None, 0, microBatches: 6, samplesPerMicroBatch: 1);

        // 15 steps of 3 + 3 (30 ms) and 5 of 4 + 2 (40 ms).
        rate.Should().BeApproximately(20 * 6 / ((15 * 0.03) + (5 * 0.04)), 1e-9);
    }

    [Fact]
    public void SamplesPerSecond_UnderStalls_TakesTheirTimeWithoutHavingForeseenThem()
    {
        FleetDefinition fleet = new("test", [new("A", 0.01), new("A", 0.01)]);
        StallSchedule stalls = StallSchedule.Parse(["1:0.5:3"], fleet, seed: 1).Value!;
        int stalled = Enumerable.Range(0, 40).Count(step => stalls.FactorAt(1, step) > 1);
        stalled.Should().BeInRange(10, 30);

        double rate = ConfiguredOptimum.SamplesPerSecond(
            0, 40, [0.01, 0.01], SlowdownSchedule.None, stalls, 0.002, microBatches: 6, samplesPerMicroBatch: 1);

        // 3 + 3 all the time: 30 ms, and 90 ms where rank 1 stalls.
        rate.Should().BeApproximately(40 * 6 / (((40 - stalled) * 0.032) + (stalled * 0.092)), 1e-9);
    }

    [Fact]
    public void StepSeconds_OfAnyInstance_ReturnsADealThatTakesSoLong()
    {
        int[] deal = new int[4];
        double seconds = ConfiguredOptimum.StepSeconds([0.024, 0.024, 0.020, 0.010], 32, deal);

        deal.Sum().Should().Be(32);
        deal.Zip(new[] { 0.024, 0.024, 0.020, 0.010 }, (units, each) => units * each).Max().Should().Be(seconds);
    }

    [Fact]
    public void Arguments_OutOfRange_Throw()
    {
        Func<double> none = () => ConfiguredOptimum.StepSeconds([], 3);
        none.Should().Throw<ArgumentOutOfRangeException>();
        Func<double> zero = () => ConfiguredOptimum.StepSeconds([0.0], 3);
        zero.Should().Throw<ArgumentOutOfRangeException>();
        Func<double> noSteps = () => ConfiguredOptimum.SamplesPerSecond(5, 5, [0.1], SlowdownSchedule.None, StallSchedule.None, 0, 1, 1);
        noSteps.Should().Throw<ArgumentOutOfRangeException>();
    }

    private static double Exhaustive(ReadOnlySpan<double> seconds, int left)
    {
        if (seconds.Length == 1)
        {
            return left * seconds[0];
        }

        double best = double.PositiveInfinity;
        for (int mine = 1; mine <= left - (seconds.Length - 1); mine++)
        {
            best = Math.Min(best, Math.Max(mine * seconds[0], Exhaustive(seconds[1..], left - mine)));
        }

        return best;
    }
}
