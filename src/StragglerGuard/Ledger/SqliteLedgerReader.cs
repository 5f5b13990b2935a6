using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace StragglerGuard.Ledger;

/// <summary>A ledger in a SQLite file, opened for reading; also while it is written.</summary>
public sealed class SqliteLedgerReader : DurableLedgerReader
{
    private readonly Lock _gate = new();
    private readonly SqliteConnection _connection;

    private SqliteLedgerReader(string path, SqliteConnection connection)
        : base(path) => _connection = connection;

    /// <summary>Opens a ledger and checks all of it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="LedgerDamagedException">It fails its check.</exception>
    /// <exception cref="LedgerException">There is no ledger, or it can't be opened.</exception>
    public static SqliteLedgerReader Open(string path)
    {
        SqliteLedgerReader reader = OpenUnchecked(path);
        if (reader.FindDamage() is { } damage)
        {
            reader.Dispose();
            throw damage;
        }

        return reader;
    }

    /// <summary>Opens a ledger that may be damaged.</summary>
    internal static SqliteLedgerReader OpenUnchecked(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = SqliteFile.Resolve(path);
        if (!File.Exists(full))
        {
            throw new LedgerException(Directory.Exists(full) ? $"{full} is a folder, not a ledger." : $"{full}: there is no such ledger.");
        }

        SqliteConnection? connection = null;
        try
        {
            SqliteFile.RefuseEmptied(full);
            connection = SqliteFile.ConnectToRead(full);
            if (SqliteFile.IsEmpty(connection))
            {
                throw new LedgerException($"{full} is empty: no ledger was begun in it.");
            }

            SqliteFile.RefuseForeign(connection, full);
            return new SqliteLedgerReader(full, connection);
        }
        catch (Exception fault)
        {
            connection?.Dispose();
            throw fault is SqliteException sqlite ? SqliteFile.ExplainOpening(full, sqlite) : fault;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            _connection.Dispose();
        }
    }

    private protected override T UseRaw<T>(Func<DbConnection, T> work)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_connection.State != System.Data.ConnectionState.Open, this);
            return work(_connection);
        }
    }

    private protected override string? StructureFault(DbConnection connection) => SqliteFile.IntegrityCheck(connection);

    private protected override bool IsDamage(Exception fault) => SqliteFile.IsDamage(fault) || base.IsDamage(fault);

    private protected override LedgerException Explain(DbException fault) => SqliteFile.Explain(Name, fault);
}
