using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;

namespace StragglerGuard.Core.Planning;

/// <summary>
/// Parts a fleet into at most K pools of at least S members, so that the goodput Σ n·min speed, less what moving costs, is largest.
/// </summary>
/// <remarks>
/// <para>Exact over all partitions into ranges of speed, equals going wherever it suits. Where moving costs nothing no other partition is better; where it does,
/// one may be that leaves a fast member in a slow pool: so the present partition, whatever it looks like, is kept where it is as good.
/// A pool of today goes on as one of the ranges, with its number, or is given up; those that go on keep their order by mean speed. Every
/// member ends in some pool.</para>
/// <para>Of partitions that are as good, the one with fewer pools. The cost is O(K·P·n), P = pools of today that have members, after a sort; see
/// <see cref="PoolPartition"/>.</para>
/// </remarks>
public static class PoolPlanner
{
    /// <summary>The most pools that can be asked for.</summary>
    public const int PoolsLimit = 8;

    private const int FaultsListed = 16;

    /// <summary>Less than this share of the goodput is rounding.</summary>
    private const double Rounding = 1e-12;

    /// <summary>Solves one problem.</summary>
    /// <param name="problem">n members.</param>
    /// <returns>The optimum, or every fault that stands in its way.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="problem"/> is null.</exception>
    /// <exception cref="ArgumentException">The problem's lists differ in length.</exception>
    public static PoolOutcome Solve(PoolProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        int n = problem.UnitsPerSecond.Length;
        if (!problem.CurrentPool.IsEmpty && problem.CurrentPool.Length != n)
        {
            throw new ArgumentException(Say($"{n} members have a speed, and {problem.CurrentPool.Length} a pool."), nameof(problem));
        }

        if (FindFaults(problem) is { IsEmpty: false } faults)
        {
            return new PoolOutcome.Infeasible(faults, string.Join("; ", faults));
        }

        double moveCost = problem.MoveCostUnits / problem.HorizonSeconds;
        var runs = new SpeedRuns(problem.UnitsPerSecond.Span, problem.CurrentPool.Span, problem.PoolsMax);
        var partition = new PoolPartition(runs, PoolsOfToday(problem), problem.PoolsMax, problem.MembersMin, moveCost);
        int[] pools = Assign(problem, runs, partition.Solve());
        PoolOutcome.Solved found = Describe(problem, pools, moveCost, "best");
        if (problem.CurrentPool.IsEmpty || problem.CurrentPool.Span.Contains(-1))
        {
            return found;
        }

        PoolOutcome.Solved present = Describe(problem, problem.CurrentPool.ToArray(), moveCost, "the present partition is as good as any");
        bool isAllowed = present.Pools.All(pool => pool.Members >= problem.MembersMin);
        return isAllowed && present.NetUnitsPerSecond >= found.NetUnitsPerSecond * (1 - Rounding) ? present : found;
    }

    /// <summary>Pools that have members, the fastest on the mean first.</summary>
    private static int[] PoolsOfToday(PoolProblem problem)
    {
        var sums = new double[problem.PoolsMax];
        var members = new int[problem.PoolsMax];
        for (int i = 0; i < problem.CurrentPool.Length; i++)
        {
            if (problem.CurrentPool.Span[i] is >= 0 and int pool)
            {
                sums[pool] += problem.UnitsPerSecond.Span[i];
                members[pool]++;
            }
        }

        return [.. Enumerable.Range(0, problem.PoolsMax).Where(pool => members[pool] > 0).OrderByDescending(pool => sums[pool] / members[pool])];
    }

    /// <summary>Who goes where: of equal members that several ranges share, each range first keeps its own.</summary>
    private static int[] Assign(PoolProblem problem, SpeedRuns runs, PoolRange[] ranges)
    {
        Number(problem, ranges);
        var pools = new int[runs.Member.Length];
        var places = new int[problem.PoolsMax];
        int firstRange = 0;
        for (int run = 0; run < runs.Runs; run++)
        {
            int start = runs.Start[run];
            int end = runs.Start[run + 1];
            for (; ranges[firstRange].End <= start; firstRange++)
            {
            }

            int endRange = firstRange;
            for (; endRange < ranges.Length && ranges[endRange].First < end; endRange++)
            {
                PoolRange range = ranges[endRange];
                places[range.Pool] = Math.Min(range.End, end) - Math.Max(range.First, start);
            }

            for (int at = start; at < end; at++)
            {
                int member = runs.Member[at];
                int now = problem.CurrentPool.IsEmpty ? -1 : problem.CurrentPool.Span[member];
                bool keeps = now >= 0 && places[now] > 0;
                places[keeps ? now : 0] -= keeps ? 1 : 0;
                pools[member] = keeps ? now : -1;
            }

            int next = firstRange;
            for (int at = start; at < end; at++)
            {
                if (pools[runs.Member[at]] >= 0)
                {
                    continue;
                }

                while (places[ranges[next].Pool] == 0)
                {
                    next++;
                }

                places[ranges[next].Pool]--;
                pools[runs.Member[at]] = ranges[next].Pool;
            }
        }

        return pools;
    }

