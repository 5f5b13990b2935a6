using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace StragglerGuard.Ledger;

/// <summary>The SQLite file of a ledger: how it is opened, told from others, checked, and what its faults mean.</summary>
internal static class SqliteFile
{
    // "SGLG": tells a ledger from other programs' SQLite files.
    private const int ApplicationId = 0x53474C47;

    // How long to wait for another program that holds the file locked, s.
    private const int BusyTimeoutSeconds = 5;

    private const int StatementCode = 1;
    private const int BusyCode = 5;
    private const int LockedCode = 6;
    private const int ReadOnlyCode = 8;
    private const int InputOutputCode = 10;
    private const int CorruptCode = 11;
    private const int FullCode = 13;
    private const int CantOpenCode = 14;
    private const int NotADatabaseCode = 26;

    /// <summary>The absolute path, with a link at its end followed: whoever opens the same file must find the same claim beside it.</summary>
    public static string Resolve(string path)
    {
        string full = Path.GetFullPath(path);
        try
        {
            return File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return full;
        }
    }

    public static SqliteConnection Connect(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = mode,
            Pooling = false,
            DefaultTimeout = BusyTimeoutSeconds,
        }.ConnectionString);
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Opens a file to read it while it is written; one that lies where nothing can be written, and has no log, as it is.</summary>
    public static SqliteConnection ConnectToRead(string path)
    {
        SqliteConnection connection = Connect(path, SqliteOpenMode.ReadOnly);
        try
        {
            // Opening reads nothing yet.
            IsEmpty(connection);
            return connection;
        }
        catch (SqliteException fault)
        {
            connection.Dispose();
            var log = new FileInfo(path + "-wal");
            if (fault.SqliteErrorCode is CantOpenCode or ReadOnlyCode && (!log.Exists || log.Length == 0))
            {
                return Connect(new Uri(path).AbsoluteUri + "?immutable=1", SqliteOpenMode.ReadOnly);
            }

            throw;
        }
    }

    /// <summary>
    /// Refuses a file that was emptied, or is gone, while its log is still there: SQLite would begin it anew, and throw the log away. A ledger's
    /// file has its tables before it has a log.
    /// </summary>
    /// <exception cref="LedgerDamagedException">It is such a file.</exception>
    public static void RefuseEmptied(string path)
    {
        var log = new FileInfo(path + "-wal");
        if (log is { Exists: true, Length: > 0 } && (new FileInfo(path) is { Exists: false } or { Length: 0 }))
        {
            throw new LedgerDamagedException(path, 1, $"it is empty or gone, but its log {log.Name} is not");
        }
    }

    /// <summary>Whether nothing was ever written to the file.</summary>
    public static bool IsEmpty(SqliteConnection connection) => Number(connection, "SELECT COUNT(*) FROM sqlite_master") == 0;

    /// <summary>Makes the tables in an empty file, all or nothing, before it has a log: so a file that isn't empty has them.</summary>
    public static void Create(SqliteConnection connection, int pageBytes)
    {
        LedgerTable.Execute(connection, string.Create(CultureInfo.InvariantCulture, $"PRAGMA page_size = {pageBytes}; PRAGMA synchronous = FULL;"));
        using SqliteTransaction all = connection.BeginTransaction();
        LedgerTable.Execute(
            connection,
            LedgerTable.CreateText("INTEGER", " STRICT") + string.Create(CultureInfo.InvariantCulture, $"""
            CREATE TRIGGER stragglerguard_no_update BEFORE UPDATE ON {LedgerTable.EntriesName} BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
            CREATE TRIGGER stragglerguard_no_delete BEFORE DELETE ON {LedgerTable.EntriesName} BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
            PRAGMA application_id = {ApplicationId};
            """));
        all.Commit();
    }

    /// <summary>A commit is on the disk before it is told: with a log, and each commit synchronised.</summary>
    public static void MakeDurable(SqliteConnection connection, string path)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode = WAL";
        if (command.ExecuteScalar() is not string mode || mode != "wal")
        {
            throw new LedgerException($"{path} lies on a file system that shares no memory between processes, such as a network drive: a ledger needs a local one.");
        }

        // fullfsync: on macOS a plain fsync leaves data in the drive's cache.
        LedgerTable.Execute(connection, "PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1;");
    }

    /// <summary>Refuses a file that another program made, or a newer one of this.</summary>
    public static void RefuseForeign(SqliteConnection connection, string path)
    {
        if (Number(connection, "PRAGMA application_id") != ApplicationId)
        {
            throw new LedgerException($"{path} is a database of another program, not a ledger.");
        }

        long? version = LedgerTable.FormatVersion(connection);
        if (version is null)
        {
            throw new LedgerDamagedException(path, 1, "it does not name its format");
        }

        if (version != LedgerTable.Version)
        {
            throw new LedgerException(string.Create(
                CultureInfo.InvariantCulture,
                $"{path} has the ledger format {version}, this program knows {LedgerTable.Version}: use the program that wrote it, or a newer one."));
        }
    }

    /// <summary>What SQLite finds wrong; null where nothing is. The index over jobs, too: the checks of the rows don't cover it.</summary>
    public static string? IntegrityCheck(DbConnection connection)
    {
        using DbCommand command = connection.CreateCommand();
        command.CommandText = "PRAGMA integrity_check(1)";
        return command.ExecuteScalar() is "ok" ? null : "SQLite's integrity_check failed";
    }

    /// <summary>Whether the file can't be right. A statement that makes no sense, too: they are fixed, so the tables are not a ledger's.</summary>
    public static bool IsDamage(Exception fault) => fault is SqliteException { SqliteErrorCode: CorruptCode or NotADatabaseCode or StatementCode };

    /// <summary>A fault met before any row was read.</summary>
    public static LedgerException ExplainOpening(string path, SqliteException fault) => IsDamage(fault)
        ? new LedgerDamagedException(path, 1, fault.SqliteErrorCode == NotADatabaseCode ? "it is no SQLite file" : "SQLite can't read its tables", fault)
        : Explain(path, fault);

    public static LedgerException Explain(string path, DbException fault)
    {
        string why = (fault as SqliteException)?.SqliteErrorCode switch
        {
            BusyCode or LockedCode => "another program holds it locked",
            ReadOnlyCode => "it may not be written",
            InputOutputCode => "the disk failed to read or write it",
            CorruptCode or NotADatabaseCode or StatementCode => "it is damaged",
            FullCode => "the disk is full",
            CantOpenCode => "it can't be opened: see that its folder is there and may be read and written",
            _ => fault.Message,
        };
        return new LedgerException($"{path}: {why}.", fault);
    }

    private static long Number(SqliteConnection connection, string text)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = text;
        return command.ExecuteScalar() is long number ? number : 0;
    }
}
