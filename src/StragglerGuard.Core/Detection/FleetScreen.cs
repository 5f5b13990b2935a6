using System.Runtime.InteropServices;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Baselines;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Detection;

/// <summary>The slowness detector for very many ranks: the same statistics and check in a fixed few bytes a rank and one pass over them a
/// step.</summary>
/// <remarks>
/// Differences to <see cref="SlownessDetector"/>: running averages instead of rings (<see cref="ScreenedRank"/>); all ranks of a cohort
/// share one median, which in a cohort of this size a rank does not move; a common shift shows in the median alone, since one of so many
/// ranks can't be told from a coincidence. Cohorts with fewer than <see cref="DetectionParameters.MinimumPeers"/> peers are judged by
/// their own history less what is common.
/// </remarks>
internal sealed class FleetScreen : IRankScreen
{
    private const float DriftGain = 1f / 16;
    private const int LongCheckSteps = 16;
    private const int StandingSteps = 16;
    private const float AdmittedSum = 3;
    private const float DriftSuspicion = 0.03f;
    private const double MedianError = 1.2533;

    private readonly DetectionParameters _parameters = DetectionParameters.Peers;
    private readonly RankCohort[] _cohorts;
    private readonly ScreenedRank[] _ranks;
    private readonly int[][] _groups;
    private readonly int[] _alone;
    private readonly double[] _scratch;
    private readonly float[] _level;
    private readonly float[] _residual;
    private readonly SeriesChangeDetector _job = new();
    private readonly float _effectMin;
    private readonly float _sigmaFloor;
    private double _followed;
    private float _common;

    /// <param name="cohorts">By rank; kept, not copied.</param>
    /// <param name="minimumEffect">Least slowdown that counts, 0.1 is 10 %.</param>
    /// <param name="scratch">As long as there are ranks at least; overwritten at every step.</param>
    public FleetScreen(RankCohort[] cohorts, double minimumEffect, double[] scratch)
    {
        int ranks = cohorts.Length;
        _cohorts = cohorts;
        _ranks = new ScreenedRank[ranks];
        _scratch = scratch;
        _level = new float[ranks];
        _residual = new float[ranks];
        _effectMin = (float)Math.Log(1 + minimumEffect);
        _sigmaFloor = (float)_parameters.SigmaFloor;
        ILookup<bool, int[]> byPeers = Enumerable.Range(0, ranks)
            .GroupBy(rank => _cohorts[rank])
            .Select(cohort => cohort.ToArray())
            .ToLookup(members => members.Length > DetectionParameters.MinimumPeers);
        _groups = [.. byPeers[true]];
        _alone = [.. byPeers[false].SelectMany(members => members)];
    }

    /// <summary>Bytes kept per rank.</summary>
    public static int BytesPerRank =>
        System.Runtime.CompilerServices.Unsafe.SizeOf<ScreenedRank>() + Marshal.SizeOf<RankCohort>() + sizeof(double) + (3 * sizeof(float));

    public int StragglingCount { get; private set; }

    public bool IsKnown(int rank) => _ranks[rank].IsKnown;

    public bool IsLearned(int rank) => _ranks[rank].IsLearned;

    public bool IsAgainstPeers(int rank) => true;

    public bool IsJudged(int rank) => _ranks[rank] is { IsKnown: true, IsLearned: true, IsFlagged: false };

    public bool IsFlagged(int rank) => _ranks[rank].IsFlagged;

    public bool IsSuspicious(int rank)
    {
        ref readonly ScreenedRank state = ref _ranks[rank];
        return state is { IsKnown: true, IsFlagged: false, IsLearned: true }
            && (2 * state.CusumUp >= _parameters.DecisionLimitZ || state.DriftMean - state.ReferenceResidual >= DriftSuspicion
                || _residual[rank] - state.ResidualCenter >= (float)SpikeWatch.SmallestSpike);
    }

    public double ResidualOf(int rank) => _residual[rank];

    public double LevelOf(int rank) => _level[rank];

    public double CenterOf(int rank) => _ranks[rank].ResidualCenter;

    public double SigmaOf(int rank) => _ranks[rank].Sigma(_sigmaFloor);

    public double RecentResidualOf(int rank) => _ranks[rank].RecentResidual();

    public RankCohort CohortOf(Rank rank) => _cohorts[rank.Value];

    public bool TryGetReference(int rank, out double residual, out double level)
    {
        residual = _ranks[rank].ReferenceResidual;
        level = _ranks[rank].ReferenceLevel;
        return _ranks[rank].IsLearned;
    }

