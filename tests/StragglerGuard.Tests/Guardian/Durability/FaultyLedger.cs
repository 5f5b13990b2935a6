using StragglerGuard.Core;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>A ledger in memory whose appends and claims fail as the test says.</summary>
internal sealed class FaultyLedger : IDecisionLedger
{
    private readonly InMemoryLedger _entries = new();

    /// <summary>Before an append; throws where it is to fail.</summary>
    public Action<LedgerDecision> OnAppend { get; set; } = _ => { };

    /// <summary>Before a new claim; throws where it is to fail.</summary>
    public Action OnReclaim { get; set; } = () => { };

    public int Reclaims { get; private set; }

    public long LastSequence => _entries.LastSequence;

    public AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision)
    {
        OnAppend(decision);
        return _entries.Append(expectedSequence, at, decision);
    }

    public IReadOnlyList<LedgerEntry> Read(long fromSequence = 1, int entriesMax = int.MaxValue) => _entries.Read(fromSequence, entriesMax);

    public IReadOnlyList<LedgerEntry> ReadJob(JobId job) => _entries.ReadJob(job);

    public void Reclaim()
    {
        Reclaims++;
        OnReclaim();
    }
}
