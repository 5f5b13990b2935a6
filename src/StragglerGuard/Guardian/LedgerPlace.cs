using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>
/// How far this guardian knows the ledger. It appends right behind the last entry that it knows, never behind one that it has not
/// read: so of two guardians that decide on the same knowledge one comes too late, and learns what the other decided.
/// </summary>
/// <param name="ledger">Where decisions are kept.</param>
/// <param name="learn">Told of every entry that another guardian wrote, in order.</param>
internal sealed class LedgerPlace(IDecisionLedger ledger, Action<LedgerEntry> learn)
{
    private long _known;

    /// <summary>Reads what others have written since.</summary>
    /// <returns>Whether there was anything.</returns>
    public bool CatchUp()
    {
        long before = _known;
        foreach (LedgerEntry entry in ledger.Read(_known + 1))
        {
            _known = entry.Sequence;
            learn(entry);
        }

        return _known > before;
    }

    /// <summary>
    /// Writes a decision under the next number. A plan takes that number as its epoch, so a number that no vote could tell from the
    /// epoch in force is given up first.
    /// </summary>
    /// <param name="decide">From the number to the decision; null where the decision no longer stands.</param>
    /// <param name="at">The wall clock.</param>
    /// <param name="written">Told of every entry that stands.</param>
    /// <returns>
    /// The decision's entry; null where it does not stand. Where another guardian was faster a plan does not: it rested on what is no longer the newest
    /// knowledge, and the next step decides anew. A finding does, under a later number.
    /// </returns>
    public LedgerEntry? Commit(Func<long, LedgerDecision?> decide, DateTimeOffset at, Action<LedgerEntry> written)
    {
        while (true)
        {
            long sequence = _known + 1;
            LedgerDecision? decision = decide(sequence);
            if (decision is null)
            {
                return null;
            }

            if (ledger.Append(sequence, at, decision).Appended)
            {
                _known = sequence;
                var entry = new LedgerEntry(sequence, at, decision);
                written(entry);
                if (decision is not NumberSkipped)
                {
                    return entry;
                }
            }
            else if (!CatchUp() || decision is PlanDecided or MitigationAdvised or NumberSkipped)
            {
                return null;
            }
        }
    }
}
