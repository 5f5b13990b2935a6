using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;

namespace StragglerGuard.Core.Planning;

/// <summary>
/// Finds the deal with the shortest step, min max_i(a_i + m_i·t_i), Σm_i = M, lo_i ≤ m_i ≤ cap_i, and among deals that are as short
/// the one that moves the fewest units away from the current deal.
/// </summary>
/// <remarks>
/// <para>Exact in the doubles a + m·t, by parametric search on the step time. Deals of the optimal length are exactly those with
/// lo_i ≤ m_i ≤ u_i, u_i the most that receiver i finishes in that time, so every receiver first keeps what it has, as far as lo_i
/// and u_i allow; what is then missing or too much moves at one unit each, whoever takes it.</para>
/// <para>Ties, in this order: missing units go, one by one, to the receiver that would finish first with it, among equals to the
/// lowest index; units that are too many are taken from the receiver that finishes last, among equals from the highest index.</para>
/// <para>The cost is O(n) a probe and a few tens of probes. An instance keeps its scratch memory from call to call and serves one
/// caller at a time; a call allocates the outcome only.</para>
/// </remarks>
public sealed class RebalancePlanner
{
    private const int FaultsListed = 16;

    private int[] _highest = [];
    private int[] _reachable = [];
    private int[] _kept = [];

    /// <summary>Solves one problem.</summary>
    /// <param name="problem">n receivers, n ≥ 1.</param>
    /// <returns>The optimum, or every fault that stands in its way.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="problem"/> is null.</exception>
    /// <exception cref="ArgumentException">The problem's lists differ in length.</exception>
    public RebalanceOutcome Solve(RebalanceProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ThrowIfLengthsDiffer(problem);
        if (FindFaults(problem) is { IsEmpty: false } faults)
        {
            return new RebalanceOutcome.Infeasible(faults, string.Join("; ", faults));
        }

        var a = problem.FixedSeconds.Span;
        var t = problem.SecondsPerUnit.Span;
        var low = problem.Lowest.Span;
        var current = problem.Current.Span;
        var n = a.Length;
        if (_kept.Length < n)
        {
            _highest = new int[n];
            _reachable = new int[n];
            _kept = new int[n];
        }

        var high = _highest.AsSpan(0, n);
        for (var i = 0; i < n; i++)
        {
            high[i] = Math.Min(problem.Highest.Span[i], problem.Total);
        }

        var deal = new int[n];
        var continuous = LevelSearch.ContinuousLevel(a, t, low, high, problem.Total);
        LevelSearch.Fill(a, t, low, high, problem.Total, continuous, deal);
        var stepSeconds = LongestOf(a, t, deal);

        // Receivers that can't go below lo_i dominate the relaxation as they dominate the optimum.
        var fractional = Math.Min(Math.Max(continuous, LongestOf(a, t, low)), stepSeconds);

        MoveLeast(problem, stepSeconds, deal);
        long moves = 0, held = 0;
        for (var i = 0; i < n; i++)
        {
            moves += Math.Max(0, deal[i] - current[i]);
            held += current[i];
        }

        return new RebalanceOutcome.Solved(
            ImmutableCollectionsMarshal.AsImmutableArray(deal),
            stepSeconds,
            moves,
            fractional,
            Describe(problem.Total, stepSeconds, fractional, moves, held));
    }

    /// <summary>The step time of a deal, max_i(a_i + m_i·t_i).</summary>
    internal static double LongestOf(ReadOnlySpan<double> a, ReadOnlySpan<double> t, ReadOnlySpan<int> deal)
    {
        double longest = 0;
        for (var i = 0; i < deal.Length; i++)
        {
            longest = Math.Max(longest, a[i] + (deal[i] * t[i]));
        }

        return longest;
    }

