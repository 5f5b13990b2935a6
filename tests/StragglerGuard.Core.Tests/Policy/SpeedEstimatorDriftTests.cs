using StragglerGuard.Core.Policy;

namespace StragglerGuard.Core.Tests.Policy;

/// <summary>What the estimate does under noise and drift, over many ranks at once: a sample of 2,000 windows.</summary>
public sealed class SpeedEstimatorDriftTests
{
    private const int Seed = 31_415;
    private const int Ranks = 2_000;

    [Fact]
    public void Estimate_ConstantSpeedWithNoise_SpreadsNoMoreThanTheMedian()
    {
        (double[] estimates, double[] medians, double level) = Run(rampPerStep: 0, noise: 0.05, steps: 60);

        RmsOf(estimates, level).Should().BeLessThan(1.02 * RmsOf(medians, level), $"seed {Seed}");
        RmsOf(estimates, level).Should().BeLessThan(0.017, $"1.2533·5 %/√16 is 1.6 %, seed {Seed}");
        estimates.Zip(medians).Count(pair => pair.First != pair.Second).Should().BeLessThan(Ranks / 200, $"noise is no drift, seed {Seed}");
    }

    [Theory]
    [InlineData(0.001, 0.002)]
    [InlineData(0.003, 0.005)]
    [InlineData(0.005, 0.01)]
    [InlineData(0.01, 0.005)]
    [InlineData(0.01, 0.02)]
    [InlineData(-0.005, 0.01)]
    [InlineData(-0.01, 0.02)]
    public void Estimate_DriftOutOfTheNoise_LagsLessThanHalfAStep(double rampPerStep, double noise)
    {
        (double[] estimates, double[] medians, double level) = Run(rampPerStep, noise, steps: 60);

        Math.Abs((estimates.Average() / level) - 1).Should().BeLessThan(0.5 * Math.Abs(rampPerStep), $"seed {Seed}");
        Math.Abs((medians.Average() / level) - 1).Should().BeGreaterThan(6 * Math.Abs(rampPerStep), "half a window is what a median lags");
        RmsOf(estimates, level).Should().BeLessThan(0.85 * noise, $"the line's end is twice as uncertain as a median, and no more, seed {Seed}");
    }

    [Theory]
    [InlineData(0.001, 0.005)]
    [InlineData(0.001, 0.05)]
    [InlineData(0.003, 0.01)]
    [InlineData(0.005, 0.02)]
    [InlineData(0.01, 0.05)]
    public void Estimate_DriftWithinTheNoise_IsNoWorseThanTheMedian(double rampPerStep, double noise)
    {
        (double[] estimates, double[] medians, double level) = Run(rampPerStep, noise, steps: 60);

        RmsOf(estimates, level).Should().BeLessThan(1.02 * RmsOf(medians, level), $"seed {Seed}");
        Math.Abs((estimates.Average() / level) - 1).Should().BeLessThan((7.5 * rampPerStep) + 0.002, $"half a window at most, seed {Seed}");
    }

    [Fact]
    public void Estimate_AnyHistory_IsTheMedianOrWithinTheNewestSamples()
    {
        // Gaps, spikes, steps, ties and restarts: what is kept sorted has to stay what a fresh sort gives.
        var random = new Random(Seed);
        for (int trial = 0; trial < 100; trial++)
        {
            var estimator = new SpeedEstimator(1);
            var history = new List<(long Step, double Seconds)>();
            for (long step = 0; step < 70; step++)
            {
                long ns = (1 + random.Next(trial % 2 == 0 ? 4 : 1_000_000)) * 1_000_000L;
                bool isPresent = random.Next(8) > 0;
                estimator.Observe(step, [ns], [1], [isPresent]);
                if (isPresent)
                {
                    history.Add((step, ns * 1e-9));
                }

                if (random.Next(30) == 0)
                {
                    long from = step - random.Next(20);
                    estimator.Restart(new Rank(0), from);
                    history = [.. history.TakeLast(SpeedEstimator.WindowSamples).Where(sample => sample.Step >= from)];
                }

                double[] window = [.. history.TakeLast(SpeedEstimator.WindowSamples).Select(sample => sample.Seconds)];
                double? estimate = estimator.SecondsPerUnit(new Rank(0));
                if (window.Length < SpeedEstimator.EvidenceMin)
                {
                    estimate.Should().BeNull();
                }
                else if (IsDrift(window))
                {
                    estimate.Should().BeInRange(window[^5..].Min(), window[^5..].Max(), $"trial {trial} of seed {Seed}, step {step}");
                }
                else
                {
                    estimate.Should().Be(MedianOf(window), $"trial {trial} of seed {Seed}, step {step}");
                }
            }
        }
    }

