using System.Diagnostics.CodeAnalysis;
using Npgsql;

namespace StragglerGuard.Ledger;

/// <summary>Where a ledger is: a file, or a database on a server. Never shows a password.</summary>
public sealed class LedgerLocation
{
    /// <summary>The file that is taken where none is named.</summary>
    public const string DefaultPath = "stragglerguard.ledger";

    private const string SqliteScheme = "sqlite:";

    private static readonly string[] PostgresSchemes = ["postgres://", "postgresql://"];

    // With which words a connection string begins, and a file's name doesn't.
    private static readonly string[] ConnectionWords =
        ["host", "server", "port", "database", "db", "dbname", "username", "user name", "user", "user id", "userid", "uid", "password", "pwd", "passfile"];

    private readonly string? _path;
    private readonly NpgsqlConnectionStringBuilder? _place;

    private LedgerLocation(string path) => _path = path;

    private LedgerLocation(NpgsqlConnectionStringBuilder place) => _place = place;

    /// <summary>The file; null where the ledger is on a server.</summary>
    public string? FilePath => _path;

    /// <summary>Reads a location.</summary>
    /// <param name="text">
    /// A file's path, also as <c>sqlite:PATH</c>; <c>postgres://user:password@host:port/database?key=value</c>; or a connection string
    /// <c>Host=…;Database=…;Username=…</c>. A password is better left to the environment (PGPASSWORD, PGPASSFILE).
    /// </param>
    /// <exception cref="LedgerException">It is none; the message says why.</exception>
    public static LedgerLocation Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string word = text.Trim();
        if (word.Length == 0)
        {
            throw new LedgerException("The ledger's location is empty.");
        }

        if (PostgresSchemes.Any(scheme => word.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)))
        {
            return new LedgerLocation(PostgresServer.ParseUri(word));
        }

        int equals = word.IndexOf('=', StringComparison.Ordinal);
        if (equals > 0 && ConnectionWords.Contains(word[..equals].Trim(), StringComparer.OrdinalIgnoreCase))
        {
            return new LedgerLocation(PostgresServer.Parse(word));
        }

        if (word.StartsWith(SqliteScheme, StringComparison.OrdinalIgnoreCase))
        {
            return InFile(AfterSlashes(word[SqliteScheme.Length..]));
        }

        int scheme = word.IndexOf("://", StringComparison.Ordinal);
        return scheme < 0
            ? InFile(word)
            : throw new LedgerException($"The ledger's location begins with '{word[..scheme]}://', which is not known: it is a file, sqlite:FILE or postgres://….");
    }

    /// <summary>Reads a location, or says why it is none.</summary>
    /// <param name="text">As for <see cref="Parse"/>.</param>
    /// <param name="location">The location, or null.</param>
    /// <param name="reason">Empty, or why it is none.</param>
    public static bool TryParse(string? text, [NotNullWhen(true)] out LedgerLocation? location, out string reason)
    {
        try
        {
            (location, reason) = (Parse(text ?? ""), "");
            return true;
        }
        catch (LedgerException fault)
        {
            (location, reason) = (null, fault.Message);
            return false;
        }
    }

    /// <summary>Opens the ledger as its only writer, or begins it.</summary>
    /// <exception cref="LedgerClaimedException">Another guardian writes it.</exception>
    /// <exception cref="LedgerDamagedException">It fails its check.</exception>
    /// <exception cref="LedgerException">It can't be opened.</exception>
    public DurableLedger Open() => _place is null ? SqliteLedger.Open(_path!) : PostgresLedger.Open(_place);

    /// <summary>Opens the ledger for reading; nobody needs to be asked.</summary>
    /// <exception cref="LedgerDamagedException">It fails its check; <see cref="ReadIntact"/> gives what is whole.</exception>
    /// <exception cref="LedgerException">There is none, or it can't be opened.</exception>
    public DurableLedgerReader OpenRead()
    {
        DurableLedgerReader reader = OpenUnchecked();
        if (reader.FindDamage() is { } damage)
        {
            reader.Dispose();
            throw damage;
        }

        return reader;
    }

    /// <summary>Reads the entries up to the first that can't be trusted.</summary>
    /// <returns>They, and what is wrong with the next; null where nothing is.</returns>
    /// <exception cref="LedgerException">There is no ledger, or nothing of it can be read.</exception>
    public (IReadOnlyList<LedgerEntry> Entries, LedgerDamagedException? Damage) ReadIntact()
    {
        using DurableLedgerReader reader = OpenUnchecked();
        var entries = new List<LedgerEntry>();
        LedgerDamagedException? damage = reader.FindDamage(entries);
        return (entries, damage);
    }

    /// <summary>Where it is, without a password.</summary>
    public override string ToString() => _path ?? PostgresServer.NameOf(_place!);

    private DurableLedgerReader OpenUnchecked() =>
        _place is null ? SqliteLedgerReader.OpenUnchecked(_path!) : PostgresLedgerReader.OpenUnchecked(_place);

    private static LedgerLocation InFile(string path) => path.Length == 0 || path.Contains('\0', StringComparison.Ordinal)
        ? throw new LedgerException("The ledger's location names no file.")
        : new LedgerLocation(path);

    // sqlite:///var/x is /var/x; with two slashes what follows would be a machine.
    private static string AfterSlashes(string path) =>
        path.StartsWith("///", StringComparison.Ordinal) ? path[2..]
        : path.StartsWith("//", StringComparison.Ordinal) ? throw new LedgerException("A SQLite ledger is a file on this machine: sqlite:FILE or sqlite:///absolute/path.")
        : path;
}