    /// <summary>Replaces a deal of the optimal length by the one that is nearest to the current deal.</summary>
    private void MoveLeast(RebalanceProblem problem, double stepSeconds, Span<int> deal)
    {
        var a = problem.FixedSeconds.Span;
        var t = problem.SecondsPerUnit.Span;
        var low = problem.Lowest.Span;
        var current = problem.Current.Span;
        var high = _highest.AsSpan(0, deal.Length);
        var reachable = _reachable.AsSpan(0, deal.Length);
        var kept = _kept.AsSpan(0, deal.Length);
        long sum = 0;
        for (var i = 0; i < deal.Length; i++)
        {
            reachable[i] = LevelSearch.CountAt(stepSeconds, a[i], t[i], low[i], high[i]);
            kept[i] = Math.Clamp(current[i], low[i], reachable[i]);
            sum += kept[i];
        }

        if (sum == problem.Total)
        {
            kept.CopyTo(deal);
        }
        else if (sum < problem.Total)
        {
            var level = LevelSearch.ContinuousLevel(a, t, kept, reachable, problem.Total);
            LevelSearch.Fill(a, t, kept, reachable, problem.Total, level, deal);
        }
        else
        {
            var level = LevelSearch.ContinuousLevel(a, t, low, kept, problem.Total);
            LevelSearch.Fill(a, t, low, kept, problem.Total, level, deal);
        }
    }

    private static void ThrowIfLengthsDiffer(RebalanceProblem problem)
    {
        var n = problem.SecondsPerUnit.Length;
        if (problem.FixedSeconds.Length != n || problem.Lowest.Length != n || problem.Highest.Length != n || problem.Current.Length != n)
        {
            throw new ArgumentException(
                $"Every list needs one entry a receiver: {n} SecondsPerUnit, {problem.FixedSeconds.Length} FixedSeconds, "
                + $"{problem.Lowest.Length} Lowest, {problem.Highest.Length} Highest, {problem.Current.Length} Current.",
                nameof(problem));
        }
    }

    private static ImmutableArray<string> FindFaults(RebalanceProblem problem)
    {
        List<string>? faults = null;
        var count = 0;
        void Add(FormattableString fault)
        {
            if (count++ < FaultsListed)
            {
                (faults ??= []).Add(fault.ToString(CultureInfo.InvariantCulture));
            }
        }

        var a = problem.FixedSeconds.Span;
        var t = problem.SecondsPerUnit.Span;
        var low = problem.Lowest.Span;
        var high = problem.Highest.Span;
        var current = problem.Current.Span;
        if (a.Length == 0)
        {
            Add($"there is no receiver");
        }

        if (problem.Total < 0)
        {
            Add($"Total = {problem.Total} is negative");
        }

        long lowSum = 0, highSum = 0;
        for (var i = 0; i < a.Length; i++)
        {
            var costsFinite = true;
            if (!double.IsFinite(a[i]) || a[i] < 0)
            {
                costsFinite = false;
                Add($"FixedSeconds[{i}] = {a[i]} is not a finite number of 0 or more");
            }

            if (!double.IsFinite(t[i]) || t[i] <= 0)
            {
                costsFinite = false;
                Add($"SecondsPerUnit[{i}] = {t[i]} is not a finite number above 0");
            }

            if (low[i] < 0)
            {
                Add($"Lowest[{i}] = {low[i]} is negative");
            }

            if (high[i] < low[i])
            {
                Add($"Lowest[{i}] = {low[i]} is above Highest[{i}] = {high[i]}");
            }

            if (current[i] < 0)
            {
                Add($"Current[{i}] = {current[i]} is negative");
            }

            var most = Math.Min(high[i], problem.Total);
            if (costsFinite && !double.IsFinite(a[i] + (most * t[i])))
            {
                Add($"FixedSeconds[{i}] + {most}·SecondsPerUnit[{i}] = {a[i]} + {most}·{t[i]} is beyond a double");
            }

            lowSum += low[i];
            highSum += high[i];
        }

        if (lowSum > problem.Total)
        {
            Add($"the sum of Lowest, {lowSum}, is above Total = {problem.Total}");
        }

        if (highSum < problem.Total && a.Length > 0)
        {
            Add($"the sum of Highest, {highSum}, is below Total = {problem.Total}");
        }

        if (faults is null)
        {
            return [];
        }

        if (count > faults.Count)
        {
            faults.Add($"and {count - faults.Count} more");
        }

        return [.. faults];
    }

    private static string Describe(int total, double stepSeconds, double fractional, long moves, long held)
    {
        var integerCost = fractional > 0 ? (stepSeconds / fractional) - 1 : 0;
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"step {stepSeconds:G6} s, {integerCost:P1} above the {fractional:G6} s of units that could be split; {moves} of {total} units change hands");
        return held == total
            ? text
            : string.Create(CultureInfo.InvariantCulture, $"{text}; the current deal holds {held} units, not {total}");
    }
}
