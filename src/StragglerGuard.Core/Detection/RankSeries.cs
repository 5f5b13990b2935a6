using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Detection;

/// <summary>What the detector remembers of one rank.</summary>
/// <remarks>A level is log(compute time per unit of work); a residual is a level's distance from what it is compared with.</remarks>
internal sealed class RankSeries
{
    /// <summary>The most steps for which a former level is remembered after the rank left it for a faster one.</summary>
    public const int FormerLevelSteps = 512;

    /// <summary>
    /// And so many times the steps that the rank was seen at it: a level of a few steps, such as those of a program that still warms up,
    /// excuses no slowness hundreds of steps later.
    /// </summary>
    public const int FormerLevelShare = 4;

    /// <summary>Steps whose values a baseline may be begun anew from.</summary>
    public const int RecentSteps = 32;

    /// <summary>Steps that the level of a rank is taken over that is slow by another detector's word.</summary>
    public const int TakeOverSteps = 5;

    /// <summary>The largest sum of a series whose steps enter its baselines.</summary>
    private const double AdmittedSum = 3;

    private readonly double[] _recentLevel = new double[RecentSteps];
    private readonly double[] _recentResidual = new double[RecentSteps];
    private readonly long[] _recentStep = new long[RecentSteps];
    private int _recentCount;
    private int _newest = RecentSteps - 1;
    private double _formerLevel;
    private int _formerLevelLeft;

    public RankSeries(DetectionParameters parameters, double[] scratch)
    {
        Parameters = parameters;
        Own = new SelfBaseline(parameters.BaselineSteps, parameters.SigmaFloor, scratch);
        AgainstPeers = parameters.Mode == DetectionMode.Peers
            ? new SelfBaseline(parameters.BaselineSteps, parameters.SigmaFloor, scratch)
            : null;
    }

    public DetectionParameters Parameters { get; }

    /// <summary>Baseline of the levels.</summary>
    public SelfBaseline Own { get; }

    /// <summary>Baseline of the residuals; null where there are too few peers.</summary>
    public SelfBaseline? AgainstPeers { get; }

    /// <summary>The baseline that the CUSUM's z refers to.</summary>
    public SelfBaseline Judged => AgainstPeers ?? Own;

    public TwoSidedCusum Cusum;

    public bool IsLearned { get; private set; }

    /// <summary>Whether the baselines still are those of the rank's first steps.</summary>
    public bool IsFirstHistory { get; private set; } = true;

    /// <summary>Oldest step that the baselines were learned from since they were last begun.</summary>
    public long LearnedFromStep { get; private set; }

    /// <summary>Whether the median against peers was recomputed with this frame, so that standing slowness is worth a look.</summary>
    public bool IsHistoryRefreshed { get; private set; }

    public bool IsFlagged { get; private set; }

    public VerdictKind Kind { get; private set; }

    public long OnsetStep { get; private set; }

    public long RaisedAtStep { get; private set; }

    /// <summary>What a flagged rank was accused of.</summary>
    public double AccusedResidual { get; private set; }

    /// <summary>The level that its class is known for; NaN where none is.</summary>
    public double PriorLevel { get; init; } = double.NaN;

    /// <summary>Whether the verdict was raised by another detector: what it took for normal is not known here.</summary>
    public bool IsTakenOver { get; private set; }

    /// <summary>Steps in a row that a flagged rank has been calm for.</summary>
    public int CalmSteps { get; set; }

    /// <summary>Steps, less those admitted since, that were kept out of the baselines.</summary>
    public int RefusedSteps { get; private set; }

    /// <summary>The level that the own shift is measured from: a return to a level once judged healthy is no slowness.</summary>
    public double OwnReference => IsFlagged && Kind == VerdictKind.SlowFromStart && !double.IsNaN(PriorLevel) ? PriorLevel
        : _formerLevelLeft > 0 ? Math.Max(Own.Center, _formerLevel) : Own.Center;

    public bool IsSuspect(out bool slower)
    {
        slower = Cusum.Up >= Parameters.DecisionLimitZ;
        return slower || Cusum.Down >= Parameters.DecisionLimitZ;
    }

