using StragglerGuard.Core.Planning;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Core.Tests.PeersFail;

/// <summary>Greyhound deals micro-batches so that the ranks' times vary least. What counts is when the last one is done.</summary>
public sealed class MinimumVariancePlanTests
{
    private const int Cases = 400;
    private const int Seed = 7;

    [Fact]
    public void Deal_AgainstTheOneOfLeastVariance_IsNeverSlowerAndOftenFaster()
    {
        var chance = new Chance(Seed);
        var planner = new RebalancePlanner();
        int slower = 0;
        double worst = 1;
        for (int i = 0; i < Cases; i++)
        {
            double[] seconds = [.. Enumerable.Range(0, 2 + chance.Below(3)).Select(_ => 1 + (1.5 * chance.Uniform()))];
            int total = seconds.Length * (2 + chance.Below(5));
            RebalanceOutcome.Solved ours = planner.Solve(new RebalanceProblem
            {
                FixedSeconds = new double[seconds.Length],
                SecondsPerUnit = seconds,
                Lowest = Enumerable.Repeat(1, seconds.Length).ToArray(),
                Highest = Enumerable.Repeat(total, seconds.Length).ToArray(),
                Current = EvenDeal.Of(total, seconds.Length),
                Total = total,
            }).Should().BeOfType<RebalanceOutcome.Solved>().Subject;
            double theirs = StepSeconds(LeastVariance(seconds, total), seconds);
            string story = $"seed {Seed}, case {i}: {total} over {string.Join(", ", seconds)}";
            ours.StepSeconds.Should().BeLessThanOrEqualTo(theirs, story);
            slower += theirs > ours.StepSeconds * (1 + 1e-9) ? 1 : 0;
            worst = Math.Max(worst, theirs / ours.StepSeconds);
        }

        slower.Should().BeGreaterThan(Cases / 20, "the least variance is not the earliest end");
        worst.Should().BeGreaterThan(1.05);
    }

    [Fact]
    public void Deal_OfAKnownCase_WaitsForNobodyWhereTheOneOfLeastVarianceDoes()
    {
        // Slowing everybody down evens the times out: 3 × 1 s and 1 × 2.4 s differ by 0.6 s, 2 × 1 s and 2 × 2.4 s by 2.8 s; with 1.4 s it is the other way round.
        double[] seconds = [1.0, 1.0, 1.9];
        const int Total = 8;
        int[] theirs = LeastVariance(seconds, Total);
        var planner = new RebalancePlanner();
        RebalanceOutcome.Solved ours = (RebalanceOutcome.Solved)planner.Solve(new RebalanceProblem
        {
            FixedSeconds = new double[3],
            SecondsPerUnit = seconds,
            Lowest = new[] { 1, 1, 1 },
            Highest = new[] { Total, Total, Total },
            Current = new[] { 3, 3, 2 },
            Total = Total,
        });
        ours.StepSeconds.Should().BeLessThanOrEqualTo(StepSeconds(theirs, seconds));
        ours.MicroBatches.Sum().Should().Be(Total);
    }

    // Every deal with at least one unit each.
    private static int[] LeastVariance(double[] seconds, int total)
    {
        int[] best = [];
        double least = double.PositiveInfinity;
        int[] deal = new int[seconds.Length];
        Try(0, total);
        return best;

        void Try(int rank, int left)
        {
            if (rank == deal.Length - 1)
            {
                deal[rank] = left;
                double variance = Variance(deal, seconds);
                if (variance < least)
                {
                    least = variance;
                    best = [.. deal];
                }

                return;
            }

            for (int units = 1; units <= left - (deal.Length - 1 - rank); units++)
            {
                deal[rank] = units;
                Try(rank + 1, left - units);
            }
        }
    }

    private static double Variance(int[] deal, double[] seconds)
    {
        double[] times = [.. deal.Zip(seconds, (units, each) => units * each)];
        double mean = times.Average();
        return times.Sum(time => (time - mean) * (time - mean));
    }

    private static double StepSeconds(int[] deal, double[] seconds) => deal.Zip(seconds, (units, each) => units * each).Max();
}
