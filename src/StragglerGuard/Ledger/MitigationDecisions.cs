using System.Text.Json.Serialization;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;

namespace StragglerGuard.Ledger;

/// <summary>A new plan was decided. Its epoch is the number of this entry.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership now; the plan's own is the next one where it changes the membership.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Plan">The plan.</param>
/// <param name="PredictedStepSeconds">Predicted time of a step under it, s; NaN where nothing is predicted.</param>
/// <param name="PredictedGain">Predicted throughput over that under the plan before, 1 for no change; NaN where nothing is predicted.</param>
/// <param name="Reason">In words, with the numbers.</param>
public sealed record PlanDecided(
    JobId Job, Generation Generation, long Step, MitigationKind Kind, JobPlan Plan, double PredictedStepSeconds, double PredictedGain,
    string Reason)
    : LedgerDecision(Job, Generation, Step, Reason)
{
    private readonly IReadOnlyList<WorkerMove>? _moves;

    /// <summary>Who leaves the job or comes back with the plan, by slot; empty where the membership stays.</summary>
    public IReadOnlyList<WorkerMove> Moves
    {
        get => _moves ?? [];
        init => _moves = value;
    }

    /// <summary>Compares the moves one by one.</summary>
    public bool Equals(PlanDecided? other) =>
        base.Equals(other) && Kind == other.Kind && Plan.Equals(other.Plan) && PredictedStepSeconds.Equals(other.PredictedStepSeconds)
        && PredictedGain.Equals(other.PredictedGain) && Moves.SequenceEqual(other.Moves);

    /// <inheritdoc/>
    public override int GetHashCode() =>
        HashCode.Combine(base.GetHashCode(), Kind, Plan, PredictedStepSeconds, PredictedGain, Moves.Count);
}

/// <summary>A worker's way out of a job, or back into it.</summary>
/// <param name="Replica">The slot that it leaves or takes: the plan's shares say which.</param>
/// <param name="Worker">Who.</param>
/// <param name="Pool">The pool that it goes to or comes from.</param>
public sealed record WorkerMove(int Replica, WorkerId Worker, string Pool);

/// <summary>All ranks have switched to a plan.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership under the plan.</param>
/// <param name="Step">The first step under it, or, where that is not known, the first one seen.</param>
/// <param name="Epoch">Which plan.</param>
/// <param name="Reason">In words.</param>
public sealed record PlanInForce(JobId Job, Generation Generation, long Step, PlanEpoch Epoch, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason)
{
    /// <summary>Whether no guardian saw the switch, so that earlier steps may have been under it, too.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsAtLatest { get; init; }
}

/// <summary>What a plan promised was held against what it brought.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that was counted.</param>
/// <param name="Epoch">Which plan.</param>
/// <param name="Kind">What it does.</param>
/// <param name="PredictedGain">As in <see cref="PlanDecided"/>.</param>
/// <param name="RealisedGain">Measured throughput over that under the plan before, 1 for no change; NaN where it can't be told.</param>
/// <param name="RolledBack">Whether it is undone, and its kind rests.</param>
/// <param name="Reason">In words, with the numbers.</param>
public sealed record PlanGraded(
    JobId Job, Generation Generation, long Step, PlanEpoch Epoch, MitigationKind Kind, double PredictedGain, double RealisedGain,
    bool RolledBack, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason)
{
    /// <summary>
    /// Whether plans of its kind rest for a while, as they don't keep what is predicted for them: also where it stays, since it wins, but less than it
    /// should. What is rolled back rests whatever this says.
    /// </summary>
    public bool KindRests { get; init; }
}

/// <summary>Something that could be done was not; one entry a reason, not one a step.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="Kind">What was not done.</param>
/// <param name="Reason">Why, in words, with the numbers.</param>
public sealed record MitigationRefused(JobId Job, Generation Generation, long Step, MitigationKind Kind, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason)
{
    /// <summary>Why, for a program; null in what older programs wrote.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RefusalCause? Cause { get; init; }

    /// <summary>The slot whose worker waits to come back, where that is what is refused; else null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Waiting { get; init; }
}

/// <summary>Something that the guardian would have decided, had it been allowed to act.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="Kind">What it would have done.</param>
/// <param name="Shares">Micro-batches of each slot, or <see cref="JobPlan.NotMember"/>.</param>
/// <param name="Reason">In words, with the numbers.</param>
public sealed record MitigationAdvised(
    JobId Job, Generation Generation, long Step, MitigationKind Kind, IReadOnlyList<int> Shares, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason)
{
    /// <summary>Compares the shares one by one.</summary>
    public bool Equals(MitigationAdvised? other) => base.Equals(other) && Kind == other.Kind && Shares.SequenceEqual(other.Shares);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(base.GetHashCode(), Kind, Shares.Count);
}

/// <summary>What the guardian may do for the job was changed.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The first step whose frame is judged under the mode.</param>
/// <param name="Mode">Observe, advise or act.</param>
/// <param name="Reason">Who or what changed it.</param>
public sealed record ModeChanged(JobId Job, Generation Generation, long Step, PolicyMode Mode, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason);

/// <summary>A guardian is in charge of the job from here on: the first one, or another after a restart or a failure.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that it knew of.</param>
/// <param name="Guardian">Which one: process and machine.</param>
/// <param name="Reason">In words.</param>
public sealed record GuardianTookOver(JobId Job, Generation Generation, long Step, string Guardian, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason);
