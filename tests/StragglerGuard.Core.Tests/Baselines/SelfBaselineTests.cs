using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Tests.Baselines;

public sealed class SelfBaselineTests
{
    private const double Floor = 0.02;

    [Fact]
    public void Center_AfterRefresh_IsTheMedianOfTheRing()
    {
        var random = new Random(3);
        SelfBaseline baseline = Make(64);
        var values = new List<double>();
        for (int i = 0; i < 200; i++)
        {
            values.Add(random.NextDouble());
            baseline.Add(values[^1]);
            baseline.Refresh();
            baseline.Center.Should().Be(OrderStatisticsTests.SlowMedian([.. values.TakeLast(64)]), "seed 3, value {0}", i);
        }
    }

    [Fact]
    public void Sigma_OfConstantValues_IsTheFloor()
    {
        SelfBaseline baseline = Make(8);
        for (int i = 0; i < 8; i++)
        {
            baseline.Add(1.5);
        }

        baseline.Refresh();
        baseline.Sigma.Should().Be(Floor);
    }

    [Fact]
    public void Sigma_OfIndependentNormalNoise_IsNearItAndNotBelow() =>
        MeanSigma(memory: 0).Should().BeInRange(0.10, 0.135);

    [Fact]
    public void Sigma_OfNoiseWithMemory_ApproachesTheLongRunSigma() =>
        MeanSigma(memory: 0.5).Should().BeInRange(0.14, 0.21, "√((1 + ρ)/(1 − ρ)) is √3");

    [Fact]
    public void Sigma_WithAQuarterOfTheValuesWild_StaysCloseToTheNoise()
    {
        SelfBaseline baseline = Make(64);
        for (int i = 0; i < 64; i++)
        {
            baseline.Add(i % 4 == 0 ? 100 : (i % 3 * 0.1) - 0.1);
        }

        baseline.Refresh();
        baseline.Center.Should().BeApproximately(0, 0.11);
        baseline.Sigma.Should().BeLessThan(0.5);
    }

    [Fact]
    public void Shift_ByAnAmount_MovesTheCenterAndKeepsTheNoise()
    {
        SelfBaseline baseline = Make(16);
        for (int i = 0; i < 16; i++)
        {
            baseline.Add(i % 5 * 0.1);
        }

        baseline.Refresh();
        double center = baseline.Center;
        double sigma = baseline.Sigma;
        baseline.Shift(2);
        baseline.Refresh();
        baseline.Center.Should().BeApproximately(center + 2, 1e-12);
        baseline.Sigma.Should().BeApproximately(sigma, 1e-9);
    }

    [Fact]
    public void Clear_AfterUse_ForgetsEverything()
    {
        SelfBaseline baseline = Make(16);
        for (int i = 0; i < 16; i++)
        {
            baseline.Add(i);
        }

        baseline.Clear();
        baseline.Count.Should().Be(0);
        baseline.Center.Should().Be(0);
        baseline.Sigma.Should().Be(Floor);
        baseline.Add(7);
        baseline.Refresh();
        baseline.Center.Should().Be(7);
    }

    private static double MeanSigma(double memory)
    {
        var random = new Random(11);
        double sum = 0;
        const int Rounds = 200;
        for (int round = 0; round < Rounds; round++)
        {
            SelfBaseline baseline = Make(64);
            double value = 0;
            for (int i = 0; i < 128; i++)
            {
                double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
                value = (memory * value) + (Math.Sqrt(1 - (memory * memory)) * 0.1 * normal);
                baseline.Add(value);
            }

            sum += baseline.Sigma;
        }

        return sum / Rounds;
    }

    private static SelfBaseline Make(int capacity) => new(capacity, Floor, new double[capacity]);
}
