using StragglerGuard.Core;
using StragglerGuard.Core.Detection;

namespace StragglerGuard.Guardian;

/// <summary>The changes of a generation: every onset and every recovery of a rank, and of a job of one series every change of
/// level.</summary>
internal sealed class ChangeBook
{
    private const int ChangesKept = 4_096;

    private readonly Queue<JobChange> _seen = [];

    /// <summary>Oldest first; the last 4,096.</summary>
    public IReadOnlyList<JobChange> Seen => [.. _seen];

    public void Onset(Verdict verdict) =>
        Add(new JobChange(verdict.Rank, verdict.OnsetStep, verdict.RaisedAtStep, verdict.Slowdown));

    /// <summary>A rank that was slow came back: the ratio is of what it takes now to what it took, as far as it was slow.</summary>
    public void Recovery(Rank rank, long fromStep, long raisedAtStep, double slowdown)
    {
        JobChange? onset = null;
        foreach (JobChange change in _seen)
        {
            onset = change.Rank == rank && change.Ratio > 1 ? change : onset;
        }

        Add(new JobChange(rank, fromStep, raisedAtStep, slowdown / (onset?.Ratio ?? slowdown)));
    }

    public void Level(in DetectionEvent changed) => Add(new JobChange(null, changed.ChangedAtStep, changed.RaisedAtStep, changed.Slowdown));

    private void Add(JobChange change)
    {
        if (_seen.Count == ChangesKept)
        {
            _seen.Dequeue();
        }

        _seen.Enqueue(change);
    }
}