    [Fact]
    public void Estimate_AJumpInMidWindow_NeverOvershoots()
    {
        var estimator = new SpeedEstimator(1);
        for (int step = 0; step < 64; step++)
        {
            // Slightly rising on either side, so that the jump does look like a drift.
            long ns = (step < 32 ? 1_000_000_000 : 2_000_000_000) + (step * 100_000);
            estimator.Observe(step, [ns], [1], [true]);
            if (step >= SpeedEstimator.EvidenceMin)
            {
                estimator.SecondsPerUnit(new Rank(0)).Should().BeInRange(1, 2.0064, $"step {step}");
            }
        }

        estimator.SecondsPerUnit(new Rank(0)).Should().BeApproximately(2.0063, 1e-4);
    }

    [Fact]
    public void CopyEstimates_WhileEveryRankDrifts_AllocatesNothing()
    {
        const int ranks = 16;
        var estimator = new SpeedEstimator(ranks);
        var computeNs = new long[ranks];
        int[] workUnits = [.. Enumerable.Repeat(1, ranks)];
        bool[] present = [.. Enumerable.Repeat(true, ranks)];
        var estimates = new double[ranks];
        long step = 0;
        Observe(100);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Observe(200);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        allocated.Should().Be(0);
        estimates.Should().OnlyContain(seconds => Math.Abs((seconds * 1e3) - step - 100) < 1, "else nothing drifted");
        void Observe(int steps)
        {
            for (int i = 0; i < steps; i++)
            {
                step++;
                Array.Fill(computeNs, (100 + step) * 1_000_000);
                estimator.Observe(step, computeNs, workUnits, present);
                estimator.CopyEstimates(estimates);
            }
        }
    }

    private static (double[] Estimates, double[] Medians, double Level) Run(double rampPerStep, double noise, int steps)
    {
        var random = new Random(Seed);
        var estimator = new SpeedEstimator(Ranks);
        var computeNs = new long[Ranks];
        int[] workUnits = [.. Enumerable.Repeat(1, Ranks)];
        bool[] present = [.. Enumerable.Repeat(true, Ranks)];
        double level = 1;
        for (int step = 0; step < steps; step++)
        {
            level = Math.Pow(1 + rampPerStep, Math.Max(0, step - 20));
            for (int rank = 0; rank < Ranks; rank++)
            {
                double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
                computeNs[rank] = (long)(1e9 * level * (1 + (noise * normal)));
            }

            estimator.Observe(step, computeNs, workUnits, present);
        }

        var estimates = new double[Ranks];
        estimator.CopyEstimates(estimates);
        var frames = new double[Ranks * SpeedEstimator.WindowSamples];
        estimator.CopyFrames(frames);
        double[] medians =
        [
            .. Enumerable.Range(0, Ranks).Select(rank => MedianOf([.. Enumerable.Range(0, SpeedEstimator.WindowSamples).Select(i => frames[(i * Ranks) + rank])])),
        ];
        return (estimates, medians, level);
    }

    private static double RmsOf(double[] estimates, double level) => Math.Sqrt(estimates.Average(x => Math.Pow((x / level) - 1, 2)));

    private static double MedianOf(double[] values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : 0.5 * (sorted[middle - 1] + sorted[middle]);
    }

    private static bool IsDrift(double[] window)
    {
        int n = window.Length;
        int trend = 0;
        for (int j = 1; j < n; j++)
        {
            trend += window[..j].Sum(earlier => Math.Sign(window[j] - earlier));
        }

        return n >= 10 && Math.Abs(trend) >= 3.5 * Math.Sqrt(n * (n - 1) * ((2 * n) + 5) / 18.0);
    }
}
