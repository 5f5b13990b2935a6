using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Detection;

/// <summary>A lasting change of a series' level. Logarithms are natural.</summary>
/// <param name="Step">First step of the change.</param>
/// <param name="RaisedAtStep">Step whose value brought the certainty.</param>
/// <param name="Shift">New level less the one before; positive is slower.</param>
/// <param name="Sigma">σ of the series before.</param>
/// <param name="Threshold">What the shift had to reach.</param>
internal readonly record struct LevelChange(long Step, long RaisedAtStep, double Shift, double Sigma, double Threshold);

/// <summary>Finds every lasting change of one series, up or down: the job's step time where nothing else is known.</summary>
/// <remarks>
/// <para>Two suspicions, one check. <see cref="RunLengthPosterior"/> is the fast path and needs a step or two; the CUSUM finds what is too
/// small for it. Either way the change counts when its median over <see cref="DetectionParameters.CheckSteps"/> steps or more stands out
/// of the level before by <see cref="SmallestChange"/>, by σ, and by 5 standard errors; below <see cref="LargeChange"/> by 6 and over
/// twice as many steps, since a series is looked at at every step and without peers. A lone outlier has left the median by then.</para>
/// <para>Many changes take a few steps to come about. The check waits until two steps in a row agree, so that one change with steps
/// between is reported once.</para>
/// </remarks>
internal sealed class SeriesChangeDetector
{
    /// <summary>Smallest change worth a word, in logs: 2.5 %, above the drift of a healthy step time.</summary>
    public const double SmallestChange = 0.025;

    /// <summary>From here on the short check is enough, in logs.</summary>
    public const double LargeChange = 0.095;

    private const double SigmaFloor = 0.005;
    private const double SuspectProbability = 0.5;
    private const int YoungRunSteps = 12;
    private const int SettleStepsMax = 6;
    private const double SettledShare = 0.25;
    private const double MedianError = 1.2533;
    private const double SignificanceOfLarge = 5;
    private const double SignificanceOfSmall = 6;
    private const int RecentSteps = 32;

    private readonly DetectionParameters _parameters = DetectionParameters.SingleSeries;
    private readonly double[] _scratch = new double[DetectionParameters.SingleSeries.BaselineSteps];
    private readonly double[] _recent = new double[RecentSteps];
    private readonly long[] _recentStep = new long[RecentSteps];
    private readonly RunLengthPosterior _runs = new();
    private readonly SelfBaseline _level;
    private TwoSidedCusum _cusum;
    private int _recentCount;
    private int _refusedSteps;
    private double _sigma = double.NaN;

    public SeriesChangeDetector() => _level = new SelfBaseline(_parameters.BaselineSteps, SigmaFloor, _scratch);

    /// <summary>Whether a level is known.</summary>
    public bool IsLearned => !double.IsNaN(_sigma);

    /// <summary>Steps that the present level rests on.</summary>
    public int LevelSteps => _level.Count;

    /// <summary>The present level, a log; meaningless until <see cref="IsLearned"/>.</summary>
    public double Level => _level.Center;

    /// <summary>σ around it.</summary>
    public double Sigma => _sigma;

    /// <summary>Median of the last steps, as many as the check takes.</summary>
    public double RecentMedian() => MedianOfNewest(Math.Min(_parameters.CheckSteps, _recentCount));

    /// <summary>Takes the next value. Allocates nothing.</summary>
    /// <param name="value">A log, finite.</param>
    /// <param name="step">Later than the one before.</param>
    /// <param name="change">The change that this value made certain.</param>
    /// <returns>Whether there is one.</returns>
    public bool Add(double value, long step, out LevelChange change)
    {
        change = default;
        Remember(value, step);
        if (!IsLearned)
        {
            Learn(value);
            return false;
        }

        double z = (value - _level.Center) / _sigma;
        bool isYoung = _runs.Add(value, YoungRunSteps) >= SuspectProbability;
        _cusum.Add(z, step, _parameters);
        bool isOver = _cusum.Up >= _parameters.DecisionLimitZ || _cusum.Down >= _parameters.DecisionLimitZ;
        if ((isYoung || isOver) && TryVerify(isOver, out change, out int steps))
        {
            BeginLevel(steps);
            return true;
        }

        AdmitOrRefuse(value, z, isOver);
        return false;
    }

