using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

/// <summary>Tries every way to put members into pools.</summary>
internal static class PoolOracle
{
    /// <summary>Goodput less the moves' cost of one assignment, units/s.</summary>
    public static double NetOf(PoolProblem problem, IReadOnlyList<int> pools)
    {
        double net = 0;
        foreach (IGrouping<int, int> pool in Enumerable.Range(0, pools.Count).GroupBy(i => pools[i]))
        {
            net += pool.Count() * pool.Min(i => problem.UnitsPerSecond.Span[i]);
        }

        for (int i = 0; i < problem.CurrentPool.Length; i++)
        {
            int now = problem.CurrentPool.Span[i];
            net -= now >= 0 && now != pools[i] ? problem.MoveCostUnits / problem.HorizonSeconds : 0;
        }

        return net;
    }

    /// <summary>The best of all assignments whatever, pools in any order, with gaps in speed or not.</summary>
    public static double? BestOfAll(PoolProblem problem) => Best(problem, _ => true);

    /// <summary>
    /// The best of the assignments that <see cref="PoolPlanner"/> is exact over: every pool a range of speed, pools of today in their order.
    /// </summary>
    public static double? BestOfRangesInOrder(PoolProblem problem) => Best(problem, pools => AreRanges(problem, pools) && KeepOrder(problem, pools));

    /// <summary>The same with pools of today in any order.</summary>
    public static double? BestOfRanges(PoolProblem problem) => Best(problem, pools => AreRanges(problem, pools));

    /// <summary>
    /// The best of the range partitions with pools of today in their order, by trying every beginning of every range: for fleets too large to try
    /// every assignment. Negative infinity where there is none.
    /// </summary>
    public static double ByEveryBeginning(PoolProblem problem)
    {
        int n = problem.UnitsPerSecond.Length;
        int[] order = [.. Enumerable.Range(0, n).OrderByDescending(i => problem.UnitsPerSecond.Span[i])];
        double[] speed = [.. order.Select(i => problem.UnitsPerSecond.Span[i])];
        int[] now = [.. order.Select(i => problem.CurrentPool.Span[i])];
        int[] pools = [.. Enumerable.Range(0, n).Where(at => now[at] >= 0).GroupBy(at => now[at])
            .OrderByDescending(pool => pool.Average(at => speed[at])).ThenBy(pool => pool.Key).Select(pool => pool.Key)];
        double moveCost = problem.MoveCostUnits / problem.HorizonSeconds;
        var known = new Dictionary<(int, int, int), double>();
        return Enumerable.Range(1, problem.PoolsMax).Max(ranges => Value(ranges, pools.Length, n)) - (moveCost * now.Count(pool => pool >= 0));

        double Value(int ranges, int state, int end)
        {
            if (ranges == 0)
            {
                return end == 0 ? 0 : double.NegativeInfinity;
            }

            if (known.TryGetValue((ranges, state, end), out double best))
            {
                return best;
            }

            best = state > 0 ? Value(ranges, state - 1, end) : double.NegativeInfinity;
            for (int first = 0; first <= end - problem.MembersMin; first++)
            {
                double pace = (end - first) * speed[end - 1];
                best = Math.Max(best, Value(ranges - 1, state, first) + pace);
                if (state > 0)
                {
                    best = Math.Max(best, Value(ranges - 1, state - 1, first) + pace + (moveCost * Matches(first, end, pools[state - 1])));
                }
            }

            return known[(ranges, state, end)] = best;
        }

        double Matches(int first, int end, int pool) => Enumerable.Range(first, end - first).GroupBy(at => speed[at])
            .Sum(run => Math.Min(run.Count(), Enumerable.Range(0, n).Count(at => speed[at] == run.Key && now[at] == pool)));
    }

    private static double? Best(PoolProblem problem, Func<int[], bool> counts)
    {
        var pools = new int[problem.UnitsPerSecond.Length];
        double? best = null;
        Try(0);
        return best;

        void Try(int member)
        {
            if (member == pools.Length)
            {
                if (pools.GroupBy(p => p).All(p => p.Count() >= problem.MembersMin)
                    && NetOf(problem, pools) is var net && !(net <= best) && counts(pools))
                {
                    best = net;
                }

                return;
            }

            for (int pool = 0; pool < problem.PoolsMax; pool++)
            {
                pools[member] = pool;
                Try(member + 1);
            }
        }
    }

    private static bool AreRanges(PoolProblem problem, int[] pools)
    {
        var ranges = Ranges(problem, pools);
        return ranges.All(a => ranges.All(b => a.Pool == b.Pool || a.Slowest >= b.Fastest || b.Slowest >= a.Fastest));
    }

    private static bool KeepOrder(PoolProblem problem, int[] pools)
    {
        // A pool goes on where one of its members stays; a pool that shares none is as good as fresh.
        var now = problem.CurrentPool.ToArray();
        double Mean(int pool) => Enumerable.Range(0, now.Length).Where(i => now[i] == pool).Average(i => problem.UnitsPerSecond.Span[i]);
        var goOn = Ranges(problem, pools).Where(range => Enumerable.Range(0, now.Length).Any(i => now[i] == range.Pool && pools[i] == range.Pool));
        double former = double.PositiveInfinity;
        foreach (var range in goOn.OrderByDescending(range => range.Fastest).ThenByDescending(range => range.Slowest).ThenByDescending(range => Mean(range.Pool)))
        {
            if (Mean(range.Pool) > former)
            {
                return false;
            }

            former = Mean(range.Pool);
        }

        return true;
    }

    private static List<(int Pool, double Slowest, double Fastest)> Ranges(PoolProblem problem, int[] pools) =>
    [
        .. Enumerable.Range(0, pools.Length).GroupBy(i => pools[i]).Select(pool =>
            (pool.Key, pool.Min(i => problem.UnitsPerSecond.Span[i]), pool.Max(i => problem.UnitsPerSecond.Span[i]))),
    ];
}
