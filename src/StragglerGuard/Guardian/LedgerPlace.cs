using StragglerGuard.Collectives;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>
/// How far this guardian knows the ledger. It appends right behind the last entry that it knows, never behind one that it has not
/// read: so of two guardians that decide on the same knowledge one comes too late, and learns what the other decided.
/// </summary>
/// <remarks>
/// A ledger that can't be written for a while loses nothing and ends nothing: what was found and done waits here, in order, and is written
/// when that is possible again; what was only planned is planned anew on the knowledge of then. An append of which nobody knows whether it
/// stands is found again by reading, and is this guardian's own.
/// </remarks>
/// <param name="ledger">Where decisions are kept.</param>
/// <param name="learn">Told of every entry that another guardian wrote, or this one without knowing that it stood, in order.</param>
internal sealed class LedgerPlace(IDecisionLedger ledger, Action<LedgerEntry> learn)
{
    /// <summary>What waits to be written at most: beyond it the oldest is given up. A job makes some hundred decisions a day.</summary>
    private const int WaitingMax = 4_096;

    /// <summary>Entries that are read at once: a ledger of a million is never in memory whole.</summary>
    internal const int PageEntries = 4_096;

    /// <summary>
    /// After a failure that took its time, as that of a server that can't be reached, comes a pause of so many times that: the guardian's
    /// thread has other things to do.
    /// </summary>
    private const int PauseFactor = 9;

    private const long SlowNs = 200_000_000;

    private readonly Queue<Waiting> _waiting = [];
    private readonly List<LedgerEntry> _uncertain = [];
    private long _pausedUntilNs;

    /// <summary>What all entries that are known come to.</summary>
    public LedgerState State { get; } = new();

    /// <summary>Why nothing can be written now, in words; null where nothing speaks against it.</summary>
    public string? Trouble { get; private set; }

    /// <summary>Why this guardian writes no more, in words; null while it may.</summary>
    public string? LostReason { get; private set; }

    /// <summary>Told of every entry of this guardian's own that was found standing, or written, after it had to wait.</summary>
    public Action<LedgerEntry> OnLate { get; init; } = _ => { };

    /// <summary>Reads what others have written since.</summary>
    /// <returns>Whether there was anything.</returns>
    /// <exception cref="LedgerException">It can't be read.</exception>
    public bool CatchUp()
    {
        long before = State.LastSequence;
        IReadOnlyList<LedgerEntry> page;
        do
        {
            page = ledger.Read(State.LastSequence + 1, PageEntries);
            foreach (LedgerEntry entry in page)
            {
                TakeIn(entry);
            }
        }
        while (page.Count == PageEntries);

        _uncertain.RemoveAll(uncertain => uncertain.Sequence <= State.LastSequence);
        return State.LastSequence > before;
    }

