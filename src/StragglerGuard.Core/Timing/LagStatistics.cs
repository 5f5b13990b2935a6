namespace StragglerGuard.Core.Timing;

/// <summary>One rank's lags over the window of a <see cref="LagStatistics"/>.</summary>
/// <param name="JudgedSteps">Steps of the window of which something is known (<see cref="LagStanding.Counts"/>, <see cref="LagStanding.Tied"/> or <see cref="LagStanding.BelowGate"/>).</param>
/// <param name="P50Ns">Half of the lags are at most this, ns; null where no step is judged.</param>
/// <param name="P95Ns">95 % of the lags are at most this, ns; null where no step is judged.</param>
/// <param name="P99Ns">99 % of the lags are at most this, ns; null where no step is judged.</param>
/// <param name="LastShare">Share of the judged steps that this rank arrived last in, 0 … 1; null where no step is judged.</param>
/// <param name="WaitCausedNs">Waiting that this rank caused within the window, rank-ns.</param>
public readonly record struct LagSummary(
    int JudgedSteps, long? P50Ns, long? P95Ns, long? P99Ns, double? LastShare, long WaitCausedNs);

/// <summary>Per rank, over a sliding window of steps: percentiles of the lag, share of steps last, waiting caused.</summary>
/// <remarks>
/// A percentile p is the nearest-rank one: the smallest lag such that at least p % of the judged lags are no larger, element ⌈p·N/100⌉ of
/// the N sorted ones; it is always a lag that occurred. A step below the gate enters with lag 0 for everybody, since nobody was late by
/// more than the measurement can tell, and with nobody last. A step that nothing is known of (ranks missing, skew unknown) takes its place in the
/// window and enters no figure. One thread at a time.
/// </remarks>
public sealed class LagStatistics
{
    private const int Nobody = -1;

    private readonly long[] _lagNs;
    private readonly int[] _last;
    private readonly long[] _waitNs;
    private readonly bool[] _judged;
    private readonly int[] _lastCount;
    private readonly long[] _waitCausedNs;
    private readonly long[] _scratch;
    private int _next;
    private int _judgedSteps;

    /// <summary>Begins with an empty window.</summary>
    /// <param name="ranks">Ranks of the membership, 1 or more.</param>
    /// <param name="windowSteps">Steps in the window, 1 or more. Takes 8 bytes a rank and step.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1.</exception>
    public LagStatistics(int ranks, int windowSteps = 256)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(windowSteps, 1);
        Ranks = ranks;
        WindowSteps = windowSteps;

        // Not written yet: for many ranks that is memory by the hundred megabytes, and the system hands it out as it is touched.
        _lagNs = new long[checked(ranks * windowSteps)];
        _last = new int[windowSteps];
        Array.Fill(_last, Nobody);
        _waitNs = new long[windowSteps];
        _judged = new bool[windowSteps];
        _lastCount = new int[ranks];
        _waitCausedNs = new long[ranks];
        _scratch = new long[windowSteps];
    }

    /// <summary>Ranks of the membership.</summary>
    public int Ranks { get; }

    /// <summary>Steps in the window.</summary>
    public int WindowSteps { get; }

    /// <summary>Adds one step, and drops the one that leaves the window. Allocates nothing, takes time in proportion to the ranks.</summary>
    /// <param name="sample">The step.</param>
    /// <param name="lagNs">Per rank the lag, ns: <see cref="LagCalculator.LagNs"/> as it stands after the sample was computed.</param>
    /// <exception cref="ArgumentException">The lags are not one for each rank.</exception>
    public void Add(in LagSample sample, ReadOnlySpan<long> lagNs)
    {
        if (lagNs.Length != Ranks)
        {
            throw new ArgumentException($"{lagNs.Length} lags for {Ranks} ranks.", nameof(lagNs));
        }

        int slot = _next;
        _next = slot + 1 == WindowSteps ? 0 : slot + 1;
        Forget(slot);

        bool isLate = sample.Standing is LagStanding.Counts or LagStanding.Tied;
        bool isJudged = isLate || sample.Standing == LagStanding.BelowGate;
        _judged[slot] = isJudged;
        _judgedSteps += isJudged ? 1 : 0;

        // A row a rank, so that a percentile reads one contiguous stretch.
        int entry = slot;
        for (int rank = 0; isJudged && rank < lagNs.Length; rank++, entry += WindowSteps)
        {
            _lagNs[entry] = isLate ? lagNs[rank] : 0;
        }

        if (sample.LastArriver is Rank last)
        {
            _last[slot] = last.Value;
            _waitNs[slot] = sample.WaitCausedNs;
            _lastCount[last.Value]++;
            _waitCausedNs[last.Value] += sample.WaitCausedNs;
        }
    }

    /// <summary>One rank's figures as they stand. Sorts the rank's window; allocates nothing.</summary>
    /// <param name="rank">0 … <see cref="Ranks"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rank is out of range.</exception>
    public LagSummary Summarize(Rank rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank.Value, nameof(rank));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank.Value, Ranks, nameof(rank));
        int count = 0;
        ReadOnlySpan<long> row = _lagNs.AsSpan(rank.Value * WindowSteps, WindowSteps);
        for (int slot = 0; slot < row.Length; slot++)
        {
            if (_judged[slot])
            {
                _scratch[count++] = row[slot];
            }
        }

        if (count == 0)
        {
            return new LagSummary(0, null, null, null, null, 0);
        }

        Span<long> sorted = _scratch.AsSpan(0, count);
        sorted.Sort();
        return new LagSummary(
            count,
            NearestRank(sorted, 50),
            NearestRank(sorted, 95),
            NearestRank(sorted, 99),
            (double)_lastCount[rank.Value] / _judgedSteps,
            _waitCausedNs[rank.Value]);
    }

    private static long NearestRank(ReadOnlySpan<long> sorted, int percent) =>
        sorted[(int)((((long)sorted.Length * percent) + 99) / 100) - 1];

    private void Forget(int slot)
    {
        _judgedSteps -= _judged[slot] ? 1 : 0;
        if (_last[slot] != Nobody)
        {
            _lastCount[_last[slot]]--;
            _waitCausedNs[_last[slot]] -= _waitNs[slot];
            _last[slot] = Nobody;
        }
    }
}
