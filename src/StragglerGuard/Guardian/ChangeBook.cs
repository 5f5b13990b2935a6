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

    public void Onset(in DetectionEvent confirmed) =>
        Add(new JobChange(confirmed.Rank, confirmed.OnsetStep, confirmed.RaisedAtStep, confirmed.Slowdown));

    /// <summary>A rank that was slow came back: the ratio is of what it takes now to what it took, as far as it was slow.</summary>
    public void Recovery(in DetectionEvent recovered)
    {
        JobChange? onset = null;
        foreach (JobChange change in _seen)
        {
            onset = change.Rank == recovered.Rank && change.Ratio > 1 ? change : onset;
        }

        Add(new JobChange(
            recovered.Rank, recovered.ChangedAtStep, recovered.RaisedAtStep, recovered.Slowdown / (onset?.Ratio ?? recovered.Slowdown)));
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
