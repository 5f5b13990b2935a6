using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Baselines;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Detection;

/// <summary>Finds the ranks that need longer than they should for a unit of work: a fold over step frames, one thread at a time.</summary>
/// <remarks>
/// <para>A rank's level is log(own compute time ÷ units of work): neither waiting nor an uneven deal moves it. Its residual is the level
/// less the median of its peers (<see cref="RankCohort"/>), or, with fewer than <see cref="DetectionParameters.MinimumPeers"/> peers, its
/// distance from its own history less the lower median of all ranks' distances from theirs, so that a common change accuses nobody. With
/// two ranks that is the lesser of the two changes, and the slow one shows in full; a job of one rank has its own history alone.</para>
/// <para>A two-sided CUSUM raises the suspicion, a check over the last steps confirms it: the rank's own shift <em>and</em> its residual
/// must both reach the minimum effect and stand out of the noise (<see cref="DetectionParameters"/>). Where half of the judged ranks or
/// more, and two at least, changed alike, and none stands clearly apart, the cause is common:
/// <see cref="DetectionEventKind.CommonShiftDetected"/>, nobody is accused, and all histories follow. Where some clearly did not move,
/// those that did are accused, be they the majority: their own histories tell them apart. A rank that became faster is never flagged; its
/// former level is remembered for a while, so that returning to it is no slowness either.</para>
/// <para>A rank that is missing from a frame, or did no work in it, is unknown in it: skipped, never counted as healthy. What is not
/// judged healthy stays out of the baselines, and a flagged rank's are frozen. What lasts a whole warm-up without being worth a verdict
/// becomes the new normal.</para>
/// </remarks>
public sealed partial class SlownessDetector : IRankScreen
{
    // Standard error of a median of n normal values: √(π/2)·σ/√n.
    private const double MedianError = 1.2533;

    private const double NoisyMarginMax = 5;

    private const int LongCheckStepsMax = 16;

    // The own shift explains the residual when it makes up this share of it: else the peers moved, and the rank did not.
    private const double ExplainedShare = 0.5;

    private readonly RankCohort[] _cohorts;
    private readonly RankSeries[] _series;
    private readonly int[][] _peerCohorts;
    private readonly JobShiftMonitor _job;
    private readonly double _effectMin;

    private readonly FrameComparison _frame;
    private readonly double[] _shift;
    private readonly double[] _scratch;
    private readonly bool _hasPriors;
    private bool _anySuspect;

    /// <summary>Begins with nothing learned.</summary>
    /// <param name="cohorts">What each rank is comparable within; entry i is rank i's. One rank or more.</param>
    /// <param name="minimumEffect">Smallest slowdown that is worth a verdict, as a share: above 0, at most 1.</param>
    /// <exception cref="ArgumentException">There is no rank.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The minimum effect is out of range.</exception>
    public SlownessDetector(IReadOnlyList<RankCohort> cohorts, double minimumEffect = DetectionParameters.DefaultMinimumEffect)
        : this(cohorts, minimumEffect, priors: null, includesInput: false)
    {
    }

    internal SlownessDetector(
        IReadOnlyList<RankCohort> cohorts, double minimumEffect, IReadOnlyDictionary<RankCohort, double>? priors, bool includesInput)
    {
        ArgumentNullException.ThrowIfNull(cohorts);
        if (cohorts.Count == 0)
        {
            throw new ArgumentException("A job has one rank at least.", nameof(cohorts));
        }

        if (!(minimumEffect > 0 && minimumEffect <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(minimumEffect), minimumEffect, "Above 0, at most 1.");
        }

        int ranks = cohorts.Count;
        MinimumEffect = minimumEffect;
        _effectMin = Math.Log(1 + minimumEffect);
        _cohorts = [.. cohorts];
        _shift = new double[ranks];
        _scratch = new double[Math.Max(ranks, DetectionParameters.Peers.BaselineSteps)];
        _peerCohorts = [.. Enumerable.Range(0, ranks)
            .GroupBy(rank => _cohorts[rank])
            .Where(cohort => cohort.Count() > DetectionParameters.MinimumPeers)
            .Select(cohort => cohort.ToArray())];
        var withPeers = _peerCohorts.SelectMany(members => members).ToHashSet();
        _series = [.. Enumerable.Range(0, ranks).Select(rank => new RankSeries(
            withPeers.Contains(rank) ? DetectionParameters.Peers : DetectionParameters.SingleSeries, _scratch)
        {
            PriorLevel = priors is not null && priors.TryGetValue(_cohorts[rank], out double seconds)
                ? Math.Log(seconds * 1e9) : double.NaN,
        })];
        _hasPriors = priors is { Count: > 0 };
        _frame = new FrameComparison(_series, includesInput, _scratch);
        _job = new JobShiftMonitor(DetectionParameters.SingleSeries, _scratch);
    }

