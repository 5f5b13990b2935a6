using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Detection;

/// <summary>Finds ranks that are late for want of input: the slowness detector once more, on compute and wait for input together.</summary>
/// <remarks>What it finds counts only where the wait makes up half of it or more. The rest is the rank's own compute, which has its own
/// detector.</remarks>
internal sealed class InputWaitJudge
{
    private readonly SlownessDetector _detector;
    private readonly DetectionEvents _found = new(64);
    private readonly bool[] _isAccused;

    public InputWaitJudge(IReadOnlyList<RankCohort> cohorts, double minimumEffect)
    {
        _detector = new SlownessDetector(cohorts, minimumEffect, priors: null, includesInput: true);
        _isAccused = new bool[cohorts.Count];
    }

    /// <summary>Ranks accused of waiting for input.</summary>
    public int StragglingCount { get; private set; }

    /// <summary>Goes on with a verdict that another judge raised: before the first step.</summary>
    public void TakeOver(Verdict verdict)
    {
        int rank = verdict.Rank!.Value.Value;
        _detector.TakeOver(verdict);
        StragglingCount += _isAccused[rank] ? 0 : 1;
        _isAccused[rank] = true;
    }

    public void Update(StepFrame frame, IRankScreen compute, DetectionEvents sink)
    {
        _found.Clear();
        _detector.Update(frame, _found);
        foreach (DetectionEvent found in _found)
        {
            if (found.Kind == DetectionEventKind.StragglerConfirmed)
            {
                Accuse(in found, compute, sink);
            }
            else if (found.Kind == DetectionEventKind.StragglerRecovered)
            {
                Clear(in found, sink);
            }
        }
    }

    private void Accuse(in DetectionEvent found, IRankScreen compute, DetectionEvents sink)
    {
        int rank = found.Rank!.Value.Value;
        double ownCompute = compute.IsKnown(rank) ? compute.RecentResidualOf(rank) : 0;
        if (!compute.IsFlagged(rank) && found.Residual - ownCompute >= CauseAttribution.ExplainedShare * found.Residual)
        {
            _isAccused[rank] = true;
            StragglingCount++;
            sink.Add(found with { Cause = Cause.Input });
        }
    }

    private void Clear(in DetectionEvent found, DetectionEvents sink)
    {
        int rank = found.Rank!.Value.Value;
        if (_isAccused[rank])
        {
            _isAccused[rank] = false;
            StragglingCount--;
            sink.Add(found with { Cause = Cause.Input });
        }
    }
}
