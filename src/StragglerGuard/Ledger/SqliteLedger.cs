using System.Data;
using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace StragglerGuard.Ledger;

/// <summary>
/// A ledger in a SQLite file: every entry is on the disk before its append returns, so that neither a killed process nor a lost supply
/// takes it back; a file that was cut opens at its last whole entry.
/// </summary>
/// <remarks>
/// Write-ahead log, <c>synchronous = FULL</c>. Beside the file lie its log (<c>-wal</c>, <c>-shm</c>) and the claim (<c>-claim</c>,
/// <c>-holder</c>). Whoever copies a ledger in use takes the log along.
/// </remarks>
public sealed class SqliteLedger : DurableLedger
{
    private const int PageBytes = 4096;

    private readonly Lock _gate = new();
    private readonly LedgerFileClaim _claim;
    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _tail;
    private readonly SqliteCommand _insert;

    private SqliteLedger(string path, LedgerFileClaim claim, SqliteConnection connection)
        : base(path)
    {
        _claim = claim;
        _connection = connection;
        _tail = connection.CreateCommand();
        _tail.CommandText = LedgerTable.TailText;
        _insert = connection.CreateCommand();
        _insert.CommandText = LedgerTable.InsertText;
    }

    /// <summary>Opens a ledger as its only writer, or begins one, and checks all of it.</summary>
    /// <param name="path">The file; its folder must be there.</param>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="LedgerClaimedException">Another process, or another part of this one, writes it.</exception>
    /// <exception cref="LedgerDamagedException">It fails its check.</exception>
    /// <exception cref="LedgerException">It can't be opened, or is no ledger.</exception>
    public static SqliteLedger Open(string path) => Open(path, PageBytes);

    /// <summary>As <see cref="Open(string)"/>, a new file with pages of the given size.</summary>
    internal static SqliteLedger Open(string path, int pageBytes)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = SqliteFile.Resolve(path);
        if (Directory.Exists(full))
        {
            throw new LedgerException($"{full} is a folder, not a ledger.");
        }

        LedgerFileClaim? claim = null;
        SqliteConnection? connection = null;
        SqliteLedger? ledger = null;
        try
        {
            claim = LedgerFileClaim.Take(full);
            SqliteFile.RefuseEmptied(full);
            connection = SqliteFile.Connect(full, SqliteOpenMode.ReadWriteCreate);
            if (SqliteFile.IsEmpty(connection))
            {
                SqliteFile.Create(connection, pageBytes);
            }

            SqliteFile.RefuseForeign(connection, full);
            SqliteFile.MakeDurable(connection, full);
            ledger = new SqliteLedger(full, claim, connection);
            if (ledger.FindDamage() is { } damage)
            {
                throw damage;
            }

            LedgerTable.Execute(connection, LedgerTable.CreateJobIndexText);
            return ledger;
        }
        catch (Exception fault)
        {
            ledger?.Dispose();
            connection?.Dispose();
            claim?.Dispose();
            throw fault switch
            {
                SqliteException sqlite => SqliteFile.ExplainOpening(full, sqlite),
                IOException or UnauthorizedAccessException =>
                    new LedgerException($"{full}: its folder is not there or may not be written, and a ledger lays its log and its claim beside it.", fault),
                _ => fault,
            };
        }
    }

    /// <summary>How long an append waits for another program that holds the file locked.</summary>
    /// <value>s, 1 or more; 5.</value>
    internal int BusySeconds
    {
        set => _connection.DefaultTimeout = value;
    }

    /// <inheritdoc/>
    public override AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision)
    {
        AppendArguments.Check(expectedSequence, decision);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_connection.State != ConnectionState.Open, this);
            LedgerRow? row = null;
            try
            {
                using SqliteTransaction both = _connection.BeginTransaction(deferred: false);
                _tail.Transaction = _insert.Transaction = both;
                (long last, string check) = LedgerTable.Tail(_tail);
                if (expectedSequence != last + 1)
                {
                    return new AppendOutcome(Appended: false, last);
                }

                row = LedgerRow.Of(new LedgerEntry(expectedSequence, at, decision), check);
                LedgerTable.SetRow(_insert, row);
                _insert.ExecuteNonQuery();
                both.Commit();
                return new AppendOutcome(Appended: true, expectedSequence);
            }
            catch (SqliteException fault)
            {
                return Stands(row) ? new AppendOutcome(Appended: true, expectedSequence) : throw SqliteFile.Explain(Name, fault);
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            _tail.Dispose();
            _insert.Dispose();
            _connection.Dispose();
            _claim.Dispose();
        }
    }

    private protected override T UseRaw<T>(Func<DbConnection, T> work)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_connection.State != ConnectionState.Open, this);
            return work(_connection);
        }
    }

    private protected override string? StructureFault(DbConnection connection) => SqliteFile.IntegrityCheck(connection);

    private protected override bool IsDamage(Exception fault) => SqliteFile.IsDamage(fault) || base.IsDamage(fault);

    private protected override LedgerException Explain(DbException fault) => SqliteFile.Explain(Name, fault);

    /// <summary>Whether the row is in the file though its append failed; false where that can't be found out.</summary>
    private bool Stands(LedgerRow? row)
    {
        try
        {
            _tail.Transaction = null;
            return row is not null && LedgerTable.Tail(_tail) == (row.Sequence, row.Check);
        }
        catch (SqliteException)
        {
            return false;
        }
    }
}