    /// <summary>Ranks of the membership.</summary>
    public int Ranks => _series.Length;

    /// <summary>Smallest slowdown that is worth a verdict, as a share.</summary>
    public double MinimumEffect { get; }

    /// <summary>Newest step seen; −1 before the first.</summary>
    public long Step { get; private set; } = -1;

    /// <summary>Ranks with a standing verdict.</summary>
    public int StragglingCount { get; private set; }

    /// <summary>What a rank is comparable within.</summary>
    /// <exception cref="IndexOutOfRangeException">The rank is out of range.</exception>
    public RankCohort CohortOf(Rank rank) => _cohorts[rank.Value];

    /// <summary>A rank as it stands after the last frame. Allocates nothing.</summary>
    /// <exception cref="IndexOutOfRangeException">The rank is out of range.</exception>
    public RankStanding StateOf(Rank rank)
    {
        RankSeries series = _series[rank.Value];
        RankHealth health = series.IsFlagged ? RankHealth.Straggling
            : !series.IsLearned ? RankHealth.Learning
            : series.IsSuspect(out _) ? RankHealth.Suspect
            : RankHealth.Healthy;
        return new RankStanding(
            health,
            series.Parameters.Mode,
            health == RankHealth.Learning ? double.NaN : Math.Exp(series.KnownResidual()),
            series.Judged.Sigma,
            series.IsFlagged ? series.OnsetStep : null,
            series.IsFlagged ? series.RaisedAtStep : null);
    }

    /// <summary>Takes the next frame. Allocates nothing while the sink has room.</summary>
    /// <param name="frame">The step: of as many ranks, and later than the one before.</param>
    /// <param name="sink">Events are appended here.</param>
    /// <exception cref="ArgumentException">The frame has another number of ranks, or is not later than the one before.</exception>
    public void Update(StepFrame frame, DetectionEvents sink)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentNullException.ThrowIfNull(sink);
        if (frame.Ranks != Ranks)
        {
            throw new ArgumentException($"The frame has {frame.Ranks} ranks, the detector {Ranks}.", nameof(frame));
        }

        if (frame.Step <= Step)
        {
            throw new ArgumentException($"Step {frame.Step} came after step {Step}.", nameof(frame));
        }

        Step = frame.Step;
        _frame.Read(frame, _peerCohorts);
        LearnTakenOver();
        FollowEachRank();
        if (_frame.CommonCount > 1)
        {
            _job.Add(_frame.Common, Step);
        }

        if (_anySuspect || _job.IsSlower || _job.IsFaster)
        {
            JudgeSuspects(sink);
        }

        AdmitHealthy();
        JudgeStandingSlowness(sink);
        if (_hasPriors)
        {
            JudgeAgainstPriors(sink);
        }

