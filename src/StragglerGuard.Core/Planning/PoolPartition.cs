using System.Runtime.CompilerServices;

namespace StragglerGuard.Core.Planning;

/// <summary>A pool of a partition: the places that it takes, and the pool of today that it goes on; −1 for a fresh one.</summary>
internal readonly record struct PoolRange(int First, int End, int Pool);

/// <summary>The exact optimum over partitions into ranges of the order of speed.</summary>
/// <remarks>
/// <para>A range [i, j) that goes on pool p is worth (j − i)·v₍j−1₎ + c·matches(i, j, p): its pace times its members, and the cost c of every move that it
/// saves. Which of equal members a range takes is free, so of a run of equals that it shares it keeps min(its places in the run, members of p in the
/// run); pools differ, so they never want the same member, and the sum is attained. Best values by number of ranges s and pools of today considered
/// p, D[s][p][j], over transitions that add a fresh range, one that goes on pool p, or give pool p up.</para>
/// <para>A transition is O(n). Where i lies in a faster run than j − 1, matches is the sum of a term in i and one in j, and for a given j the candidates i
/// are lines −i·v + const in v: slopes fall as i grows and v falls as j grows, so the upper hull is walked once (monotone convex hull trick). Where both
/// lie in one run, v is constant and min(j − i, count) has one kink: a sliding maximum before it, a running one behind it.</para>
/// </remarks>
internal sealed class PoolPartition
{
    private const int GiveUp = 0;
    private const int Fresh = 1;
    private const int GoOn = 2;
    private const int KindBits = 2;

    private readonly SpeedRuns _runs;
    private readonly int[] _pools;
    private readonly int _rangesMax;
    private readonly int _membersMin;
    private readonly double _moveCost;
    private readonly int _n;
    private readonly int[][,] _choices;
    private readonly int[] _hull;
    private readonly double[] _hullOffset;
    private readonly int[] _window;
    private readonly double[] _windowValue;

    /// <param name="runs">The members.</param>
    /// <param name="pools">Pools of today that have members, the fastest first.</param>
    /// <param name="rangesMax">The most ranges.</param>
    /// <param name="membersMin">The fewest members of a range.</param>
    /// <param name="moveCost">What a move costs, units/s.</param>
    public PoolPartition(SpeedRuns runs, int[] pools, int rangesMax, int membersMin, double moveCost)
    {
        _runs = runs;
        _pools = pools;
        _n = runs.Member.Length;
        _rangesMax = Math.Min(rangesMax, _n / membersMin);
        _membersMin = membersMin;
        _moveCost = moveCost;
        _choices = new int[_rangesMax + 1][,];
        _hull = new int[_n + 1];
        _hullOffset = new double[_n + 1];
        _window = new int[_n + 1];
        _windowValue = new double[_n + 1];
    }

    /// <summary>Solves. Needs n ≥ the fewest members of a range.</summary>
    /// <returns>The ranges, the fastest first; of partitions that are as good, one with the fewest.</returns>
    public PoolRange[] Solve()
    {
        int states = _pools.Length + 1;
        double[][] former = Filled(states);
        double[][] best = Filled(states);
        foreach (double[] values in former)
        {
            values[0] = 0;
        }

        int bestRanges = 0;
        double bestValue = double.NegativeInfinity;
        for (int ranges = 1; ranges <= _rangesMax; ranges++)
        {
            var choices = new int[states, _n + 1];
            _choices[ranges] = choices;
            for (int state = 0; state < states; state++)
            {
                double[] values = best[state];
                Array.Fill(values, double.NegativeInfinity);
                if (state > 0)
                {
                    // Choice 0 is giving up; the array is clear.
                    best[state - 1].CopyTo(values, 0);
                    Extend(former[state - 1], values, choices, state, _pools[state - 1]);
                }

                Extend(former[state], values, choices, state, pool: -1);
            }

            double value = best[^1][_n];
            if (bestRanges == 0 || value > bestValue + (1e-12 * Math.Abs(bestValue)))
            {
                (bestRanges, bestValue) = (ranges, value);
            }

            (former, best) = (best, former);
        }

        return Trace(bestRanges);
    }

    private double[][] Filled(int states)
    {
        var values = new double[states][];
        for (int state = 0; state < states; state++)
        {
            values[state] = new double[_n + 1];
            Array.Fill(values[state], double.NegativeInfinity);
        }

        return values;
    }

