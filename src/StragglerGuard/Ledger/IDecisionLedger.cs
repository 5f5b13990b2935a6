using StragglerGuard.Core;

namespace StragglerGuard.Ledger;

/// <summary>What was decided, for those who only read. May be used by several threads.</summary>
public interface ILedgerReader
{
    /// <summary>The number of the last entry; 0 while there is none.</summary>
    /// <exception cref="LedgerException">It can't be read.</exception>
    long LastSequence { get; }

    /// <summary>The entries from a number on, oldest first.</summary>
    /// <param name="fromSequence">1 reads from the first on.</param>
    /// <param name="entriesMax">How many at most, 1 or more: fewer come only where there are no more. Default all.</param>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    /// <exception cref="LedgerException">They can't be read.</exception>
    IReadOnlyList<LedgerEntry> Read(long fromSequence = 1, int entriesMax = int.MaxValue);

    /// <summary>The entries about one job, oldest first.</summary>
    /// <param name="job">The job; one that no entry is about has none.</param>
    /// <exception cref="ArgumentException">Its name is no text, so that no entry can be about it: see <see cref="IDecisionLedger.Append"/>.</exception>
    /// <exception cref="LedgerException">They can't be read.</exception>
    IReadOnlyList<LedgerEntry> ReadJob(JobId job);
}

/// <summary>
/// What was decided, in order. An append names the sequence number that it expects to get, so that two guardians can't both
/// append number n. May be used by several threads.
/// </summary>
public interface IDecisionLedger : ILedgerReader
{
    /// <summary>Adds an entry under the number <paramref name="expectedSequence"/>, or says who was faster.</summary>
    /// <param name="expectedSequence">The number of the last entry that the caller knows, plus one.</param>
    /// <param name="at">When it was decided, by the wall clock; kept in UTC and whole microseconds.</param>
    /// <param name="decision">What was decided.</param>
    /// <exception cref="ArgumentException">
    /// The number is below 1, or the name of the job holds a character that is no text (U+0000, or half of a surrogate pair).
    /// </exception>
    /// <exception cref="LedgerClaimLostException">Another may be writing by now: nothing was appended.</exception>
    /// <exception cref="LedgerException">
    /// It could not be found out whether the entry stands. Who appends under the same number again, or reads, will know.
    /// </exception>
    AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision);

    /// <summary>Claims the ledger again after the claim was lost; nothing to do where it was not, or where there is none to lose.</summary>
    /// <remarks>What others have written meanwhile is to be read before anything is decided.</remarks>
    /// <exception cref="LedgerClaimedException">Another guardian has it.</exception>
    /// <exception cref="LedgerException">It can't be reached.</exception>
    void Reclaim()
    {
    }
}

/// <summary>What an append came to.</summary>
/// <param name="Appended">Whether the entry stands.</param>
/// <param name="LastSequence">The number of the last entry now.</param>
public readonly record struct AppendOutcome(bool Appended, long LastSequence);