    public void Remember(double level, double residual, long step)
    {
        _newest = (_newest + 1) % RecentSteps;
        _recentLevel[_newest] = level;
        _recentResidual[_newest] = residual;
        _recentStep[_newest] = step;
        _recentCount = Math.Min(_recentCount + 1, RecentSteps);
        IsHistoryRefreshed = false;
    }

    /// <summary>The step seen that many steps before the newest; the oldest remembered where that is longer ago.</summary>
    public long StepBack(int steps) => _recentStep[(_newest - Math.Min(steps, _recentCount - 1) + RecentSteps) % RecentSteps];

    /// <summary>How many of the remembered steps are of this one or later.</summary>
    public int StepsSince(long onset)
    {
        int steps = 0;
        while (steps < _recentCount && _recentStep[(_newest - steps + RecentSteps) % RecentSteps] >= onset)
        {
            steps++;
        }

        return steps;
    }

    public double RecentLevel() => RecentLevel(Parameters.CheckSteps);

    public double RecentLevel(int steps) => RecentMedian(_recentLevel, steps);

    public double RecentResidual() => RecentResidual(Parameters.CheckSteps);

    public double RecentResidual(int steps) => RecentMedian(_recentResidual, steps);

    /// <summary>How much slower the rank is: where nothing was compared yet, what it was accused of.</summary>
    public double KnownResidual() => IsFlagged && (!IsLearned || _recentCount == 0) ? AccusedResidual : RecentResidual();

    /// <summary>
    /// The likeliest first step of the change that the CUSUM found: the one from which on the values lie farthest, in sum, beyond the
    /// middle of the levels before and after. The CUSUM's own estimate is as early as the last bit of noise that it had not shaken off.
    /// </summary>
    /// <remarks>Maximum likelihood for normal noise (Hinkley, Biometrika 1970). Reaches as far back as steps are remembered.</remarks>
    public long FindOnset()
    {
        double[] recent = AgainstPeers is null ? _recentLevel : _recentResidual;
        double middle = 0.5 * (Judged.Center + RecentMedian(recent, Parameters.CheckSteps));
        double sum = 0;
        double largest = double.NegativeInfinity;
        int backAtLargest = 0;
        for (int back = 0; back < _recentCount; back++)
        {
            sum += recent[(_newest - back + RecentSteps) % RecentSteps] - middle;
            if (sum > largest)
            {
                largest = sum;
                backAtLargest = back;
            }
        }

        return backAtLargest == RecentSteps - 1
            ? Cusum.UpOnsetStep
            : _recentStep[(_newest - backAtLargest + RecentSteps) % RecentSteps];
    }

    /// <summary>Takes the newest step into the baselines while they are learned for the first time or anew.</summary>
    public void Learn(double level, double residual, long step)
    {
        if (Own.Count == 0)
        {
            LearnedFromStep = step;
        }

        Own.Add(level);
        AgainstPeers?.Add(residual);
        if (Own.Count >= Parameters.WarmUpSteps)
        {
            FinishLearning();
        }
    }

    /// <summary>
    /// Takes a step of a rank that is slow by another detector's word. After a few of them its history is what it would be had the rank been so much
    /// faster: from there on it is judged as any slow rank is.
    /// </summary>
    public void LearnTakenOver(double level)
    {
        Own.Add(level);
        if (Own.Count < TakeOverSteps)
        {
            return;
        }

        Own.Refresh();
        Own.Shift(-AccusedResidual);
        IsLearned = true;
    }

    /// <summary>Takes the newest step into the baselines if it is judged healthy: not clipped, and the rank no suspect.</summary>
    public void AdmitOrRefuse(double level, double residual, double z)
    {
        if (_formerLevelLeft > 0)
        {
            _formerLevelLeft--;
        }

        if (Math.Abs(z) > Parameters.ClipZ || IsSuspect(out _))
        {
            RefusedSteps++;
            return;
        }

        // While a sum grows its steps may be the change itself: in large noise they are not clipped, and would raise σ until the sum drains.
        if (Math.Max(Cusum.Up, Cusum.Down) >= AdmittedSum)
        {
            return;
        }

        RefusedSteps = Math.Max(0, RefusedSteps - 1);
        Own.Add(level);
        if (AgainstPeers is not null)
        {
            AgainstPeers.Add(residual);
            IsHistoryRefreshed = AgainstPeers.IsFresh;
        }
    }

