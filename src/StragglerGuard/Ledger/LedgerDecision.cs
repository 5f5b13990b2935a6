using System.Text.Json.Serialization;
using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Ledger;

/// <summary>One decision about a job, with its reason.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="Reason">In words, with the numbers.</param>
public abstract record LedgerDecision(JobId Job, Generation Generation, long Step, string Reason);

/// <summary>A rank was found slow.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="Verdict">Who, since when, how much, why.</param>
public sealed record StragglerFound(JobId Job, Generation Generation, long Step, Verdict Verdict)
    : LedgerDecision(Job, Generation, Step, Verdict.Reason);

/// <summary>A rank that was slow is no longer.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="Rank">Who.</param>
/// <param name="Reason">In words, with the numbers.</param>
public sealed record StragglerCleared(JobId Job, Generation Generation, long Step, Rank Rank, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason)
{
    /// <summary>The first step at which it was so no longer; null in what older programs wrote.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? FromStep { get; init; }

    /// <summary>Time for a unit of work over what the rank was compared with, since then; null in what older programs wrote.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Slowdown { get; init; }
}

/// <summary>
/// A number given up on purpose: as an epoch it could not be told from the one in force in a ballot, being the same modulo 256, or it is
/// no newer than the one in force, since the ledger was begun anew under a running job.
/// </summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="Reason">In words.</param>
public sealed record NumberSkipped(JobId Job, Generation Generation, long Step, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason);

/// <summary>So many ranks changed alike that the cause is common: nobody is accused.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="Reason">In words, with the numbers.</param>
public sealed record CommonShiftSeen(JobId Job, Generation Generation, long Step, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason);
