using System.Data.Common;
using Npgsql;

namespace StragglerGuard.Ledger;

/// <summary>
/// A ledger in a PostgreSQL database, for guardians on several machines: one of them holds the claim and writes, the others may read, and
/// one of those takes over when the claim is free.
/// </summary>
/// <remarks>
/// The claim is an advisory lock of a session, and the session that holds it is the one that writes: when it is gone the claim is gone, and
/// nothing can be appended through it. A connection that breaks during an append leaves open whether the entry stands: the ledger then ends
/// what may be left of its old session, claims anew and reads back the number.
/// </remarks>
public sealed class PostgresLedger : DurableLedger
{
    private readonly Lock _gate = new();
    private readonly NpgsqlConnectionStringBuilder _place;
    private readonly NpgsqlDataSource _source;
    private PostgresSession? _session;
    private string? _lostReason;
    private bool _disposed;

    private PostgresLedger(NpgsqlConnectionStringBuilder place)
        : base(PostgresServer.NameOf(place))
    {
        _place = place;
        _source = PostgresServer.Source(place);
    }

    /// <inheritdoc/>
    public override string? ClaimLostReason
    {
        get
        {
            lock (_gate)
            {
                return _lostReason;
            }
        }
    }

    /// <summary>Opens a ledger as its only writer, or begins one, and checks all of it.</summary>
    /// <param name="connectionString">
    /// In Npgsql's form: <c>Host=…;Database=…;Username=…</c>; <c>Search Path</c> chooses the schema. A password is never shown. The server
    /// is to be reached directly, or through a pooler that keeps sessions.
    /// </param>
    /// <exception cref="LedgerClaimedException">Another guardian writes it.</exception>
    /// <exception cref="LedgerDamagedException">It fails its check.</exception>
    /// <exception cref="LedgerException">It can't be reached, or is no ledger.</exception>
    public static PostgresLedger Open(string connectionString) => Open(PostgresServer.Parse(connectionString));

    /// <inheritdoc cref="Open(string)"/>
    internal static PostgresLedger Open(NpgsqlConnectionStringBuilder place)
    {
        var ledger = new PostgresLedger(place);
        try
        {
            ledger._session = PostgresSession.Claim(place, ledger.Name, former: null);
            if (ledger.FindDamage() is { } damage)
            {
                throw damage;
            }

            ledger._session.IndexJobs();
            return ledger;
        }
        catch (Exception fault)
        {
            ledger.Dispose();
            throw fault is DbException database ? PostgresServer.Explain(ledger.Name, database) : fault;
        }
    }

    /// <inheritdoc/>
    public override AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision)
    {
        AppendArguments.Check(expectedSequence, decision);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_lostReason is { } why)
            {
                throw new LedgerClaimLostException(Name, why);
            }

            var entry = new LedgerEntry(expectedSequence, at, decision);
            try
            {
                return _session!.Append(entry);
            }
            catch (DbException fault)
            {
                return PostgresServer.IsBreak(fault, _session!.Connection) ? AfterBreak(entry, fault) : throw PostgresServer.Explain(Name, fault);
            }
        }
    }

    /// <inheritdoc/>
    public override void Reclaim()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_lostReason is null)
            {
                return;
            }

            try
            {
                _session = PostgresSession.Claim(_place, Name, _session!.Identity);
                _lostReason = null;
            }
            catch (DbException fault)
            {
                throw PostgresServer.Explain(Name, fault);
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            _disposed = true;
            _session?.Dispose();
            _source.Dispose();
        }
    }

    private protected override T UseRaw<T>(Func<DbConnection, T> work)
    {
        using NpgsqlConnection connection = PostgresServer.Connect(_source, Name);
        return work(connection);
    }

    private protected override bool IsDamage(Exception fault) => PostgresServer.IsDamage(fault) || (fault is not DbException && base.IsDamage(fault));

    private protected override LedgerException Explain(DbException fault) => PostgresServer.Explain(Name, fault);

    /// <summary>The connection broke under an append: finds out whether the entry stands, and appends it where it doesn't.</summary>
    private AppendOutcome AfterBreak(LedgerEntry entry, DbException fault)
    {
        PostgresSession former = _session!;
        former.Dispose();
        _lostReason = PostgresServer.Explain(Name, fault).Message;
        string? written = former.CheckOf(entry);
        try
        {
            // Once the claim is this session's, the former one has ended: what it was asked to write is there by now, or never will be.
            _session = PostgresSession.Claim(_place, Name, former.Identity);
            _lostReason = null;
            if (written is not null && _session.CheckAt(entry.Sequence) == written)
            {
                return new AppendOutcome(Appended: true, _session.LastSequence);
            }

            return _session.Append(entry);
        }
        catch (LedgerClaimedException taken)
        {
            _lostReason = taken.Message;
            throw new LedgerClaimLostException(Name, taken.Message);
        }
        catch (DbException again)
        {
            _lostReason ??= PostgresServer.Explain(Name, again).Message;
            throw new LedgerException(
                FormattableString.Invariant($"{Name}: the connection broke while entry {entry.Sequence} was written, and it can't be found out yet whether it stands: {again.Message.TrimEnd('.')}."), again);
        }
    }
}
