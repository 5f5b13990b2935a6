using StragglerGuard.Core;

namespace StragglerGuard.Ledger;

/// <summary>A worker leaves the job for a pool. Written with the plan that lets it go.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">The last membership that it is in.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="Worker">Who.</param>
/// <param name="Replica">The slot that it leaves.</param>
/// <param name="Pool">The pool that it goes to.</param>
/// <param name="Reason">In words, with the numbers.</param>
public sealed record WorkerEvicted(
    JobId Job, Generation Generation, long Step, WorkerId Worker, int Replica, string Pool, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason);

/// <summary>A worker that had left comes back to the job.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">The last membership that it is not in.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="Worker">Who.</param>
/// <param name="Replica">The slot that it takes.</param>
/// <param name="Pool">The pool that it comes from.</param>
/// <param name="Reason">In words, with the numbers.</param>
public sealed record WorkerReadmitted(
    JobId Job, Generation Generation, long Step, WorkerId Worker, int Replica, string Pool, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason);

/// <summary>A rank makes no progress and can't vote: the generation is to be ended and another begun without it.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that the rank is known to have done.</param>
/// <param name="Rank">Who, in that generation.</param>
/// <param name="Reason">In words, with the numbers.</param>
public sealed record HangFound(JobId Job, Generation Generation, long Step, Rank Rank, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason);

/// <summary>What is asked of the scheduler for a node.</summary>
public enum ActuationKind
{
    /// <summary>Give it no new work.</summary>
    Drain = 0,

    /// <summary>Put it into another pool.</summary>
    MoveToPool = 1,

    /// <summary>Let it work again.</summary>
    Readmit = 2,
}

/// <summary>Something is to be done to a node outside of the job. Due until an <see cref="ActuationDone"/> of the same key.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="ActionKey">Names the action, so that doing it again changes nothing more.</param>
/// <param name="Kind">What.</param>
/// <param name="Node">To which node.</param>
/// <param name="Pool">To which pool; null where it stays.</param>
/// <param name="Reason">In words.</param>
public sealed record ActuationRequested(
    JobId Job, Generation Generation, long Step, string ActionKey, ActuationKind Kind, string Node, string? Pool, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason);

/// <summary>An action came to its end.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that was known then.</param>
/// <param name="ActionKey">Which, see <see cref="ActuationRequested"/>.</param>
/// <param name="Succeeded">Whether it is so now; otherwise it was given up.</param>
/// <param name="Reason">In words.</param>
public sealed record ActuationDone(JobId Job, Generation Generation, long Step, string ActionKey, bool Succeeded, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason);
