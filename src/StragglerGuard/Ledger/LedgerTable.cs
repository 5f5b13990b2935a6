using System.Data.Common;
using StragglerGuard.Core;

namespace StragglerGuard.Ledger;

/// <summary>The ledger's table: the same statements for every kind of database.</summary>
internal static class LedgerTable
{
    /// <summary>The version of the layout of the tables that this program writes and reads.</summary>
    public const int Version = 1;

    public const string EntriesName = "stragglerguard_entries";

    public const string FormatName = "stragglerguard_format";

    /// <summary>Finds a job's entries among those of all others.</summary>
    /// <remarks>
    /// It is no part of the format: programs that know nothing of it keep it as they append, and a ledger of theirs gets it from the next guardian
    /// that claims it.
    /// </remarks>
    public const string JobIndexName = "stragglerguard_entries_of_job";

    public const string CreateJobIndexText = $"CREATE INDEX IF NOT EXISTS {JobIndexName} ON {EntriesName} (job, sequence)";

    private const string Columns = "sequence, at, job, generation, step, kind, version, payload, check_sha256";

    /// <summary>Adds a row if, and only if, it is the next one.</summary>
    public const string InsertText =
        $"INSERT INTO {EntriesName} ({Columns}) SELECT @sequence, @at, @job, @generation, @step, @kind, @version, @payload, @check_sha256 "
        + $"WHERE @sequence = 1 + COALESCE((SELECT MAX(sequence) FROM {EntriesName}), 0)";

    public const string TailText = $"SELECT sequence, check_sha256 FROM {EntriesName} ORDER BY sequence DESC LIMIT 1";

    /// <summary>What makes the tables, one statement each.</summary>
    /// <param name="number">How the database calls a whole number of 64 bits.</param>
    /// <param name="ending">What follows the columns.</param>
    public static string CreateText(string number, string ending) =>
        $"""
        CREATE TABLE {FormatName} (version {number} NOT NULL){ending};
        INSERT INTO {FormatName} (version) VALUES ({Version});
        CREATE TABLE {EntriesName} (
          sequence {number} PRIMARY KEY CHECK (sequence > 0),
          at TEXT NOT NULL, job TEXT NOT NULL, generation {number} NOT NULL, step {number} NOT NULL,
          kind TEXT NOT NULL, version {number} NOT NULL, payload TEXT NOT NULL, check_sha256 TEXT NOT NULL){ending};
        """;

    /// <summary>The number and the check of the last row; 0 and empty for none.</summary>
    public static (long Sequence, string Check) Tail(DbConnection connection)
    {
        using DbCommand command = connection.CreateCommand();
        command.CommandText = TailText;
        return Tail(command);
    }

    /// <inheritdoc cref="Tail(DbConnection)"/>
    public static (long Sequence, string Check) Tail(DbCommand command)
    {
        using DbDataReader reader = command.ExecuteReader();
        return reader.Read() ? (reader.GetInt64(0), reader.GetString(1)) : (0, "");
    }

    /// <summary>The version of the tables; null where none is named.</summary>
    public static long? FormatVersion(DbConnection connection)
    {
        using DbCommand command = connection.CreateCommand();
        command.CommandText = $"SELECT version FROM {FormatName}";
        return command.ExecuteScalar() is long version ? version : null;
    }

    /// <summary>The rows from a number on, oldest first, as they come.</summary>
    public static IEnumerable<LedgerRow> Rows(DbConnection connection, long fromSequence, long rowsMax = long.MaxValue)
    {
        using DbCommand command = connection.CreateCommand();
        command.CommandText = $"SELECT {Columns} FROM {EntriesName} WHERE sequence >= @sequence ORDER BY sequence LIMIT @rows_max";
        Add(command, "@sequence", fromSequence);
        Add(command, "@rows_max", rowsMax);
        foreach (LedgerRow row in Rows(command))
        {
            yield return row;
        }
    }

    /// <summary>The rows about a job, oldest first, as they come.</summary>
    public static IEnumerable<LedgerRow> RowsOf(DbConnection connection, JobId job)
    {
        using DbCommand command = connection.CreateCommand();
        command.CommandText = $"SELECT {Columns} FROM {EntriesName} WHERE job = @job ORDER BY sequence";
        Add(command, "@job", job.Value);
        foreach (LedgerRow row in Rows(command))
        {
            yield return row;
        }
    }

    private static IEnumerable<LedgerRow> Rows(DbCommand command)
    {
        using DbDataReader reader = command.ExecuteReader();
        while (reader.Read())
        {
            yield return new LedgerRow(
                reader.GetInt64(0), reader.GetString(1), reader.GetString(2), checked((int)reader.GetInt64(3)), reader.GetInt64(4),
                new DecisionText(reader.GetString(5), checked((int)reader.GetInt64(6)), reader.GetString(7)), reader.GetString(8));
        }
    }

    /// <summary>Puts a row into a command of <see cref="InsertText"/>.</summary>
    public static void SetRow(DbCommand insert, LedgerRow row)
    {
        insert.Parameters.Clear();
        Add(insert, "@sequence", row.Sequence);
        Add(insert, "@at", row.At);
        Add(insert, "@job", row.Job);
        Add(insert, "@generation", (long)row.Generation);
        Add(insert, "@step", row.Step);
        Add(insert, "@kind", row.Text.Kind);
        Add(insert, "@version", (long)row.Text.Version);
        Add(insert, "@payload", row.Text.Payload);
        Add(insert, "@check_sha256", row.Check);
    }

    public static void Execute(DbConnection connection, string text)
    {
        using DbCommand command = connection.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }

    public static void Add(DbCommand command, string name, object value)
    {
        DbParameter parameter = command.CreateParameter();
        parameter.ParameterName = name;
        parameter.Value = value;
        command.Parameters.Add(parameter);
    }
}
