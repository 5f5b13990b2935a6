using StragglerGuard.Core.Attribution;

namespace StragglerGuard.Core.Detection;

/// <summary>Tells a rank, or a job, that makes no progress any more from one that is slow: each has a deadline of its own.</summary>
/// <remarks>
/// <para>The deadline follows from the time between a rank's records: <see cref="TimesUsual"/> times the usual, plus 8 mean deviations,
/// and never less than <see cref="DeadlineMinNs"/>. Both averages are exponential, after Jacobson's retransmission timer (SIGCOMM 1988).
/// Steps of which several arrive in one report are one interval: a report's rhythm is part of what is usual.</para>
/// <para>A hung rank holds all others in the next collective, so all fall silent. Who hangs is whoever's newest step is older than the
/// others'; where all stopped at the same step no rank is named. Time arrives with the call, and an observer that was itself paused says
/// so: what fell due meanwhile is given its time again.</para>
/// </remarks>
public sealed class ProgressWatch
{
    /// <summary>The shortest deadline, ns.</summary>
    public const long DeadlineMinNs = 10_000_000_000;

    /// <summary>Usual intervals in a deadline.</summary>
    public const int TimesUsual = 8;

    private const int IntervalsMin = 4;
    private const double MeanGain = 0.125;
    private const double DeviationGain = 0.25;
    private const double Deviations = 8;

    private readonly long[] _lastHeardNs;
    private readonly long[] _lastStep;
    private readonly double[] _meanNs;
    private readonly double[] _deviationNs;
    private readonly int[] _intervals;
    private readonly bool[] _isHung;
    private bool _isJobHung;