    public RankStanding StateOf(Rank rank)
    {
        ref readonly ScreenedRank state = ref _ranks[rank.Value];
        RankHealth health = state.IsFlagged ? RankHealth.Straggling
            : !state.IsLearned ? RankHealth.Learning
            : state.CusumUp >= _parameters.DecisionLimitZ ? RankHealth.Suspect
            : RankHealth.Healthy;
        return new RankStanding(
            health,
            DetectionMode.Peers,
            health == RankHealth.Learning ? double.NaN : Math.Exp(state is { IsFlagged: true, IsLearned: false } ? state.AccusedResidual : state.RecentResidual()),
            state.Sigma(_sigmaFloor),
            state.IsFlagged ? state.OnsetStep : null,
            state.IsFlagged ? state.RaisedAtStep : null);
    }

    public void TakeOver(Verdict verdict)
    {
        ref ScreenedRank state = ref _ranks[verdict.Rank!.Value.Value];
        StragglingCount += state.IsFlagged ? 0 : 1;
        state.IsFlagged = true;
        state.IsTakenOver = true;
        state.Kind = verdict.Kind;
        state.OnsetStep = verdict.OnsetStep;
        state.RaisedAtStep = verdict.RaisedAtStep;
        state.AccusedResidual = (float)Math.Log(verdict.Slowdown);
    }

    public void Update(StepFrame frame, DetectionEvents sink)
    {
        ReadLevels(frame);
        foreach (int[] members in _groups)
        {
            CompareWithPeers(members);
        }

        FindCommonPart(frame.Step, sink);
        foreach (int rank in _alone)
        {
            ref readonly ScreenedRank state = ref _ranks[rank];
            _residual[rank] = state is { IsFlagged: true, IsLearned: false }
                ? state.AccusedResidual
                : _level[rank] - (state.Seen > 0 ? state.LevelCenter + _common : _level[rank]);
        }

        for (int rank = 0; rank < _ranks.Length; rank++)
        {
            if (_ranks[rank].IsKnown)
            {
                Follow(rank, ref _ranks[rank], frame.Step, sink);
            }
        }
    }

    private void ReadLevels(StepFrame frame)
    {
        ReadOnlySpan<bool> present = frame.Present;
        ReadOnlySpan<long> computeNs = frame.ComputeNs;
        ReadOnlySpan<int> workUnits = frame.WorkUnits;
        for (int rank = 0; rank < _ranks.Length; rank++)
        {
            bool known = present[rank] && computeNs[rank] > 0 && workUnits[rank] > 0;
            _ranks[rank].IsKnown = known;
            _level[rank] = known ? (float)Math.Log((double)computeNs[rank] / workUnits[rank]) : float.NaN;
        }
    }

    private void CompareWithPeers(int[] members)
    {
        int count = 0;
        foreach (int rank in members)
        {
            if (_ranks[rank] is { IsKnown: true, IsFlagged: false })
            {
                _scratch[count++] = _level[rank];
            }
        }

        if (count < DetectionParameters.MinimumPeers)
        {
            foreach (int rank in members)
            {
                _ranks[rank].IsKnown = false;
            }

            return;
        }

        float median = (float)OrderStatistics.Select(_scratch.AsSpan(0, count), count / 2);
        foreach (int rank in members)
        {
            _residual[rank] = _level[rank] - median;
        }
    }

    // What all have in common, and the histories that follow when it changes for good.
    private void FindCommonPart(long step, DetectionEvents sink)
    {
        int count = 0;
        for (int rank = 0; rank < _ranks.Length; rank++)
        {
            if (_ranks[rank] is { IsKnown: true, IsLearned: true, IsFlagged: false })
            {
                _scratch[count++] = _level[rank] - _ranks[rank].LevelCenter;
            }
        }

        _common = count > 0 ? (float)OrderStatistics.Select(_scratch.AsSpan(0, count), (count - 1) / 2) : 0;
        if (count == 0 || !_job.Add(_common + _followed, step, out LevelChange change))
        {
            return;
        }

        foreach (ref ScreenedRank state in _ranks.AsSpan())
        {
            state.LevelCenter += (float)change.Shift;
            state.ReferenceLevel += (float)change.Shift;
        }

        // The histories moved, the series that the changes are found in goes on.
        _followed += change.Shift;
        _common -= (float)change.Shift;
        if (Math.Abs(change.Shift) >= _effectMin)
        {
            sink.Add(new DetectionEvent
            {
                Kind = DetectionEventKind.CommonShiftDetected,
                Mode = DetectionMode.OwnHistory,
                OnsetStep = change.Step,
                ChangedAtStep = change.Step,
                RaisedAtStep = step,
                Slowdown = Math.Exp(change.Shift),
                OwnShift = change.Shift,
                Sigma = change.Sigma,
                Threshold = _effectMin,
                RanksCompared = count,
                RanksShifted = (count / 2) + 1,
            });
        }
    }

