using StragglerGuard.Core;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian;

/// <summary>A ledger in which, before the first decision of a kind is appended, another guardian is faster.</summary>
/// <param name="isContested">Which decision the other one forestalls.</param>
/// <param name="theOthers">What that one writes under the number.</param>
internal sealed class ContestedLedger(Func<LedgerDecision, bool> isContested, Func<long, LedgerDecision> theOthers) : IDecisionLedger
{
    private readonly InMemoryLedger _entries = new();
    private bool _done;

    public long LastSequence => _entries.LastSequence;

    public AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision)
    {
        if (!_done && isContested(decision))
        {
            _done = true;
            _entries.Append(_entries.LastSequence + 1, at, theOthers(_entries.LastSequence + 1));
        }

        return _entries.Append(expectedSequence, at, decision);
    }

    public IReadOnlyList<LedgerEntry> Read(long fromSequence = 1, int entriesMax = int.MaxValue) => _entries.Read(fromSequence, entriesMax);

    public IReadOnlyList<LedgerEntry> ReadJob(JobId job) => _entries.ReadJob(job);
}
