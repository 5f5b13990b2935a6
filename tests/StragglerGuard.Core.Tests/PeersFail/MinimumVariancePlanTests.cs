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
        int slower = 0;
        double worst = 1;
        for (int i = 0; i < Cases; i++)
        {
            double[] seconds = [.. Enumerable.Range(0, 2 + chance.Below(3)).Select(_ => 1 + (1.5 * chance.Uniform()))];
            int total = seconds.Length * (2 + chance.Below(5));
            RebalanceOutcome.Solved ours = Solve(seconds, total);
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
    public void Deal_OfAKnownCase_EndsEarlierThanTheOneOfLeastVariance()
    {
        double[] seconds = [1.0, 1.5, 2.5];
        const int Total = 8;
        RebalanceOutcome.Solved ours = Solve(seconds, Total);

        LeastVariance(seconds, Total).Should().Equal([4, 2, 2], "4.0, 3.0 and 5.0 s are closer together than 4.0, 4.5 and 2.5 s");
        StepSeconds([4, 2, 2], seconds).Should().BeApproximately(5.0, 1e-12);
        ours.MicroBatches.Should().Equal(4, 3, 1);
        ours.StepSeconds.Should().BeApproximately(4.5, 1e-12);
    }

    private static RebalanceOutcome.Solved Solve(double[] seconds, int total) =>
        new RebalancePlanner().Solve(new RebalanceProblem
        {
            FixedSeconds = new double[seconds.Length],
            SecondsPerUnit = seconds,
            Lowest = Enumerable.Repeat(1, seconds.Length).ToArray(),
            Highest = Enumerable.Repeat(total, seconds.Length).ToArray(),
            Current = EvenDeal.Of(total, seconds.Length),
            Total = total,
        }).Should().BeOfType<RebalanceOutcome.Solved>().Subject;

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