    private PoolRange[] Trace(int ranges)
    {
        var traced = new PoolRange[ranges];
        int state = _pools.Length;
        int end = _n;
        while (ranges > 0)
        {
            int choice = _choices[ranges][state, end];
            int first = choice >> KindBits;
            int kind = choice & ((1 << KindBits) - 1);
            if (kind == GiveUp)
            {
                state--;
                continue;
            }

            traced[--ranges] = new PoolRange(first, end, kind == GoOn ? _pools[state - 1] : -1);
            state -= kind == GoOn ? 1 : 0;
            end = first;
        }

        return traced;
    }

    /// <summary>Adds one range, fresh or going on a pool, to every partition of the members before it, where that is better.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Extend(double[] former, double[] values, int[,] choices, int state, int pool)
    {
        int kind = pool < 0 ? Fresh : GoOn;
        int[] start = _runs.Start;
        double[] speed = _runs.Speed;
        int[]? counts = pool < 0 ? null : _runs.Count[pool];
        int[]? before = pool < 0 ? null : _runs.Before[pool];
        int hullHead = 0, hullEnd = 0, nextLine = 0;
        for (int run = 0; run < _runs.Runs; run++)
        {
            int first = start[run];
            int end = start[run + 1];
            double v = speed[first];
            int count = counts?[run] ?? 0;
            int savedBefore = before?[run] ?? 0;
            int windowHead = 0, windowEnd = 0, nextInWindow = first, nextBehind = first;
            double behind = double.NegativeInfinity;
            int behindFrom = -1;
            for (int j = first + 1; j <= end; j++)
            {
                int last = j - _membersMin;
                if (last < 0)
                {
                    continue;
                }

                // From a faster run.
                for (int to = Math.Min(last, first - 1); nextLine <= to; nextLine++)
                {
                    if (former[nextLine] > double.NegativeInfinity)
                    {
                        hullEnd = AddLine(hullHead, hullEnd, nextLine, former[nextLine] + Shed(nextLine, counts, before));
                    }
                }

                double best = double.NegativeInfinity;
                int from = -1;
                if (hullEnd > hullHead)
                {
                    while (hullEnd - hullHead > 1 && At(hullHead + 1, v) >= At(hullHead, v))
                    {
                        hullHead++;
                    }

                    best = At(hullHead, v) + (j * v) + (_moveCost * (savedBefore + Math.Min(j - first, count)));
                    from = _hull[hullHead];
                }

                // From within the run, all of whose places the pool's members could fill.
                for (; nextInWindow <= last && nextInWindow < j; nextInWindow++)
                {
                    double value = former[nextInWindow] - (nextInWindow * (v + _moveCost));
                    while (windowEnd > windowHead && _windowValue[windowEnd - 1] <= value)
                    {
                        windowEnd--;
                    }

                    _windowValue[windowEnd] = value;
                    _window[windowEnd++] = nextInWindow;
                }

                while (windowEnd > windowHead && _window[windowHead] < j - count)
                {
                    windowHead++;
                }

                if (windowEnd > windowHead && _windowValue[windowHead] + (j * (v + _moveCost)) is var full && full > best)
                {
                    (best, from) = (full, _window[windowHead]);
                }

                // From within the run, more places than the pool has members there.
                for (; nextBehind <= last && nextBehind <= j - count; nextBehind++)
                {
                    if (former[nextBehind] - (nextBehind * v) is var value && value > behind)
                    {
                        (behind, behindFrom) = (value, nextBehind);
                    }
                }

                if (behind + (j * v) + (_moveCost * count) is var partly && partly > best)
                {
                    (best, from) = (partly, behindFrom);
                }

                if (best > values[j])
                {
                    values[j] = best;
                    choices[state, j] = (from << KindBits) | kind;
                }
            }
        }
    }

    /// <summary>The part of matches that depends on where the range begins: the pool's members from there on, less those of all runs up to its own.</summary>
    private double Shed(int i, int[]? counts, int[]? before)
    {
        if (counts is null)
        {
            return 0;
        }

        int run = _runs.RunOf[i];
        return _moveCost * (Math.Min(_runs.Start[run + 1] - i, counts[run]) - before![run + 1]);
    }

    /// <summary>Puts the line offset − i·v behind the others; their slopes are larger. Returns the hull's new end.</summary>
    private int AddLine(int head, int end, int i, double offset)
    {
        while (end - head > 1)
        {
            // The last is nowhere above both neighbours: where the new one passes it, the one before still has not been passed by it.
            double oldGap = _hullOffset[end - 1] - _hullOffset[end - 2];
            double newGap = offset - _hullOffset[end - 1];
            if (newGap * (_hull[end - 1] - _hull[end - 2]) < oldGap * (i - _hull[end - 1]))
            {
                break;
            }

            end--;
        }

        _hull[end] = i;
        _hullOffset[end] = offset;
        return end + 1;
    }

    private double At(int line, double v) => _hullOffset[line] - (_hull[line] * v);
}
