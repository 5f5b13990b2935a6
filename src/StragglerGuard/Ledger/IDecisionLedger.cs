namespace StragglerGuard.Ledger;

/// <summary>
/// What was decided, in order. An append names the sequence number that it expects to get, so that two guardians can't both
/// append number n.
/// </summary>
public interface IDecisionLedger
{
    /// <summary>The number of the last entry; 0 while there is none.</summary>
    long LastSequence { get; }

    /// <summary>Adds an entry under the number <paramref name="expectedSequence"/>, or says who was faster.</summary>
    /// <param name="expectedSequence">The number of the last entry that the caller knows, plus one.</param>
    /// <param name="decision">What was decided.</param>
    AppendOutcome Append(long expectedSequence, LedgerDecision decision);

    /// <summary>The entries from a number on, oldest first.</summary>
    /// <param name="fromSequence">1 reads all.</param>
    IReadOnlyList<LedgerEntry> Read(long fromSequence = 1);
}

/// <summary>What an append came to.</summary>
/// <param name="Appended">Whether the entry stands.</param>
/// <param name="LastSequence">The number of the last entry now.</param>
public readonly record struct AppendOutcome(bool Appended, long LastSequence);

/// <summary>One entry of the ledger.</summary>
/// <param name="Sequence">1, 2, 3 …</param>
/// <param name="Decision">What was decided.</param>
public sealed record LedgerEntry(long Sequence, LedgerDecision Decision);
