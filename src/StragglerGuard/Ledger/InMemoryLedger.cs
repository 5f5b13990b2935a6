namespace StragglerGuard.Ledger;

/// <summary>A ledger that lasts as long as its process: for one guardian whose decisions need not outlive the job.</summary>
/// <remarks>
/// It keeps every entry, some hundred bytes each, for a state is a fold over all of them. Decisions are rare: a job in trouble makes some
/// hundred a day. What runs for months has a file (<see cref="SqliteLedger"/>).
/// </remarks>
public sealed class InMemoryLedger : IDecisionLedger
{
    private readonly Lock _gate = new();
    private readonly List<LedgerEntry> _entries = [];

    /// <inheritdoc/>
    public long LastSequence
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    /// <inheritdoc/>
    public AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision)
    {
        AppendArguments.Check(expectedSequence, decision);
        lock (_gate)
        {
            if (expectedSequence != _entries.Count + 1)
            {
                return new AppendOutcome(Appended: false, _entries.Count);
            }

            _entries.Add(new LedgerEntry(expectedSequence, at, decision));
            return new AppendOutcome(Appended: true, expectedSequence);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<LedgerEntry> Read(long fromSequence = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromSequence, 1);
        lock (_gate)
        {
            return [.. _entries.Skip((int)Math.Min(fromSequence - 1, int.MaxValue))];
        }
    }
}
