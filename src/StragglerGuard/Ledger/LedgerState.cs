using System.Globalization;
using StragglerGuard.Core;

namespace StragglerGuard.Ledger;

/// <summary>
/// What the ledger's entries come to: a fold over them, which reads no clock and asks nobody, so that every guardian that reads the same
/// entries knows the same. For one thread at a time.
/// </summary>
public sealed class LedgerState
{
    private readonly Dictionary<JobId, JobLedgerState> _jobs = [];

    /// <summary>The number of the last entry that was folded in; 0 before the first.</summary>
    public long LastSequence { get; private set; }

    /// <summary>All jobs that any entry is about.</summary>
    public IReadOnlyDictionary<JobId, JobLedgerState> Jobs => _jobs;

    /// <summary>Folds entries from the first on.</summary>
    /// <exception cref="ArgumentException">One is not the next one.</exception>
    public static LedgerState Of(IEnumerable<LedgerEntry> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var state = new LedgerState();
        foreach (LedgerEntry entry in entries)
        {
            state.Apply(entry);
        }

        return state;
    }

    /// <summary>Folds in the next entry.</summary>
    /// <param name="entry">Number <see cref="LastSequence"/> + 1.</param>
    /// <exception cref="ArgumentException">It is not the next one.</exception>
    public void Apply(LedgerEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (entry.Sequence != LastSequence + 1)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"Entry {entry.Sequence} does not follow entry {LastSequence}."), nameof(entry));
        }

        if (!_jobs.TryGetValue(entry.Decision.Job, out JobLedgerState? job))
        {
            job = new JobLedgerState(entry.Decision.Job);
            _jobs.Add(entry.Decision.Job, job);
        }

        LastSequence = entry.Sequence;
        job.Apply(entry);
    }

    /// <summary>What is known of a job; null where no entry is about it.</summary>
    public JobLedgerState? Find(JobId job) => _jobs.GetValueOrDefault(job);

    /// <summary>Says whether entries are lost: an agent or an actuator has seen a number that the ledger never reached.</summary>
    /// <param name="seenSequence">The number that was seen, such as the epoch of a plan that a rank holds.</param>
    /// <returns>What is lost and what it may mean, in words; null where nothing is.</returns>
    public string? FindLost(long seenSequence)
    {
        if (seenSequence <= LastSequence)
        {
            return null;
        }

        string lost = seenSequence == LastSequence + 1
            ? string.Create(CultureInfo.InvariantCulture, $"entry {seenSequence} is lost")
            : string.Create(CultureInfo.InvariantCulture, $"entries {LastSequence + 1} to {seenSequence}, or some of them, are lost");
        string end = LastSequence == 0
            ? "is empty"
            : string.Create(CultureInfo.InvariantCulture, $"ends at entry {LastSequence}");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"Entry {seenSequence} was seen outside of the ledger, which {end}: {lost}. It was begun anew, or an older copy was put back; what those entries decided may have been done.");
    }
}
