using System.Data.Common;
using Npgsql;

namespace StragglerGuard.Ledger;

/// <summary>A ledger in a PostgreSQL database, opened for reading; also while it is written.</summary>
public sealed class PostgresLedgerReader : DurableLedgerReader
{
    private readonly NpgsqlDataSource _source;

    private PostgresLedgerReader(NpgsqlConnectionStringBuilder place)
        : base(PostgresServer.NameOf(place)) => _source = PostgresServer.Source(place);

    /// <summary>Opens a ledger and checks all of it.</summary>
    /// <param name="connectionString">In Npgsql's form: <c>Host=…;Database=…;Username=…</c>. A password is never shown.</param>
    /// <exception cref="LedgerDamagedException">It fails its check.</exception>
    /// <exception cref="LedgerException">There is no ledger, or it can't be reached.</exception>
    public static PostgresLedgerReader Open(string connectionString)
    {
        PostgresLedgerReader reader = OpenUnchecked(PostgresServer.Parse(connectionString));
        if (reader.FindDamage() is { } damage)
        {
            reader.Dispose();
            throw damage;
        }

        return reader;
    }

    /// <summary>Opens a ledger that may be damaged.</summary>
    internal static PostgresLedgerReader OpenUnchecked(NpgsqlConnectionStringBuilder place)
    {
        var reader = new PostgresLedgerReader(place);
        try
        {
            reader.Use(connection =>
            {
                PostgresServer.RefuseForeign(connection, reader.Name);
                return true;
            });
            return reader;
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _source.Dispose();

    private protected override T UseRaw<T>(Func<DbConnection, T> work)
    {
        using NpgsqlConnection connection = PostgresServer.Connect(_source, Name);
        return work(connection);
    }

    private protected override bool IsDamage(Exception fault) => PostgresServer.IsDamage(fault) || (fault is not DbException && base.IsDamage(fault));

    private protected override LedgerException Explain(DbException fault) => PostgresServer.Explain(Name, fault);
}
