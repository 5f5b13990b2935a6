using StragglerGuard.Core;

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
    private readonly Dictionary<JobId, List<LedgerEntry>> _ofJobs = [];

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

            var entry = new LedgerEntry(expectedSequence, at, decision);
            _entries.Add(entry);
            if (!_ofJobs.TryGetValue(decision.Job, out List<LedgerEntry>? ofJob))
            {
                _ofJobs.Add(decision.Job, ofJob = []);
            }

            ofJob.Add(entry);
            return new AppendOutcome(Appended: true, expectedSequence);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<LedgerEntry> Read(long fromSequence = 1, int entriesMax = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromSequence, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(entriesMax, 1);
        lock (_gate)
        {
            int from = (int)Math.Min(fromSequence - 1, _entries.Count);
            return _entries.GetRange(from, Math.Min(entriesMax, _entries.Count - from));
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<LedgerEntry> ReadJob(JobId job)
    {
        AppendArguments.Check(job);
        lock (_gate)
        {
            return _ofJobs.TryGetValue(job, out List<LedgerEntry>? ofJob) ? [.. ofJob] : [];
        }
    }
}
