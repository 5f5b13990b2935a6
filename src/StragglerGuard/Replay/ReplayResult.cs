using StragglerGuard.Core.Detection;
using StragglerGuard.Guardian;

namespace StragglerGuard.Replay;

/// <summary>A verdict as it would have been raised.</summary>
/// <param name="Rank">The rank's number in the recording; null where it concerns the whole job.</param>
/// <param name="Step">First step at which it was true.</param>
/// <param name="RaisedAtStep">The step after which it would have been raised.</param>
/// <param name="Kind">In which way.</param>
/// <param name="Slowdown">Time per unit of work over what it would be were all well.</param>
/// <param name="Cause">Why, as far as the evidence says.</param>
/// <param name="Confidence">How sure it is, 0 … 1; null where it is not judged.</param>
/// <param name="Reason">The same in words, with the numbers.</param>
public sealed record ReplayedVerdict(
    int? Rank, long Step, long RaisedAtStep, VerdictKind Kind, double Slowdown, Cause Cause, double? Confidence, string Reason);

/// <summary>An onset or a recovery.</summary>
/// <param name="Rank">The rank's number in the recording; null where the whole job changed.</param>
/// <param name="Step">First step of the change.</param>
/// <param name="RaisedAtStep">The step after which it was certain.</param>
/// <param name="Ratio">Time per unit of work after over before: above 1 for an onset, below for a recovery.</param>
public sealed record ReplayedChange(int? Rank, long Step, long RaisedAtStep, double Ratio);

/// <summary>What the guard would have said of a recorded job.</summary>
/// <param name="Verdicts">Oldest first.</param>
/// <param name="Changes">Every onset and every recovery, oldest first.</param>
/// <param name="Status">What the guard knew after the last step; ranks are numbered by their place in <see cref="RecordedJob.Ranks"/>.</param>
/// <param name="Summary">One paragraph in words.</param>
public sealed record ReplayResult(
    IReadOnlyList<ReplayedVerdict> Verdicts, IReadOnlyList<ReplayedChange> Changes, JobStatus Status, string Summary);
