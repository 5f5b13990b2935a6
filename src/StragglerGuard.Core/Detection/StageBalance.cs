using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Detection;

/// <summary>Compares the pipeline stages with each other: one that always needs longer was given too many layers.</summary>
/// <remarks>
/// A stage's level is the median of its ranks' levels per device class, averaged over <see cref="WindowSteps"/> steps. No rank is accused:
/// all of the stage are alike. Where one class serves fewer than three stages nothing can be said of it.
/// </remarks>
internal sealed class StageBalance
{
    /// <summary>Steps of one average.</summary>
    public const int WindowSteps = 32;

    private const int StagesMin = 3;

    private readonly StageGroup[] _stages;
    private readonly double[] _scratch;
    private readonly double[] _others;
    private readonly double _effectMin;
    private int _steps;

    public StageBalance(IReadOnlyList<RankCohort> cohorts, double effectMin, double[] scratch)
    {
        _effectMin = effectMin;
        _scratch = scratch;
        _stages = [.. Enumerable.Range(0, cohorts.Count)
            .GroupBy(rank => cohorts[rank])
            .OrderBy(group => group.Key.Stage)
            .Select(group => new StageGroup(group.Key, [.. group]))];
        _others = new double[_stages.Length];
    }

    /// <summary>Whether there are stages to compare.</summary>
    public bool IsUseful => _stages.Length >= StagesMin;

    /// <summary>Takes a step.</summary>
    public void Add(IRankScreen screen, long step, DetectionEvents sink)
    {
        foreach (StageGroup stage in _stages)
        {
            int count = 0;
            foreach (int rank in stage.Ranks)
            {
                if (screen.IsKnown(rank) && !screen.IsFlagged(rank))
                {
                    _scratch[count++] = screen.LevelOf(rank);
                }
            }

            if (count > 0)
            {
                stage.Seen++;
                stage.Mean += (OrderStatistics.Median(_scratch.AsSpan(0, count)) - stage.Mean) / stage.Seen;
            }
        }

        if (++_steps < WindowSteps)
        {
            return;
        }

        _steps = 0;
        foreach (StageGroup stage in _stages)
        {
            Judge(stage, step, sink);
        }

        foreach (StageGroup stage in _stages)
        {
            stage.Seen = 0;
            stage.Mean = 0;
        }
    }

    private void Judge(StageGroup stage, long step, DetectionEvents sink)
    {
        int count = 0;
        foreach (StageGroup other in _stages)
        {
            if (other != stage && other.Cohort.DeviceClass == stage.Cohort.DeviceClass && 2 * other.Seen > WindowSteps)
            {
                _others[count++] = other.Mean;
            }
        }

        if (count < StagesMin - 1 || 2 * stage.Seen <= WindowSteps)
        {
            return;
        }

        double excess = stage.Mean - OrderStatistics.Median(_others.AsSpan(0, count));
        bool isRaised = !stage.IsTold && excess >= _effectMin;
        bool isCleared = stage.IsTold && excess < 0.5 * _effectMin;
        if (!isRaised && !isCleared)
        {
            return;
        }

        stage.IsTold = isRaised;
        stage.OnsetStep = isRaised ? Math.Max(0, step - WindowSteps + 1) : stage.OnsetStep;
        sink.Add(new DetectionEvent
        {
            Kind = isRaised ? DetectionEventKind.FindingRaised : DetectionEventKind.FindingCleared,
            Verdict = VerdictKind.StageImbalance,
            Stage = stage.Cohort.Stage,
            OnsetStep = stage.OnsetStep,
            ChangedAtStep = Math.Max(0, step - WindowSteps + 1),
            RaisedAtStep = step,
            Slowdown = Math.Exp(excess),
            Residual = excess,
            OwnShift = double.NaN,
            Sigma = DetectionParameters.Peers.SigmaFloor,
            Threshold = _effectMin,
            RanksCompared = count,
            Cause = Cause.StagePartition,
            Confidence = isRaised
                ? Attribution.VerdictConfidence.Of(excess, _effectMin, DetectionParameters.Peers.SigmaFloor, WindowSteps)
                : 0,
        });
    }

    private sealed class StageGroup(RankCohort cohort, int[] ranks)
    {
        public RankCohort Cohort { get; } = cohort;

        public int[] Ranks { get; } = ranks;

        public int Seen { get; set; }

        public double Mean { get; set; }

        public bool IsTold { get; set; }

        public long OnsetStep { get; set; }
    }
}
