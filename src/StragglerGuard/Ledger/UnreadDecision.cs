using StragglerGuard.Core;

namespace StragglerGuard.Ledger;

/// <summary>
/// A decision that this program can't read: of a kind or a version that it doesn't know. It is kept and shown as it was written; appended
/// to another ledger it is the same again.
/// </summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">Its membership.</param>
/// <param name="Step">The last step that the decision knew of.</param>
/// <param name="Kind">Of which kind it calls itself.</param>
/// <param name="Version">Of that kind's format.</param>
/// <param name="Payload">As it was written.</param>
/// <param name="Reason">Its own reason where it has one, and why it can't be read.</param>
public sealed record UnreadDecision(
    JobId Job, Generation Generation, long Step, string Kind, int Version, string Payload, string Reason)
    : LedgerDecision(Job, Generation, Step, Reason);