    /// <summary>Fresh ranges get numbers that no range has: first those that had no members.</summary>
    private static void Number(PoolProblem problem, PoolRange[] ranges)
    {
        var taken = new bool[problem.PoolsMax];
        foreach (PoolRange range in ranges)
        {
            if (range.Pool >= 0)
            {
                taken[range.Pool] = true;
            }
        }

        int[] today = PoolsOfToday(problem);
        var free = new Queue<int>(Enumerable.Range(0, problem.PoolsMax).Where(pool => !taken[pool]).OrderBy(pool => today.Contains(pool)));
        for (int i = 0; i < ranges.Length; i++)
        {
            ranges[i] = ranges[i].Pool >= 0 ? ranges[i] : ranges[i] with { Pool = free.Dequeue() };
        }
    }

    private static PoolOutcome.Solved Describe(PoolProblem problem, int[] poolOfMember, double moveCost, string which)
    {
        var members = new int[problem.PoolsMax];
        var slowest = new double[problem.PoolsMax];
        var fastest = new double[problem.PoolsMax];
        Array.Fill(slowest, double.PositiveInfinity);
        ReadOnlySpan<double> speeds = problem.UnitsPerSecond.Span;
        ReadOnlySpan<int> now = problem.CurrentPool.Span;
        int moves = 0;
        for (int i = 0; i < poolOfMember.Length; i++)
        {
            int pool = poolOfMember[i];
            members[pool]++;
            slowest[pool] = Math.Min(slowest[pool], speeds[i]);
            fastest[pool] = Math.Max(fastest[pool], speeds[i]);
            moves += !now.IsEmpty && now[i] >= 0 && now[i] != pool ? 1 : 0;
        }

        ImmutableArray<SpeedPool> pools =
        [
            .. Enumerable.Range(0, problem.PoolsMax)
                .Where(pool => members[pool] > 0)
                .Select(pool => new SpeedPool(pool, members[pool], slowest[pool], fastest[pool]))
                .OrderByDescending(pool => pool.SlowestUnitsPerSecond).ThenBy(pool => pool.Pool),
        ];
        double goodput = pools.Sum(pool => pool.UnitsPerSecond);
        double together = problem.UnitsPerSecond.Length * pools[^1].SlowestUnitsPerSecond;
        string sizes = string.Join(" + ", pools.Select(pool => Say($"{pool.Members} at {pool.SlowestUnitsPerSecond:G4}/s")));
        string reason = Say($"{which}: {sizes} do {goodput:G6} units/s, {goodput / together:0.000} of one pool; {moves} members move at {problem.MoveCostUnits:G4} units each over {problem.HorizonSeconds:G4} s");
        return new PoolOutcome.Solved(
            ImmutableCollectionsMarshal.AsImmutableArray(poolOfMember), pools, goodput, moves, goodput - (moves * moveCost), reason);
    }

    private static ImmutableArray<string> FindFaults(PoolProblem problem)
    {
        ImmutableArray<string>.Builder faults = ImmutableArray.CreateBuilder<string>();
        int count = 0;
        void Need(bool good, FormattableString fault)
        {
            if (!good && count++ < FaultsListed)
            {
                faults.Add(Say(fault));
            }
        }

        int n = problem.UnitsPerSecond.Length;
        Need(problem.PoolsMax is >= 1 and <= PoolsLimit, $"PoolsMax = {problem.PoolsMax} is not within 1 … {PoolsLimit}");
        Need(problem.MembersMin >= 1, $"MembersMin = {problem.MembersMin} is below 1");
        Need(n > 0, $"there is no member");
        Need(n == 0 || n >= problem.MembersMin, $"{n} members are fewer than MembersMin = {problem.MembersMin}: no pool is large enough");
        Need(
            problem.MoveCostUnits >= 0 && double.IsFinite(problem.MoveCostUnits),
            $"MoveCostUnits = {problem.MoveCostUnits} is not a finite number of 0 or more");
        Need(
            problem.HorizonSeconds > 0 && double.IsFinite(problem.HorizonSeconds),
            $"HorizonSeconds = {problem.HorizonSeconds} is not a finite number above 0");
        Need(
            !(problem.HorizonSeconds > 0) || double.IsFinite(n * (problem.MoveCostUnits / problem.HorizonSeconds)),
            $"MoveCostUnits/HorizonSeconds = {problem.MoveCostUnits}/{problem.HorizonSeconds} is beyond a double");
        for (int i = 0; i < n; i++)
        {
            double speed = problem.UnitsPerSecond.Span[i];
            if (!(speed > 0 && double.IsFinite(speed * n)))
            {
                Need(false, $"UnitsPerSecond[{i}] = {speed} is not a finite number above 0");
            }
        }

        for (int i = 0; i < problem.CurrentPool.Length; i++)
        {
            int pool = problem.CurrentPool.Span[i];
            if (pool < -1 || pool >= problem.PoolsMax)
            {
                Need(false, $"CurrentPool[{i}] = {pool} is not within −1 … {problem.PoolsMax - 1}");
            }
        }

        if (count > faults.Count)
        {
            faults.Add(Say($"and {count - faults.Count} more"));
        }

        return faults.ToImmutable();
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
