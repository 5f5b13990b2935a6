using System.Data.Common;
using System.Globalization;
using Npgsql;

namespace StragglerGuard.Ledger;

/// <summary>One session of a database server: its process there, and when that began, since numbers of processes come again.</summary>
internal readonly record struct SessionIdentity(int ProcessId, DateTime Began);

/// <summary>The session that holds the claim to write a ledger, and writes it.</summary>
internal sealed class PostgresSession : IDisposable
{
    // The class of all of this program's advisory locks ("SGLG"), and in it the one under which tables are made.
    private const int LockClass = 0x53474C47;
    private const int CreationLock = 0;

    // The second key is the table's own number: ledgers in other schemas are others.
    private const string LockKey = $"'{LedgerTable.EntriesName}'::regclass::oid::bigint::bit(32)::int";

    // Not to_regclass: that may answer from what the session remembers, and another one has just made the tables.
    private const string ThereIsText =
        $"SELECT 1 FROM pg_catalog.pg_tables WHERE tablename = '{LedgerTable.EntriesName}' AND schemaname = ANY (current_schemas(false))";

    private const string IndexIsThereText =
        $"SELECT 1 FROM pg_catalog.pg_indexes WHERE indexname = '{LedgerTable.JobIndexName}' AND schemaname = ANY (current_schemas(false))";

    private const string LockNotAvailable = "55P03";

    private long _last;
    private string _check = "";

    private PostgresSession(NpgsqlConnection connection, SessionIdentity identity)
    {
        Connection = connection;
        Identity = identity;
    }

    public NpgsqlConnection Connection { get; }

    public SessionIdentity Identity { get; }

    /// <summary>The number of the last entry that this session knows.</summary>
    public long LastSequence => _last;

