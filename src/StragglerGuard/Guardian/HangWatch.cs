using StragglerGuard.Core;
using StragglerGuard.Core.Detection;

namespace StragglerGuard.Guardian;

/// <summary>Looks at the guardian's own clock for ranks that make no progress: the only part of judging that time alone moves on.</summary>
internal sealed class HangWatch
{
    private readonly ProgressWatch _progress;
    private readonly long[] _newestStep;
    private readonly DetectionEvents _found = new();

    public HangWatch(int ranks)
    {
        _progress = new ProgressWatch(ranks);
        _newestStep = new long[ranks];
        Array.Fill(_newestStep, -1);
    }

    /// <summary>Notes a record.</summary>
    public void Note(Rank rank, long step) => _newestStep[rank.Value] = Math.Max(_newestStep[rank.Value], step);

    /// <summary>Takes what was noted since the last look as heard now, and finds who is overdue.</summary>
    /// <param name="nowNs">The guardian's monotonic clock.</param>
    /// <param name="pausedNs">How long the guardian itself was away since the last look, ns; 0 where it was not.</param>
    /// <param name="verdicts">Told of what is found.</param>
    public void Look(long nowNs, long pausedNs, VerdictBook verdicts)
    {
        _found.Clear();
        for (int rank = 0; rank < _newestStep.Length; rank++)
        {
            _progress.Heard(new Rank(rank), _newestStep[rank], nowNs);
        }

        if (pausedNs > 0)
        {
            _progress.ObserverPaused(pausedNs, _found);
        }

        _progress.Check(nowNs, _found);
        foreach (DetectionEvent found in _found)
        {
            if (found.Kind == DetectionEventKind.FindingRaised)
            {
                verdicts.Raise(VerdictWriter.Write(in found, default(RankCohort)));
            }
        }
    }
}