    public void Flag(VerdictKind kind, long onsetStep, long raisedAtStep, double residual)
    {
        AccusedResidual = residual;
        IsFlagged = true;
        Kind = kind;
        OnsetStep = onsetStep;
        RaisedAtStep = raisedAtStep;
        CalmSteps = 0;
        RefusedSteps = 0;
        Cusum.Reset();
    }

    /// <summary>Goes on with a verdict that another detector raised.</summary>
    public void TakeOver(VerdictKind kind, long onsetStep, long raisedAtStep, double residual)
    {
        Flag(kind, onsetStep, raisedAtStep, residual);
        IsTakenOver = true;
        IsFirstHistory = false;
        IsLearned = false;
        Own.Clear();
        AgainstPeers?.Clear();
    }

    /// <summary>The verdict is over. A history that was slow itself, or was reckoned, is no yardstick any more: it is begun anew with
    /// the calm steps.</summary>
    public void Clear()
    {
        IsFlagged = false;
        Cusum.Reset();
        if (Kind != VerdictKind.PersistentSlowness || IsTakenOver)
        {
            IsTakenOver = false;
            BeginAnew(CalmSteps);
        }
    }

    /// <summary>Takes the last steps for what is normal now.</summary>
    public void BeginAnew(int steps)
    {
        Own.Clear();
        AgainstPeers?.Clear();
        Cusum.Reset();
        RefusedSteps = 0;
        IsLearned = false;
        IsFirstHistory = false;
        for (int back = Math.Min(steps, _recentCount) - 1; back >= 0; back--)
        {
            int index = (_newest - back + RecentSteps) % RecentSteps;
            Learn(_recentLevel[index], _recentResidual[index], _recentStep[index]);
        }
    }

    /// <summary>Follows a change of level that is nobody's fault.</summary>
    /// <param name="steps">Steps since the change, the newest included.</param>
    /// <param name="shift">By how much the rank's level changed.</param>
    public void Follow(int steps, double shift)
    {
        if (AgainstPeers is null)
        {
            BeginAnew(steps);
            return;
        }

        // The peers remain the yardstick, so the rank need not go blind for a warm-up: its noise is known, only the level moves.
        Own.Shift(shift);
        double moved = RecentResidual() - AgainstPeers.Center;
        if (Math.Abs(moved) > AgainstPeers.Sigma)
        {
            AgainstPeers.Shift(moved);
        }

        Cusum.Reset();
        RefusedSteps = 0;
    }

    /// <summary>Follows a rank that became faster by itself, and remembers the level that it came from.</summary>
    public void FollowFaster(int steps, double shift)
    {
        double former = OwnReference;
        long seenAtIt = Math.Max(0, _recentStep[_newest] - steps + 1 - LearnedFromStep);
        Follow(steps, shift);
        _formerLevel = former;
        _formerLevelLeft = (int)Math.Max(_formerLevelLeft, Math.Min(FormerLevelSteps, FormerLevelShare * seenAtIt));
    }

    /// <summary>Moves a flagged rank's frozen history along with a change that is common to all.</summary>
    public void FollowCommon(double shift) => Own.Shift(shift);

    private void FinishLearning()
    {
        Own.Refresh();
        AgainstPeers?.Refresh();
        IsLearned = true;
        IsHistoryRefreshed = AgainstPeers is not null;
    }

    private double RecentMedian(double[] recent, int steps)
    {
        Span<double> values = stackalloc double[Math.Min(steps, _recentCount)];
        for (int back = 0; back < values.Length; back++)
        {
            values[back] = recent[(_newest - back + RecentSteps) % RecentSteps];
        }

        return OrderStatistics.Median(values);
    }
}