    /// <summary>Opens a session, makes the tables where there are none, and takes the claim.</summary>
    /// <param name="place">The database.</param>
    /// <param name="name">How messages call it.</param>
    /// <param name="former">A session of this guardian's own that may be left over, and is ended if it still holds the claim.</param>
    /// <exception cref="LedgerClaimedException">Another has it.</exception>
    /// <exception cref="DbException">The server can't be reached, or refuses.</exception>
    public static PostgresSession Claim(NpgsqlConnectionStringBuilder place, string name, SessionIdentity? former)
    {
        NpgsqlConnection connection = PostgresServer.Dedicated(place);
        try
        {
            CreateIfMissing(connection);
            PostgresServer.RefuseForeign(connection, name);
            var session = new PostgresSession(connection, IdentityOf(connection));
            session.Lock(name, former);
            (session._last, session._check) = LedgerTable.Tail(connection);
            return session;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Makes the index over jobs where an older program made the table. A guardian whose role does not own the table, or that can't have it to
    /// itself now, goes on without: a job's begin then takes as long as reading everything.
    /// </summary>
    public void IndexJobs()
    {
        if (Ask(Connection, IndexIsThereText) is not null)
        {
            return;
        }

        try
        {
            using NpgsqlTransaction all = Connection.BeginTransaction();
            using NpgsqlCommand create = Connection.CreateCommand();
            create.CommandTimeout = 0; // As long as the table is; the wait for it is bounded.
            create.CommandText = "SET LOCAL lock_timeout = 2000; " + LedgerTable.CreateJobIndexText;
            create.ExecuteNonQuery();
            all.Commit();
        }
        catch (PostgresException) when (Connection.FullState == System.Data.ConnectionState.Open)
        {
            // The next claim tries again.
        }
    }

    /// <summary>Adds an entry if its number is the next one.</summary>
    public AppendOutcome Append(LedgerEntry entry)
    {
        if (entry.Sequence == _last + 1)
        {
            LedgerRow row = LedgerRow.Of(entry, _check);
            using NpgsqlCommand insert = Connection.CreateCommand();

            // A pooler that hands sessions around would let this statement run without the claim.
            insert.CommandText = LedgerTable.InsertText + " AND pg_backend_pid() = @pid ON CONFLICT DO NOTHING";
            LedgerTable.SetRow(insert, row);
            LedgerTable.Add(insert, "@pid", Identity.ProcessId);
            if (insert.ExecuteNonQuery() == 1)
            {
                (_last, _check) = (row.Sequence, row.Check);
                return new AppendOutcome(Appended: true, _last);
            }
        }

        (_last, _check) = LedgerTable.Tail(Connection);
        return entry.Sequence != _last + 1
            ? new AppendOutcome(Appended: false, _last)
            : throw new LedgerException($"{entry.Sequence} was not appended: the connection is not the session that holds the claim, as behind a pooler that hands sessions around.");
    }

    /// <summary>The check that an entry gets, or got, as the next one of this session; null where it is not the next one.</summary>
    public string? CheckOf(LedgerEntry entry) => entry.Sequence == _last + 1 ? LedgerRow.Of(entry, _check).Check : null;

    /// <summary>The check of a row; null where there is no such row.</summary>
    public string? CheckAt(long sequence)
    {
        using NpgsqlCommand command = Connection.CreateCommand();
        command.CommandText = $"SELECT check_sha256 FROM {LedgerTable.EntriesName} WHERE sequence = @sequence";
        LedgerTable.Add(command, "@sequence", sequence);
        return command.ExecuteScalar() as string;
    }

    /// <summary>Gives the claim back, and ends: the server may take a while to notice a connection that is merely closed.</summary>
    public void Dispose()
    {
        try
        {
            if (Connection.FullState == System.Data.ConnectionState.Open)
            {
                Ask(Connection, Say($"SELECT pg_advisory_unlock({LockClass}, {LockKey})"));
            }
        }
        catch (DbException)
        {
            // The connection breaks here: the claim goes with it.
        }

        Connection.Dispose();
    }

    private static void CreateIfMissing(NpgsqlConnection connection)
    {
        if (Ask(connection, ThereIsText) is not null)
        {
            return;
        }

        using NpgsqlTransaction all = connection.BeginTransaction();
        Ask(connection, Say($"SELECT 1 FROM pg_advisory_xact_lock({LockClass}, {CreationLock})"));
        if (Ask(connection, ThereIsText) is null)
        {
            LedgerTable.Execute(
                connection,
                LedgerTable.CreateText("BIGINT", "") + $"""
                CREATE FUNCTION stragglerguard_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''the ledger is append-only''; END';
                CREATE TRIGGER stragglerguard_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {LedgerTable.EntriesName}
                  EXECUTE FUNCTION stragglerguard_append_only();
                """);
        }

        all.Commit();
    }

    private static SessionIdentity IdentityOf(NpgsqlConnection connection)
    {
        using NpgsqlCommand command = connection.CreateCommand();
        command.CommandText = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        using NpgsqlDataReader reader = command.ExecuteReader();
        return reader.Read() ? new SessionIdentity(reader.GetInt32(0), reader.GetDateTime(1)) : default;
    }

    private void Lock(string name, SessionIdentity? former)
    {
        if (Ask(Connection, Say($"SELECT pg_try_advisory_lock({LockClass}, {LockKey})")) is true)
        {
            return;
        }

        (SessionIdentity? identity, string holder) = Holder();
        if (identity is null || identity != former)
        {
            throw new LedgerClaimedException(name, holder);
        }

        // The guardian's own: the server has not noticed yet that its connection is gone.
        using NpgsqlCommand end = Connection.CreateCommand();
        end.CommandText = Say($"SET lock_timeout = 5000; SELECT pg_terminate_backend({former.Value.ProcessId}); SELECT pg_advisory_lock({LockClass}, {LockKey}); SET lock_timeout = 0");
        try
        {
            end.ExecuteNonQuery();
        }
        catch (PostgresException fault) when (fault.SqlState == LockNotAvailable)
        {
            throw new LedgerClaimedException(name, Holder().Name);
        }
    }

    private (SessionIdentity? Identity, string Name) Holder()
    {
        using NpgsqlCommand command = Connection.CreateCommand();
        command.CommandText = Say($"""
            SELECT a.pid, a.backend_start, a.application_name, a.client_addr::text
            FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = {LockClass} AND l.objid = '{LedgerTable.EntriesName}'::regclass::oid
              AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """);
        using NpgsqlDataReader reader = command.ExecuteReader();
        if (!reader.Read())
        {
            return (null, "another guardian");
        }

        string application = reader.IsDBNull(2) ? "" : reader.GetString(2);
        string address = reader.IsDBNull(3) ? "" : $" ({reader.GetString(3)})";
        return (
            reader.IsDBNull(1) ? null : new SessionIdentity(reader.GetInt32(0), reader.GetDateTime(1)),
            application.Length > 0 ? application + address : Say($"the server's process {reader.GetInt32(0)}{address}"));
    }

    private static object? Ask(NpgsqlConnection connection, string text)
    {
        using NpgsqlCommand command = connection.CreateCommand();
        command.CommandText = text;
        return command.ExecuteScalar() is { } answer and not DBNull ? answer : null;
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