    /// <summary>Begins with nothing heard.</summary>
    /// <param name="ranks">Ranks of the membership, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="ranks"/> is below 1.</exception>
    public ProgressWatch(int ranks)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        _lastHeardNs = new long[ranks];
        _lastStep = new long[ranks];
        Array.Fill(_lastStep, -1);
        _meanNs = new double[ranks];
        _deviationNs = new double[ranks];
        _intervals = new int[ranks];
        _isHung = new bool[ranks];
    }

    /// <summary>Takes the news that a rank finished a step. Allocates nothing.</summary>
    /// <param name="rank">Who.</param>
    /// <param name="step">Its newest step; older news is ignored.</param>
    /// <param name="nowNs">When it was heard, ns of the observer's monotonic clock.</param>
    /// <exception cref="IndexOutOfRangeException">There is no such rank.</exception>
    public void Heard(Rank rank, long step, long nowNs)
    {
        int i = rank.Value;
        if (step <= _lastStep[i])
        {
            return;
        }

        if (_lastStep[i] >= 0 && !_isHung[i] && !_isJobHung)
        {
            double interval = Math.Max(0, nowNs - _lastHeardNs[i]);
            bool isFirst = _intervals[i] == 0;
            double error = interval - _meanNs[i];
            _meanNs[i] = isFirst ? interval : _meanNs[i] + (MeanGain * error);
            _deviationNs[i] = isFirst ? 0.5 * interval : _deviationNs[i] + (DeviationGain * (Math.Abs(error) - _deviationNs[i]));
            _intervals[i] = Math.Min(_intervals[i] + 1, IntervalsMin);
        }

        _lastStep[i] = step;
        _lastHeardNs[i] = nowNs;
    }

    /// <summary>How long a rank may be silent.</summary>
    /// <value>ns; null while too little was heard of it.</value>
    /// <exception cref="IndexOutOfRangeException">There is no such rank.</exception>
    public long? DeadlineNs(Rank rank) => _intervals[rank.Value] < IntervalsMin
        ? null
        : Math.Max(DeadlineMinNs, (long)((TimesUsual * _meanNs[rank.Value]) + (Deviations * _deviationNs[rank.Value])));

    /// <summary>Says that the observer itself was away: nobody is accused of what fell into its absence.</summary>
    /// <param name="pausedNs">How long, ns, 0 or more.</param>
    /// <param name="sink">Told of it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The pause is negative.</exception>
    public void ObserverPaused(long pausedNs, DetectionEvents sink)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(pausedNs);
        ArgumentNullException.ThrowIfNull(sink);
        foreach (ref long heardNs in _lastHeardNs.AsSpan())
        {
            heardNs += pausedNs;
        }

        long step = _lastStep.Max();
        sink.Add(Event(DetectionEventKind.FindingRaised, null, VerdictKind.ObserverUnwell, Math.Max(0, step), pausedNs, 0));
    }

    /// <summary>Finds who is overdue, and who is back. Allocates nothing while the sink has room.</summary>
    /// <param name="nowNs">ns of the same clock.</param>
    /// <param name="sink">Told of hangs that begin and end.</param>
    public void Check(long nowNs, DetectionEvents sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        int overdue = 0;
        int known = 0;
        long newest = -1;
        long oldest = long.MaxValue;
        for (int i = 0; i < _lastStep.Length; i++)
        {
            if (DeadlineNs(new Rank(i)) is { } deadlineNs)
            {
                known++;
                bool isOverdue = nowNs - _lastHeardNs[i] > deadlineNs;
                overdue += isOverdue ? 1 : 0;
                newest = Math.Max(newest, _lastStep[i]);
                oldest = Math.Min(oldest, _lastStep[i]);
                ClearIfBack(i, isOverdue, nowNs, sink);
            }
        }

        bool isJobHung = known > 0 && overdue == known && oldest == newest;
        JudgeJob(isJobHung, newest, nowNs, sink);
        if (overdue == 0 || isJobHung)
        {
            return;
        }

        for (int i = 0; i < _lastStep.Length; i++)
        {
            // Where all are silent the ones left behind are the culprits; else those that are silent alone.
            bool isOverdue = DeadlineNs(new Rank(i)) is { } deadlineNs && nowNs - _lastHeardNs[i] > deadlineNs;
            if (isOverdue && !_isHung[i] && _lastStep[i] < newest)
            {
                _isHung[i] = true;
                long silentNs = nowNs - _lastHeardNs[i];
                sink.Add(Event(
                    DetectionEventKind.FindingRaised, new Rank(i), VerdictKind.Hang, _lastStep[i] + 1, silentNs, _lastStep.Length - overdue));
            }
        }
    }

    private void ClearIfBack(int rank, bool isOverdue, long nowNs, DetectionEvents sink)
    {
        if (_isHung[rank] && !isOverdue)
        {
            _isHung[rank] = false;
            long silentNs = nowNs - _lastHeardNs[rank];
            sink.Add(Event(DetectionEventKind.FindingCleared, new Rank(rank), VerdictKind.Hang, _lastStep[rank], silentNs, 0));
        }
    }

    private void JudgeJob(bool isHung, long newest, long nowNs, DetectionEvents sink)
    {
        if (isHung != _isJobHung)
        {
            _isJobHung = isHung;
            DetectionEventKind kind = isHung ? DetectionEventKind.FindingRaised : DetectionEventKind.FindingCleared;
            sink.Add(Event(kind, null, VerdictKind.Hang, newest + (isHung ? 1 : 0), nowNs - _lastHeardNs.Max(), 0));
        }
    }

    private static DetectionEvent Event(DetectionEventKind kind, Rank? rank, VerdictKind verdict, long step, long silentNs,
        int others) => new()
    {
        Kind = kind,
        Rank = rank,
        Verdict = verdict,
        OnsetStep = step,
        ChangedAtStep = step,
        RaisedAtStep = step,
        Slowdown = double.NaN,
        Residual = double.NaN,
        OwnShift = double.NaN,
        Sigma = double.NaN,
        Threshold = double.NaN,
        RanksCompared = others,
        SilentNs = silentNs,
        Confidence = kind == DetectionEventKind.FindingRaised ? VerdictConfidence.Most : 0,
    };
}