    private void Follow(int rank, ref ScreenedRank state, long step, DetectionEvents sink)
    {
        float residual = _residual[rank];
        float level = _level[rank] - (state.IsLearned ? _common : 0);
        state.Remember(residual, _level[rank]);
        if (state.IsFlagged)
        {
            if (!state.IsLearned)
            {
                LearnTakenOver(ref state);
                return;
            }

            JudgeRecovery(rank, ref state, step, sink);
            return;
        }

        float sigma = state.Sigma(_sigmaFloor);
        float clip = (float)_parameters.ClipZ;
        if (!state.IsLearned)
        {
            Learn(rank, ref state, residual, level, clip * Math.Max(sigma, _effectMin), step, sink);
            return;
        }

        float z = Math.Clamp((residual - state.ResidualCenter) / sigma, -clip, clip);
        AddToSums(ref state, z, step);
        state.DriftMean += DriftGain * Math.Clamp(residual - state.DriftMean, -clip * sigma, clip * sigma);
        state.LevelMean += DriftGain * Math.Clamp(_level[rank] - state.LevelMean, -clip * sigma, clip * sigma);
        bool isOver = state.CusumUp >= (float)_parameters.DecisionLimitZ;
        if (isOver && TryConfirm(rank, ref state, sigma, step, sink))
        {
            return;
        }

        // A growing sum keeps a step out of what is normal, long before it is a suspicion: averages forget nothing that they once took.
        float sum = Math.Max(state.CusumUp, state.CusumDown);
        if (Math.Abs(z) < clip && sum < AdmittedSum)
        {
            state.Refused = Math.Max(0, state.Refused - 1);
            state.Admit(residual, level, clip * sigma);
            if (state.Seen % StandingSteps == 0)
            {
                JudgeStanding(rank, ref state, step, sink);
            }
        }
        else if ((sum >= (float)_parameters.DecisionLimitZ || Math.Abs(z) >= clip) && ++state.Refused >= 2 * _parameters.WarmUpSteps)
        {
            // Lasting, and not worth a verdict: the new normal.
            state.BeginAnew();
        }
    }

    private void Learn(int rank, ref ScreenedRank state, float residual, float level, float clip, long step, DetectionEvents sink)
    {
        state.Admit(residual, level, clip);
        if (state.Seen < _parameters.WarmUpSteps)
        {
            return;
        }

        state.IsLearned = true;
        state.Kind = step < 2 * _parameters.WarmUpSteps ? VerdictKind.SlowFromStart : VerdictKind.SlowAgainstPeers;
        state.DriftMean = state.ResidualCenter;
        state.LevelMean = state.LevelCenter;
        state.ReferenceResidual = state.ResidualCenter;
        state.ReferenceLevel = state.LevelCenter;
        JudgeStanding(rank, ref state, step, sink);
    }

    /// <summary>After a few steps its history is what it would be had the rank been as much faster as it was accused of.</summary>
    private static void LearnTakenOver(ref ScreenedRank state)
    {
        if (++state.Seen == ScreenedRank.CheckSteps)
        {
            state.LevelCenter = state.RecentLevel() - state.AccusedResidual;
            state.IsLearned = true;
        }
    }

    private void JudgeStanding(int rank, ref ScreenedRank state, long step, DetectionEvents sink)
    {
        float sigma = state.Sigma(_sigmaFloor);
        int seen = Math.Min(state.Seen, ScreenedRank.MemorySteps);
        float error = (float)(MedianError * sigma / Math.Sqrt(seen));
        float threshold = Math.Max(Math.Max(_effectMin, sigma), (float)_parameters.Significance * error);
        if (state.ResidualCenter >= threshold && state.RecentResidual() >= _effectMin)
        {
            VerdictKind kind = state.Seen <= _parameters.WarmUpSteps ? state.Kind : VerdictKind.SlowAgainstPeers;
            Accuse(rank, ref state, kind, step - seen + 1, state.ResidualCenter, double.NaN, threshold, step, sink);
        }
    }