    private void TakeIn(LedgerEntry entry)
    {
        State.Apply(entry);
        bool isOwn = _uncertain.Exists(uncertain => IsSame(entry, uncertain));
        if (isOwn && _waiting.TryPeek(out Waiting waiting) && IsSame(entry, waiting.At, waiting.Decision))
        {
            _waiting.Dequeue();
        }

        learn(entry);
        if (isOwn)
        {
            OnLate(entry);
        }
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
    /// knowledge, and the next step decides anew. A finding does, under a later number; one that can't be written now is written later, and
    /// told to <see cref="OnLate"/>.
    /// </returns>
    public LedgerEntry? Commit(Func<long, LedgerDecision?> decide, DateTimeOffset at, Action<LedgerEntry> written)
    {
        if (!WriteWaiting())
        {
            return Keep(decide(State.LastSequence + 1), at);
        }

        while (true)
        {
            long sequence = State.LastSequence + 1;
            LedgerDecision? decision = decide(sequence);
            if (decision is null)
            {
                return null;
            }

            switch (TryAppend(sequence, at, decision))
            {
                case Appending.Stands:
                    var entry = new LedgerEntry(sequence, at, decision);
                    State.Apply(entry);
                    written(entry);
                    if (decision is not NumberSkipped)
                    {
                        return entry;
                    }

                    break;
                case Appending.Forestalled when !IsPlan(decision):
                    break;
                case Appending.Forestalled:
                    return null;
                default:
                    return Keep(decision, at);
            }
        }
    }

    /// <summary>Writes what had to wait, as far as that is possible.</summary>
    /// <returns>Whether nothing waits any more, and the ledger may be written.</returns>
    public bool WriteWaiting()
    {
        if (LostReason is not null || (Trouble is not null && MonotonicClock.NowNs() < _pausedUntilNs))
        {
            return false;
        }

        while (_waiting.TryPeek(out Waiting waiting))
        {
            var entry = new LedgerEntry(State.LastSequence + 1, waiting.At, waiting.Decision);
            switch (TryAppend(entry.Sequence, waiting.At, waiting.Decision))
            {
                case Appending.Stands:
                    _waiting.Dequeue();
                    State.Apply(entry);
                    learn(entry);
                    OnLate(entry);
                    break;
                case Appending.Forestalled:
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    private enum Appending
    {
        /// <summary>It is in the ledger.</summary>
        Stands,

        /// <summary>Another entry has the number; what was written since is known by now.</summary>
        Forestalled,

        /// <summary>It is not in the ledger, as far as is known.</summary>
        Failed,
    }

    private Appending TryAppend(long sequence, DateTimeOffset at, LedgerDecision decision)
    {
        long beganNs = MonotonicClock.NowNs();
        try
        {
            AppendOutcome outcome;
            try
            {
                outcome = ledger.Append(sequence, at, decision);
            }
            catch (LedgerClaimLostException)
            {
                // The connection may have been cut with nobody else there. Where somebody is, this says so, and what they wrote is read first.
                ledger.Reclaim();
                if (CatchUp())
                {
                    return Appending.Forestalled;
                }

                outcome = ledger.Append(sequence, at, decision);
            }

            Trouble = null;
            if (outcome.Appended)
            {
                _uncertain.Clear();
                return Appending.Stands;
            }

            return CatchUp() ? Appending.Forestalled : Appending.Failed;
        }
        catch (LedgerException lost) when (lost is LedgerClaimLostException or LedgerClaimedException)
        {
            LostReason = lost.Message;
            Trouble = null;
            _waiting.Clear();
        }
        catch (LedgerException fault)
        {
            var uncertain = new LedgerEntry(sequence, at, decision);
            if (!_uncertain.Exists(known => IsSame(known, uncertain)))
            {
                _uncertain.Add(uncertain);
            }

            Trouble = fault.Message;
            long nowNs = MonotonicClock.NowNs();
            _pausedUntilNs = nowNs - beganNs > SlowNs ? nowNs + (PauseFactor * (nowNs - beganNs)) : nowNs;
        }

        return Appending.Failed;
    }

    /// <summary>Keeps what is true whenever it is written.</summary>
    private LedgerEntry? Keep(LedgerDecision? decision, DateTimeOffset at)
    {
        if (LostReason is null && decision is not null && !IsPlan(decision))
        {
            if (_waiting.Count == WaitingMax)
            {
                _waiting.Dequeue();
            }

            _waiting.Enqueue(new Waiting(at, decision));
        }

        return null;
    }

    private static bool IsPlan(LedgerDecision decision) => decision is PlanDecided or MitigationAdvised or NumberSkipped;

    private static bool IsSame(LedgerEntry entry, LedgerEntry other) =>
        entry.Sequence == other.Sequence && IsSame(entry, other.At, other.Decision);

    // By what is written: a reason may have come back from the disk in another object.
    private static bool IsSame(LedgerEntry entry, DateTimeOffset at, LedgerDecision decision) =>
        entry.At == new LedgerEntry(entry.Sequence, at, decision).At && DecisionFormat.Write(entry.Decision) == DecisionFormat.Write(decision);

    private readonly record struct Waiting(DateTimeOffset At, LedgerDecision Decision);
}
