namespace StragglerGuard.Ledger;

/// <summary>
/// A ledger can't be opened, read or written. The message says why and what to do, in one sentence or two, and never holds a password.
/// </summary>
public class LedgerException : Exception
{
    /// <summary>Says what is wrong.</summary>
    public LedgerException(string message)
        : base(message)
    {
    }

    /// <summary>Says what is wrong, and from where it is known.</summary>
    public LedgerException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>Another guardian writes this ledger: only one may at a time.</summary>
public sealed class LedgerClaimedException : LedgerException
{
    internal LedgerClaimedException(string ledger, string holder)
        : base($"{ledger} is written by {holder}: a ledger has one writer at a time. End that one first, or give this guardian a ledger of its own.") =>
        Holder = holder;

    /// <summary>Who writes it: process and machine, as far as is known.</summary>
    public string Holder { get; }
}

/// <summary>This guardian's claim to write is gone: another one may be writing, so nothing was appended, and won't be.</summary>
public sealed class LedgerClaimLostException : LedgerException
{
    internal LedgerClaimLostException(string ledger, string why)
        : base($"{ledger}: the claim to write it is lost ({why}); nothing is appended until it is claimed again.")
    {
    }
}

/// <summary>The ledger fails its own check: it was cut, overwritten or changed by hand.</summary>
public sealed class LedgerDamagedException : LedgerException
{
    internal LedgerDamagedException(string ledger, long firstBadSequence, string what)
        : base(Say(ledger, firstBadSequence, what)) => FirstBadSequence = firstBadSequence;

    internal LedgerDamagedException(string ledger, long firstBadSequence, string what, Exception inner)
        : base(Say(ledger, firstBadSequence, what), inner) => FirstBadSequence = firstBadSequence;

    /// <summary>The first entry that can't be trusted: those before it are whole. 1 where none can be read.</summary>
    public long FirstBadSequence { get; }

    private static string Say(string ledger, long firstBad, string what) => FormattableString.Invariant(
        $"{ledger} is damaged at entry {firstBad}: {what.TrimEnd('.')}. Put back a copy of it, or move it away and go on with a new one; {Shown(firstBad)}");

    private static string Shown(long firstBad) => firstBad > 1
        ? FormattableString.Invariant($"`stragglerguard history` still shows the entries 1 to {firstBad - 1}.")
        : "no entry of it can be shown.";
}