        JudgeRecoveries(sink);
    }

    private void FollowEachRank()
    {
        _anySuspect = false;
        for (int rank = 0; rank < _series.Length; rank++)
        {
            RankSeries series = _series[rank];
            if (!_frame.IsKnown(rank))
            {
                continue;
            }

            series.Remember(_frame.LevelOf(rank), _frame.ResidualOf(rank), Step);
            if (series.IsLearned && !series.IsFlagged)
            {
                series.Cusum.Add(ZOf(rank, series), Step, series.Parameters);
                _anySuspect |= series.IsSuspect(out _);
            }
        }
    }

    private double ZOf(int rank, RankSeries series)
    {
        double value = series.AgainstPeers is null ? _frame.LevelOf(rank) : _frame.ResidualOf(rank);
        return (value - series.Judged.Center) / series.Judged.Sigma;
    }

    private void JudgeSuspects(DetectionEvents sink)
    {
        int count = 0;
        for (int rank = 0; rank < _series.Length; rank++)
        {
            if (_frame.IsJudged(rank))
            {
                _shift[rank] = _series[rank].RecentLevel() - _series[rank].Own.Center;
                _scratch[count++] = _shift[rank];
            }
        }

        if (count == 0)
        {
            return;
        }

        double commonShift = OrderStatistics.LowerMedian(_scratch.AsSpan(0, count));
        if ((_job.IsSlower || _job.IsFaster) && TryFollowCommonShift(commonShift, _job.OnsetStep, _job.Sigma, sink))
        {
            return;
        }

        // A common cause must be seen before anyone is accused, whichever of those it touched was certain first.
        for (int rank = 0; rank < _series.Length; rank++)
        {
            if (_frame.IsJudged(rank)
                && Check(rank, count, commonShift, out _, out _)
                && TryFollowCommonShift(_shift[rank], _series[rank].Cusum.UpOnsetStep, _series[rank].Judged.Sigma, sink))
            {
                return;
            }
        }

        for (int rank = 0; rank < _series.Length; rank++)
        {
            if (!_frame.IsJudged(rank) || !_series[rank].IsSuspect(out bool slower))
            {
                continue;
            }

            if (!slower)
            {
                FollowIfFaster(rank);
            }
            else if (Check(rank, count, commonShift, out double residual, out double threshold))
            {
                Accuse(rank, VerdictKind.PersistentSlowness, _series[rank].FindOnset(), residual, _shift[rank], threshold, sink);
            }
        }
    }

    private bool Check(int rank, int judged, double commonShift, out double residual, out double threshold)
    {
        RankSeries series = _series[rank];
        residual = 0;
        threshold = 0;
        if (!series.IsSuspect(out bool slower) || !slower)
        {
            return false;
        }

        if (CheckOver(series.Parameters.CheckSteps, series, judged, commonShift, out residual, out threshold))
        {
            return true;
        }

        // What five steps of large noise can't show, all the steps since the suspicion began may.
        int since = series.AgainstPeers is null ? 0 : Math.Min(LongCheckStepsMax, series.StepsSince(series.Cusum.UpOnsetStep));
        return since >= 2 * series.Parameters.CheckSteps && CheckOver(since, series, judged, commonShift, out residual, out threshold);
    }

    private bool CheckOver(int steps, RankSeries series, int judged, double commonShift, out double residual, out double threshold)
    {
        double own = series.RecentLevel(steps) - series.OwnReference;
        double ownThreshold = Math.Max(_effectMin, series.Own.Sigma);
        double sigma = series.Judged.Sigma;
        double error = MedianError * sigma * Math.Sqrt((1.0 / steps) + (1.0 / series.Judged.Count));
        if (series.AgainstPeers is not null)
        {
            residual = series.RecentResidual(steps);
        }
        else
        {
            residual = 0;
            threshold = 0;
            ownThreshold = Math.Max(ownThreshold, series.Parameters.Significance * error);
            if (Ranks > 1 && judged < 2)
            {
                return false;
            }

            // What is subtracted is a median of other ranks' noise, and adds to one's own.
            residual = Ranks > 1 ? own - commonShift : own;
            error *= Ranks > 1 ? Math.Sqrt(1 + (1.0 / (judged - 1))) : 1;
        }

        threshold = Math.Max(Math.Max(_effectMin, sigma), series.Parameters.Significance * error);
        return own >= ownThreshold && residual >= threshold;
    }

    private void FollowIfFaster(int rank)
    {
        RankSeries series = _series[rank];
        if (_shift[rank] <= -Math.Max(_effectMin, series.Own.Sigma))
        {
            int steps = (int)Math.Min(RankSeries.RecentSteps, Step - series.Cusum.DownOnsetStep + 1);
            series.FollowFaster(steps, _shift[rank]);
        }
    }

    private void AdmitHealthy()
    {
        for (int rank = 0; rank < _series.Length; rank++)
        {
            RankSeries series = _series[rank];
            if (!_frame.IsKnown(rank) || series.IsFlagged)
            {
                continue;
            }

            if (!series.IsLearned)
            {
                series.Learn(_frame.LevelOf(rank), _frame.ResidualOf(rank), Step);
                continue;
            }

            series.AdmitOrRefuse(_frame.LevelOf(rank), _frame.ResidualOf(rank), ZOf(rank, series));
            if (series.RefusedSteps >= DetectionParameters.Peers.WarmUpSteps)
            {
                series.BeginAnew(series.Parameters.WarmUpSteps);
            }
        }
    }

    private void JudgeStandingSlowness(DetectionEvents sink)
    {
        foreach (int[] members in _peerCohorts)
        {
            foreach (int rank in members)
            {
                RankSeries series = _series[rank];
                if (!_frame.IsJudged(rank) || !series.IsHistoryRefreshed)
                {
                    continue;
                }

                SelfBaseline history = series.AgainstPeers!;
                double error = MedianError * history.Sigma / Math.Sqrt(history.Count);
                double threshold = Math.Max(Math.Max(_effectMin, history.Sigma), series.Parameters.Significance * error);
                if (history.Center >= threshold && series.RecentResidual() >= _effectMin && !IsCommonAmong(members, history.Center))
                {
                    VerdictKind kind = series.IsFirstHistory && history.Count <= series.Parameters.WarmUpSteps
                        ? VerdictKind.SlowFromStart
                        : VerdictKind.SlowAgainstPeers;
                    Accuse(rank, kind, series.LearnedFromStep, history.Center, double.NaN, threshold, sink);
                }
            }
        }
    }

    // Two camps of a cohort, neither of them the smaller: who is slow and who is fast is a matter of taste.
    private bool IsCommonAmong(int[] members, double center)
    {
        int judged = 0;
        int alike = 0;
        foreach (int rank in members)
        {
            if (_series[rank].IsLearned)
            {
                judged++;
                alike += IsAlike(_series[rank].AgainstPeers!.Center, center) ? 1 : 0;
            }
        }

        return 2 * alike >= judged;
    }

    private void Accuse(
        int rank, VerdictKind kind, long onsetStep, double residual, double ownShift, double threshold, DetectionEvents sink,
        int? ranksCompared = null)
    {
        RankSeries series = _series[rank];
        double sigma = series.Judged.Sigma;
        series.Flag(kind, onsetStep, Step, residual);
        StragglingCount++;
        sink.Add(new DetectionEvent
        {
            Kind = DetectionEventKind.StragglerConfirmed,
            Rank = new Rank(rank),
            Verdict = kind,
            Mode = series.Parameters.Mode,
            OnsetStep = onsetStep,
            ChangedAtStep = onsetStep,
            RaisedAtStep = Step,
            Slowdown = Math.Exp(residual),
            Residual = residual,
            OwnShift = ownShift,
            Sigma = sigma,
            Threshold = threshold,
            RanksCompared = ranksCompared ?? _frame.ComparedWith(rank),
            Cause = double.IsNaN(ownShift) || ownShift >= ExplainedShare * residual ? Cause.Compute : Cause.Unknown,
            Confidence = VerdictConfidence.Of(residual, _effectMin, sigma, series.Parameters.CheckSteps),
        });
    }

    // In noise larger than the effect a few calm steps are luck: the margin grows with it, fivefold at most.
    private int CalmStepsNeeded(RankSeries series)
    {
        double noise = Math.Clamp(Math.Floor(series.Judged.Sigma / _effectMin), 1, NoisyMarginMax);
        return series.Parameters.CheckSteps + (int)(series.Parameters.RecoveryMarginSteps * noise);
    }

    // Half of the least effect; in noise larger than that its σ, but never more than half of what the rank was accused of.
    private double CalmLevel(RankSeries series) =>
        Math.Max(0.5 * _effectMin, Math.Min(series.Judged.Sigma, 0.5 * series.AccusedResidual));

    private void JudgeRecoveries(DetectionEvents sink)
    {
        for (int rank = 0; StragglingCount > 0 && rank < _series.Length; rank++)
        {
            RankSeries series = _series[rank];
            if (!series.IsFlagged || !series.IsLearned || !_frame.IsKnown(rank))
            {
                continue;
            }

            double residual = series.RecentResidual();
            series.CalmSteps = residual < CalmLevel(series) ? series.CalmSteps + 1 : 0;
            if (series.CalmSteps < CalmStepsNeeded(series))
            {
                continue;
            }

            double ownShift = series.RecentLevel() - series.Own.Center;
            double sigma = series.Judged.Sigma;
            long calmFrom = series.StepBack(series.CalmSteps - 1);
            double calmLevel = CalmLevel(series);
            series.Clear();
            StragglingCount--;
            sink.Add(new DetectionEvent
            {
                Kind = DetectionEventKind.StragglerRecovered,
                Rank = new Rank(rank),
                Verdict = series.Kind,
                Mode = series.Parameters.Mode,
                OnsetStep = series.OnsetStep,
                ChangedAtStep = calmFrom,
                RaisedAtStep = Step,
                Slowdown = Math.Exp(residual),
                Residual = residual,
                OwnShift = ownShift,
                Sigma = sigma,
                Threshold = calmLevel,
                RanksCompared = _frame.ComparedWith(rank),
            });
        }
    }
}
