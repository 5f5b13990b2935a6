using StragglerGuard.Core.Timing;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Core.Tests.PeersFail;

/// <summary>The synthetic fleets make what they say they make; otherwise no figure on them means anything.</summary>
public sealed class SyntheticFleetTests
{
    [Theory]
    [InlineData(0.02, 0, false)]
    [InlineData(0.02, 0.5, false)]
    [InlineData(0.02, 0, true)]
    public void Noise_OfAFleet_HasItsSpreadAndItsMemory(double cv, double memory, bool isHeavyTailed)
    {
        double[] logs = LogsOfRankZero(new PaceNoise(cv, memory, isHeavyTailed), seed: 3, steps: 40_000);
        double mean = logs.Average();
        double variance = logs.Average(value => (value - mean) * (value - mean));
        double lagged = logs.Zip(logs.Skip(1), (a, b) => (a - mean) * (b - mean)).Average();

        // The heavy tail's fourth moment is infinite: its variance settles slowly.
        Math.Sqrt(variance).Should().BeApproximately(cv, isHeavyTailed ? 0.15 * cv : 0.02 * cv, "seed 3");
        (lagged / variance).Should().BeApproximately(memory, 0.02, "seed 3");
        double beyondFour = logs.Count(value => Math.Abs(value - mean) > 4 * cv) / (double)logs.Length;
        (beyondFour > 1e-3).Should().Be(isHeavyTailed, "seed 3: a normal is beyond 4 σ once in 16,000");
    }

    [Fact]
    public void Frames_OfTheSameSeed_AreTheSameAndOfAnotherAreNot()
    {
        var noise = new PaceNoise(0.02, 0.5, CommonCv: 0.01);
        LogsOfRankZero(noise, 5, 50).Should().Equal(LogsOfRankZero(noise, 5, 50));
        LogsOfRankZero(noise, 5, 50).Should().NotEqual(LogsOfRankZero(noise, 6, 50));
    }

    [Fact]
    public void DealBySpeed_OfSpreadChips_IsUnevenAndComplete()
    {
        var fleet = new SyntheticFleet(FleetShape.Equal(100) with { ChipSpread = 0.1, IsDealtBySpeed = true, UnitsPerRank = 12 }, new PaceNoise(0.02), 8);
        fleet.Units.Sum().Should().Be(1_200);
        fleet.Units.Distinct().Count().Should().BeGreaterThan(2);
    }

    [Fact]
    public void Ranks_OfAStep_LeaveTheCollectiveTogether()
    {
        FleetShape shape = FleetShape.Equal(8);
        var fleet = new SyntheticFleet(shape, new PaceNoise(0.05), 9, new InputStarvation(3, 50e6, 0));
        for (int step = 0; step < 20; step++)
        {
            StepFrame frame = fleet.Next()!;
            long[] left = [.. Enumerable.Range(0, 8).Select(rank => frame.ArrivalNs[rank] + frame.CollectiveNs[rank])];
            (left.Max() - left.Min()).Should().BeLessThanOrEqualTo(shape.ExitSkewNs + 2);
        }
    }

    private static double[] LogsOfRankZero(PaceNoise noise, int seed, int steps)
    {
        var fleet = new SyntheticFleet(FleetShape.Equal(4), noise, seed);
        return [.. Enumerable.Range(0, steps).Select(_ => Math.Log(fleet.Next()!.ComputeNs[0]))];
    }
}
