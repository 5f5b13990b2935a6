using System.Data.Common;
using System.Globalization;
using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using Npgsql;

namespace StragglerGuard.Ledger;

/// <summary>A PostgreSQL database that holds a ledger: how it is reached, told from others, and what its faults mean.</summary>
internal static class PostgresServer
{
    private const int ConnectSeconds = 5;
    private const int CommandSeconds = 15;

    // A connection that is idle is tried after so many seconds, and every second from then on.
    private const int KeepAliveSeconds = 2;

    // What a peer has not answered for so long it never will, tries of an idle connection included.
    private const int ClaimFreeMs = 5_000;

    private const string NoSuchTable = "42P01";

    /// <summary>Reads a connection string. No message holds what it says, only which part is wrong.</summary>
    /// <exception cref="LedgerException">It is none.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string connectionString)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionString);
        DbConnectionStringBuilder words = [];
        try
        {
            words.ConnectionString = connectionString;
        }
        catch (ArgumentException)
        {
            throw new LedgerException("The connection string is not of the form key=value;key=value.");
        }

        var place = new NpgsqlConnectionStringBuilder();
        foreach (string key in words.Keys)
        {
            Set(place, key, (string)words[key]);
        }

        return Complete(place);
    }

    /// <summary>Reads <c>postgres://user:password@host:port/database?key=value</c>.</summary>
    /// <exception cref="LedgerException">It is none.</exception>
    public static NpgsqlConnectionStringBuilder ParseUri(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri))
        {
            throw new LedgerException("The address is not of the form postgres://user@host:port/database; what is not a letter or a digit in a name or a password is written as %xx.");
        }

        var place = new NpgsqlConnectionStringBuilder();
        string[] user = uri.UserInfo.Split(':', 2);
        string database = Uri.UnescapeDataString(uri.AbsolutePath.TrimStart('/'));
        place.Host = uri.Host.Length > 0 ? uri.Host.Trim('[', ']') : null;
        place.Port = uri.Port > 0 ? uri.Port : place.Port;
        place.Database = database.Length > 0 ? database : null;
        place.Username = user[0].Length > 0 ? Uri.UnescapeDataString(user[0]) : null;
        place.Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null;
        foreach (string pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] word = pair.Split('=', 2);
            Set(place, Uri.UnescapeDataString(word[0]), word.Length > 1 ? Uri.UnescapeDataString(word[1]) : "");
        }

        return Complete(place);
    }

    /// <summary>Where it is, without a password.</summary>
    public static string NameOf(NpgsqlConnectionStringBuilder place) => string.Create(
        CultureInfo.InvariantCulture,
        $"postgres://{(place.Username is { Length: > 0 } user ? user + "@" : "")}{place.Host}:{place.Port}/{place.Database ?? place.Username}{(place.SearchPath is { Length: > 0 } schema ? "?search path=" + schema : "")}");

    /// <summary>Connections for reading: few, and returned after each use.</summary>
    /// <exception cref="LedgerException">What the location asks for contradicts itself.</exception>
    public static NpgsqlDataSource Source(NpgsqlConnectionStringBuilder place) => InWords(
        NameOf(place),
        () => NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(place.ConnectionString)
        {
            Pooling = true,
            MaxPoolSize = 4,
            ApplicationName = Application,
        }));

    /// <summary>A connection for reading.</summary>
    /// <exception cref="DbException">The server can't be reached, or refuses.</exception>
    /// <exception cref="LedgerException">Nothing could be asked of it, as where a certificate's file is not there.</exception>
    public static NpgsqlConnection Connect(NpgsqlDataSource source, string name) => InWords(name, source.OpenConnection);

    /// <summary>The connection that holds the claim and writes: one session for as long as it lives.</summary>
    public static NpgsqlConnection Dedicated(NpgsqlConnectionStringBuilder place)
    {
        bool isTcp = !(place.Host ?? "").Split(',').Any(host => host.Trim() is ['/' or '@', ..] || Path.IsPathRooted(host.Trim()));
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(place.ConnectionString)
        {
            Pooling = false,
            Multiplexing = false,
            ApplicationName = Application,

            // So a guardian knows, too, that the server is gone. Npgsql's own keepalive would ask the server, and break the connection
            // between two appends; this breaks the next one, which then finds out what became of the claim. A Unix socket can't have it.
            TcpKeepAlive = isTcp,
            TcpKeepAliveTime = isTcp ? KeepAliveSeconds : 0,
            TcpKeepAliveInterval = isTcp ? 1 : 0,
        }.ConnectionString);
        try
        {
            InWords(NameOf(place), () =>
            {
                connection.Open();
                return connection;
            });

            // A guardian whose machine is gone without a word must lose its claim within seconds: the next one waits for it. To a Unix
            // socket the server accepts these, and leaves them out. And a commit must be on the disk before it is told.
            LedgerTable.Execute(connection, string.Create(
                CultureInfo.InvariantCulture,
                $"SET tcp_keepalives_idle = {KeepAliveSeconds}; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3; SET tcp_user_timeout = {ClaimFreeMs}; SET synchronous_commit = 'on'"));
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a database without a ledger, or with one of another format.</summary>
    public static void RefuseForeign(DbConnection connection, string name)
    {
        long? version;
        try
        {
            version = LedgerTable.FormatVersion(connection);
        }
        catch (PostgresException fault) when (fault.SqlState == NoSuchTable)
        {
            throw new LedgerException($"{name}: no ledger was begun in this database.", fault);
        }

        if (version is null)
        {
            throw new LedgerDamagedException(name, 1, "it does not name its format");
        }

        if (version != LedgerTable.Version)
        {
            throw new LedgerException(string.Create(
                CultureInfo.InvariantCulture,
                $"{name} has the ledger format {version}, this program knows {LedgerTable.Version}: use the program that wrote it, or a newer one."));
        }
    }

    /// <summary>Data that the server itself calls damaged.</summary>
    public static bool IsDamage(Exception fault) => fault is PostgresException { SqlState: ['X', 'X', ..] };

    /// <summary>Whether the connection is of no more use, so that what was asked may or may not have been done.</summary>
    public static bool IsBreak(DbException fault, NpgsqlConnection connection) =>
        connection.FullState != System.Data.ConnectionState.Open
        || fault is not PostgresException sql || sql.SqlState is ['0', '8', ..] or ['5', '7', 'P', ..];

    public static LedgerException Explain(string name, DbException fault) => new(
        fault is PostgresException sql
            ? $"{name}: the server says {sql.SqlState}: {sql.MessageText}."
            : $"{name}: the server can't be reached: {WithCause(fault)}.",
        fault);

    // The client's own words often leave out why.
    private static string WithCause(DbException fault)
    {
        string what = fault.Message.TrimEnd('.');
        string why = fault.GetBaseException().Message.TrimEnd('.');
        return what.Contains(why, StringComparison.Ordinal) ? what : $"{what}: {why}";
    }

    /// <summary>What the client itself finds wrong has no place of the ledger in its words.</summary>
    private static T InWords<T>(string name, Func<T> open)
    {
        try
        {
            return open();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or CryptographicException or AuthenticationException
            or ArgumentException or NotSupportedException or TimeoutException)
        {
            throw new LedgerException($"{name}: it can't be opened: {fault.Message.TrimEnd('.')}.", fault);
        }
    }

    // What the server shows of a session. It cuts it off after 63 bytes.
    private static string Application => string.Create(
        CultureInfo.InvariantCulture, $"stragglerguard process {Environment.ProcessId} on {Dns.GetHostName()}");

    private static void Set(NpgsqlConnectionStringBuilder place, string key, string value)
    {
        // The names that libpq has for the same.
        string known = key.ToLowerInvariant() switch
        {
            "sslmode" => "SSL Mode",
            "sslrootcert" => "Root Certificate",
            "sslcert" => "SSL Certificate",
            "sslkey" => "SSL Key",
            "connect_timeout" => "Timeout",
            "dbname" => "Database",
            "user" => "Username",
            "application_name" => "Application Name",
            _ => key,
        };
        try
        {
            place[known] = value;
        }
        catch (Exception fault) when (fault is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            // The fault's own words may hold the value.
            throw new LedgerException(place.TryGetValue(known, out _)
                ? $"The connection string's '{known}' can't have the value that it is given."
                : $"The connection string has a key that is not known: '{known}'.");
        }
    }

    private static NpgsqlConnectionStringBuilder Complete(NpgsqlConnectionStringBuilder place)
    {
        if (string.IsNullOrEmpty(place.Host))
        {
            throw new LedgerException("The connection string names no host.");
        }

        if (!place.ShouldSerialize("Timeout"))
        {
            place.Timeout = ConnectSeconds;
        }

        if (!place.ShouldSerialize("Command Timeout"))
        {
            place.CommandTimeout = CommandSeconds;
        }

        return place;
    }
}