    private void AddToSums(ref ScreenedRank state, float z, long step)
    {
        float k = (float)_parameters.ReferenceZ;
        float ceiling = 2 * (float)_parameters.DecisionLimitZ;
        float up = state.CusumUp + z - k;
        state.OnsetStep = state.CusumUp > 0 ? state.OnsetStep : step;
        state.CusumUp = Math.Clamp(up, 0, ceiling);
        state.CusumDown = Math.Clamp(state.CusumDown - z - k, 0, ceiling);
    }

    private bool TryConfirm(int rank, ref ScreenedRank state, float sigma, long step, DetectionEvents sink)
    {
        double learned = 1.0 / Math.Min(state.Seen, ScreenedRank.MemorySteps);
        double error = MedianError * sigma * Math.Sqrt((1.0 / ScreenedRank.CheckSteps) + learned);
        double least = Math.Max(_effectMin, sigma);
        double threshold = Math.Max(least, _parameters.Significance * error);
        double residual = state.RecentResidual();
        double own = state.RecentLevel() - state.LevelCenter;
        if ((residual < threshold || own < least) && step - state.OnsetStep >= LongCheckSteps)
        {
            // What five steps of large noise can't show, the longer averages may.
            threshold = Math.Max(least, _parameters.Significance * sigma * Math.Sqrt((DriftGain / (2 - DriftGain)) + learned));
            residual = state.DriftMean;
            own = state.LevelMean - state.LevelCenter;
        }

        if (residual < threshold || own < least)
        {
            return false;
        }

        Accuse(rank, ref state, VerdictKind.PersistentSlowness, state.OnsetStep, residual, own, threshold, step, sink);
        return true;
    }

    private void Accuse(
        int rank, ref ScreenedRank state, VerdictKind kind, long onsetStep, double residual, double own, double threshold,
        long step, DetectionEvents sink)
    {
        double sigma = state.Sigma(_sigmaFloor);
        state.IsFlagged = true;
        state.Kind = kind;
        state.OnsetStep = onsetStep;
        state.RaisedAtStep = step;
        state.AccusedResidual = (float)residual;
        state.Calm = 0;
        state.CusumUp = state.CusumDown = 0;
        StragglingCount++;
        sink.Add(Event(DetectionEventKind.StragglerConfirmed, rank, in state, onsetStep, residual, own, sigma, threshold, step) with
        {
            Cause = double.IsNaN(own) || own >= CauseAttribution.ExplainedShare * residual ? Cause.Compute : Cause.Unknown,
            Confidence = VerdictConfidence.Of(residual, _effectMin, sigma, ScreenedRank.CheckSteps),
        });
    }

    private void JudgeRecovery(int rank, ref ScreenedRank state, long step, DetectionEvents sink)
    {
        double residual = state.RecentResidual();
        double sigma = state.Sigma(_sigmaFloor);
        double calmLevel = Math.Max(0.5 * _effectMin, Math.Min(sigma, 0.5 * state.AccusedResidual));
        bool isCalm = residual < calmLevel;
        state.CalmFromStep = isCalm && state.Calm == 0 ? step : state.CalmFromStep;
        state.Calm = isCalm ? state.Calm + 1 : 0;
        double noise = Math.Clamp(Math.Floor(sigma / _effectMin), 1, 5);
        if (state.Calm < ScreenedRank.CheckSteps + (_parameters.RecoveryMarginSteps * noise))
        {
            return;
        }

        state.IsFlagged = false;
        StragglingCount--;
        double own = state.RecentLevel() - state.LevelCenter;
        sink.Add(Event(DetectionEventKind.StragglerRecovered, rank, in state, state.CalmFromStep, residual, own, sigma, calmLevel, step));
        if (state.Kind != VerdictKind.PersistentSlowness || state.IsTakenOver)
        {
            state.IsTakenOver = false;
            state.BeginAnew();
        }
    }

    private DetectionEvent Event(
        DetectionEventKind kind, int rank, in ScreenedRank state, long changedAtStep, double residual, double own, double sigma,
        double threshold, long step) => new()
        {
            Kind = kind,
            Rank = new Rank(rank),
            Verdict = state.Kind,
            Mode = DetectionMode.Peers,
            OnsetStep = state.OnsetStep,
            ChangedAtStep = changedAtStep,
            RaisedAtStep = step,
            Slowdown = Math.Exp(residual),
            Residual = residual,
            OwnShift = own,
            Sigma = sigma,
            Threshold = threshold,
            RanksCompared = _ranks.Length,
        };
}