    private void Remember(double value, long step)
    {
        _recent.AsSpan(0, RecentSteps - 1).CopyTo(_recent.AsSpan(1));
        _recentStep.AsSpan(0, RecentSteps - 1).CopyTo(_recentStep.AsSpan(1));
        _recent[0] = value;
        _recentStep[0] = step;
        _recentCount = Math.Min(_recentCount + 1, RecentSteps);
    }

    private void Learn(double value)
    {
        _level.Add(value);
        if (_level.Count >= _parameters.WarmUpSteps)
        {
            _level.Refresh();
            _sigma = _level.Sigma;
            _runs.Reset(_level.Center, _sigma);
        }
    }

    // The newest steps that all lie on one side of the old level, a quarter of the shift or more away from it.
    private bool TryVerify(bool isOver, out LevelChange change, out int steps)
    {
        change = default;
        steps = 0;
        int check = _parameters.CheckSteps;
        if (_recentCount < check)
        {
            return false;
        }

        double center = _level.Center;
        double shift = MedianOfNewest(check) - center;
        steps = StepsBeyond(center, SettledShare * shift);
        if (isOver)
        {
            long onset = shift > 0 ? _cusum.UpOnsetStep : _cusum.DownOnsetStep;
            steps = Math.Max(steps, StepsSince(onset));
        }

        bool isLarge = Math.Abs(shift) >= LargeChange;
        int window = isLarge ? check : 2 * check;
        if (steps < window)
        {
            return false;
        }

        // The newest few must agree with the longer check: half of it may lie before the change.
        double newest = shift;
        shift = MedianOfNewest(window) - center;
        double error = MedianError * _sigma * Math.Sqrt((1.0 / window) + (1.0 / _level.Count));
        double threshold = Math.Max(Math.Max(SmallestChange, _sigma), (isLarge ? SignificanceOfLarge : SignificanceOfSmall) * error);
        bool isSettled = steps >= SettleStepsMax
            || Math.Abs(_recent[0] - _recent[1]) <= Math.Max(_parameters.ClipZ * _sigma, SettledShare * Math.Abs(shift));
        if (Math.Abs(shift) < threshold || newest * Math.Sign(shift) < 0.5 * Math.Abs(shift) || !isSettled)
        {
            return false;
        }

        change = new LevelChange(_recentStep[steps - 1], _recentStep[0], shift, _sigma, threshold);
        return true;
    }

    private int StepsBeyond(double center, double distance)
    {
        int steps = 0;
        while (steps < _recentCount && (_recent[steps] - center) * Math.Sign(distance) >= Math.Abs(distance))
        {
            steps++;
        }

        return steps;
    }

    private int StepsSince(long onset)
    {
        int steps = 0;
        while (steps < _recentCount && _recentStep[steps] >= onset)
        {
            steps++;
        }

        return steps;
    }

    // The noise of the level before is the best guess of the new one's until that has been seen for a warm-up.
    private void BeginLevel(int steps)
    {
        // A change may take steps to come about: only those near where it ended up are the new level.
        double end = MedianOfNewest(Math.Min(steps, 2));
        double near = Math.Max(_parameters.ClipZ * _sigma, SmallestChange);
        _level.Clear();
        for (int back = Math.Min(steps, RecentSteps) - 1; back >= 0; back--)
        {
            if (Math.Abs(_recent[back] - end) <= near)
            {
                _level.Add(_recent[back]);
            }
        }

        _level.Refresh();
        _cusum.Reset();
        _refusedSteps = 0;
        _runs.Reset(_level.Center, _sigma);
    }

    private void AdmitOrRefuse(double value, double z, bool isOver)
    {
        if (Math.Abs(z) <= _parameters.ClipZ && !isOver)
        {
            _refusedSteps = Math.Max(0, _refusedSteps - 1);
            _level.Add(value);
            if (_level.Count <= _parameters.WarmUpSteps)
            {
                _level.Refresh();
            }

            if (_level.Count >= _parameters.WarmUpSteps)
            {
                _sigma = _level.Sigma;
            }
        }
        else if (++_refusedSteps >= 2 * _parameters.WarmUpSteps)
        {
            // Neither healthy nor a change worth a word, and lasting: the noise has changed.
            _sigma = double.NaN;
            _level.Clear();
            _cusum.Reset();
            _refusedSteps = 0;
        }
    }

    private double MedianOfNewest(int count)
    {
        Span<double> values = stackalloc double[count];
        _recent.AsSpan(0, count).CopyTo(values);
        return OrderStatistics.Median(values);
    }
}
