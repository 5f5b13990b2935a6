using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Detection;

/// <summary>A job of which one series is known: every lasting change of it, and whether it is slow now against its best level.</summary>
internal sealed class SingleSeriesJudge(double effectMin)
{
    // Levels younger than this are no yardstick: a job that hurries for a few steps was not healthy then.
    private static readonly int LevelStepsMin = DetectionParameters.SingleSeries.WarmUpSteps;

    private readonly SeriesChangeDetector _changes = new();
    private readonly SpikeWatch _spikes = new();
    private double _bestLevel = double.NaN;
    private long _onsetStep;
    private long _raisedAtStep;
    private bool _isSlow;

    /// <summary>The series as it stands.</summary>
    public RankStanding State => new(
        !_changes.IsLearned ? RankHealth.Learning : RankHealth.Healthy,
        DetectionMode.OwnHistory,
        double.IsNaN(_bestLevel) || !_changes.IsLearned ? double.NaN : Math.Exp(_changes.RecentMedian() - _bestLevel),
        _changes.IsLearned ? _changes.Sigma : DetectionParameters.SingleSeries.SigmaFloor,
        _isSlow ? _onsetStep : null,
        _isSlow ? _raisedAtStep : null);

    public void Update(StepFrame frame, DetectionEvents sink)
    {
        if (!frame.Present[0] || frame.ComputeNs[0] <= 0 || frame.WorkUnits[0] <= 0)
        {
            return;
        }

        double value = Math.Log(((double)frame.ComputeNs[0] + frame.DataWaitNs[0]) / frame.WorkUnits[0]);
        if (_changes.IsLearned && _changes.LevelSteps >= LevelStepsMin)
        {
            _bestLevel = double.IsNaN(_bestLevel) ? _changes.Level : Math.Min(_bestLevel, _changes.Level);
        }

        double before = _changes.Level;
        bool wasLearned = _changes.IsLearned;
        if (_changes.Add(value, frame.Step, out LevelChange change))
        {
            _spikes.Restart();
            sink.Add(Event(DetectionEventKind.JobLevelChanged, in change, change.Shift) with { OnsetStep = change.Step });
            JudgeSlowness(in change, sink);
        }
        else if (wasLearned && _spikes.Add(value - before, _changes.Sigma, 0, frame.Step, out DetectionEvent spike))
        {
            sink.Add(spike);
        }
    }

    private void JudgeSlowness(in LevelChange change, DetectionEvents sink)
    {
        double excess = _changes.Level - (double.IsNaN(_bestLevel) ? _changes.Level - change.Shift : _bestLevel);
        bool isSlow = _isSlow ? excess >= 0.5 * effectMin : excess >= effectMin;
        if (isSlow == _isSlow)
        {
            return;
        }

        _isSlow = isSlow;
        if (isSlow)
        {
            _onsetStep = change.Step;
            _raisedAtStep = change.RaisedAtStep;
        }

        sink.Add(Event(isSlow ? DetectionEventKind.FindingRaised : DetectionEventKind.FindingCleared, in change, excess) with
        {
            Verdict = VerdictKind.GroupSlowdown,
            Confidence = isSlow ? VerdictConfidence.Of(excess, effectMin, change.Sigma, DetectionParameters.SingleSeries.CheckSteps) : 0,
        });
    }

    private DetectionEvent Event(DetectionEventKind kind, in LevelChange change, double effect) => new()
    {
        Kind = kind,
        Mode = DetectionMode.OwnHistory,
        OnsetStep = _onsetStep,
        ChangedAtStep = change.Step,
        RaisedAtStep = change.RaisedAtStep,
        Slowdown = Math.Exp(effect),
        Residual = effect,
        OwnShift = change.Shift,
        Sigma = change.Sigma,
        Threshold = change.Threshold,
        Cause = Cause.Unknown,
    };
}
