using System.Collections.Immutable;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

/// <summary>Slow, independent answers to what the planner computes.</summary>
internal static class RebalanceOracles
{
    public static double StepOf(RebalanceProblem problem, IReadOnlyList<int> deal)
        => Enumerable.Range(0, deal.Count).Max(i => problem.FixedSeconds.Span[i] + (deal[i] * problem.SecondsPerUnit.Span[i]));

    public static long MovesOf(RebalanceProblem problem, IReadOnlyList<int> deal)
        => Enumerable.Range(0, deal.Count).Sum(i => (long)Math.Max(0, deal[i] - problem.Current.Span[i]));

    /// <summary>Tries every deal. The least step time, and the fewest moves among the deals that reach it.</summary>
    public static (double Step, long Moves)? BruteForce(RebalanceProblem problem)
    {
        (double Step, long Moves)? best = null;
        var deal = new int[problem.SecondsPerUnit.Length];
        Try(0, problem.Total);
        return best;

        void Try(int receiver, int left)
        {
            if (receiver == deal.Length)
            {
                if (left == 0)
                {
                    var found = (Step: StepOf(problem, deal), Moves: MovesOf(problem, deal));
                    best = best is { } known && known.CompareTo(found) <= 0 ? known : found;
                }

                return;
            }

            for (var m = problem.Lowest.Span[receiver]; m <= Math.Min(left, problem.Highest.Span[receiver]); m++)
            {
                deal[receiver] = m;
                Try(receiver + 1, left - m);
            }
        }
    }

    /// <summary>Hands out the units one by one, each to the receiver that would finish first.</summary>
    public static double OneByOne(RebalanceProblem problem)
    {
        var deal = problem.Lowest.ToArray();
        var queue = new PriorityQueue<int, (double, int)>();
        void Enter(int i)
        {
            if (deal[i] < problem.Highest.Span[i])
            {
                queue.Enqueue(i, (problem.FixedSeconds.Span[i] + ((deal[i] + 1) * problem.SecondsPerUnit.Span[i]), i));
            }
        }

        for (var i = 0; i < deal.Length; i++)
        {
            Enter(i);
        }

        for (var left = problem.Total - deal.Sum(); left > 0; left--)
        {
            var next = queue.Dequeue();
            deal[next]++;
            Enter(next);
        }

        return StepOf(problem, deal);
    }

    /// <summary>A feasible problem whose costs often collide, or are awkward in binary.</summary>
    public static RebalanceProblem Draw(Random random, int receivers, int total)
    {
        var style = random.Next(4);
        var fixedSeconds = new double[receivers];
        var secondsPerUnit = new double[receivers];
        var lowest = new int[receivers];
        var highest = new int[receivers];
        for (var i = 0; i < receivers; i++)
        {
            (fixedSeconds[i], secondsPerUnit[i]) = style switch
            {
                0 => (random.NextDouble(), 0.01 + random.NextDouble()),
                1 => (random.Next(3), 1 + random.Next(3)),
                2 => (0.1 * random.Next(4), 0.1 * (1 + random.Next(4))),
                _ => (1e16 * random.Next(2), 0.5 + random.Next(3)),
            };
            lowest[i] = random.Next(3) == 0 ? random.Next((total / receivers) + 1) : 0;
            highest[i] = random.Next(3) == 0 ? lowest[i] + random.Next(total + 1) : total + 5;
        }

        if (highest.Sum(h => (long)h) < total)
        {
            highest[random.Next(receivers)] = total;
        }

        return new RebalanceProblem
        {
            FixedSeconds = fixedSeconds,
            SecondsPerUnit = secondsPerUnit,
            Lowest = lowest,
            Highest = highest,
            Current = DrawDeal(random, receivers, random.Next(8) == 0 ? random.Next(total + 3) : total),
            Total = total,
        };
    }

    public static int[] DrawDeal(Random random, int receivers, int total)
    {
        var deal = new int[receivers];
        for (var unit = 0; unit < total; unit++)
        {
            deal[random.Next(receivers)]++;
        }

        return deal;
    }

    public static RebalanceOutcome.Solved Solve(RebalanceProblem problem)
        => new RebalancePlanner().Solve(problem).Should().BeOfType<RebalanceOutcome.Solved>().Subject;

    public static RebalanceProblem Unbounded(double[] secondsPerUnit, int[] current) => new()
    {
        FixedSeconds = new double[current.Length],
        SecondsPerUnit = secondsPerUnit,
        Lowest = new int[current.Length],
        Highest = Enumerable.Repeat(int.MaxValue, current.Length).ToArray(),
        Current = current,
        Total = current.Sum(),
    };
}
