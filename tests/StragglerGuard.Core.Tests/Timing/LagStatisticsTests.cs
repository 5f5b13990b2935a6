using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.Timing;

public sealed class LagStatisticsTests
{
    [Fact]
    public void Summarize_OverALongRun_EqualsASlowCountOverTheWindow()
    {
        const int Ranks = 3;
        const int Window = 50;
        const int Seed = 5;
        var random = new Random(Seed);
        var statistics = new LagStatistics(Ranks, Window);
        var calculator = new LagCalculator(Ranks);
        var history = new List<(LagSample Sample, long[] LagNs)>();
        for (int step = 0; step < 400; step++)
        {
            long?[] inside = Enumerable.Range(0, Ranks)
                .Select(_ => random.Next(20) == 0 ? (long?)null : 1_000 + random.Next(2_000)).ToArray();
            if (inside.All(value => value is null))
            {
                continue;
            }

            LagSample sample = calculator.Compute(Timings.Frame(inside), exitSkewNs: 100);
            statistics.Add(in sample, calculator.LagNs);
            history.Add((sample, calculator.LagNs.ToArray()));
            var window = history.TakeLast(Window).Where(entry => entry.Sample.Standing is LagStanding.Counts or LagStanding.Tied or LagStanding.BelowGate).ToList();
            for (int rank = 0; rank < Ranks; rank++)
            {
                long[] sorted = [.. window.Select(entry => entry.Sample.Standing == LagStanding.BelowGate ? 0 : entry.LagNs[rank]).Order()];
                var last = window.Where(entry => entry.Sample.LastArriver == new Rank(rank)).ToList();
                LagSummary expected = sorted.Length == 0
                    ? new LagSummary(0, null, null, null, null, 0)
                    : new LagSummary(
                        sorted.Length, At(sorted, 0.50), At(sorted, 0.95), At(sorted, 0.99),
                        (double)last.Count / sorted.Length, last.Sum(entry => entry.Sample.WaitCausedNs));
                statistics.Summarize(new Rank(rank)).Should().Be(expected, "seed {0}, step {1}, rank {2}", Seed, step, rank);
            }
        }

        static long At(long[] sorted, double share) =>
            sorted.First(value => sorted.Count(other => other <= value) >= (share * sorted.Length) - 1e-9);
    }

    [Fact]
    public void Summarize_OfAHundredKnownLags_TakesTheNearestRank()
    {
        var statistics = new LagStatistics(2, 100);
        for (int lag = 100; lag >= 1; lag--)
        {
            statistics.Add(
                new LagSample { Standing = LagStanding.Counts, LastArriver = new Rank(lag <= 25 ? 0 : 1), WaitCausedNs = 10 }, [lag, 0]);
        }

        statistics.Summarize(new Rank(0)).Should().Be(new LagSummary(100, 50, 95, 99, 0.25, 250));
        statistics.Summarize(new Rank(1)).Should().Be(new LagSummary(100, 0, 0, 0, 0.75, 750));
    }

    [Fact]
    public void Summarize_WhenNothingIsKnown_IsUnknownAndNotZero()
    {
        var statistics = new LagStatistics(1, 4);
        statistics.Add(new LagSample { Standing = LagStanding.SkewUnknown }, [5]);
        statistics.Summarize(new Rank(0)).P50Ns.Should().BeNull();
        statistics.Summarize(new Rank(0)).LastShare.Should().BeNull();
    }

    [Fact]
    public void Add_InSteadyState_AllocatesNothing()
    {
        var statistics = new LagStatistics(8, 64);
        var calculator = new LagCalculator(8);
        StepFrame frame = Timings.Frame(1, 20, 300, 4_000, 50_000, 600_000, 7_000_000, 80_000_000);
        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);

        void Run()
        {
            for (int step = 0; step < 200; step++)
            {
                LagSample sample = calculator.Compute(frame, 1);
                statistics.Add(in sample, calculator.LagNs);
                statistics.Summarize(new Rank(step % 8));
            }
        }
    }

    [Fact]
    public void Summarize_ARankOutOfRange_IsRefused()
    {
        Action summarize = () => new LagStatistics(2).Summarize(new Rank(2));
        summarize.Should().Throw<ArgumentOutOfRangeException>();
    }
}
