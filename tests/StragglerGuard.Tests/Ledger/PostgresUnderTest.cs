using System.Diagnostics;
using Npgsql;

namespace StragglerGuard.Tests.Ledger;

/// <summary>
/// A PostgreSQL server of the tests' own, in a folder of its own, reached by a Unix socket. It ends with the test process, however that ends.
/// </summary>
public sealed class PostgresUnderTest : IDisposable
{
    private static readonly string? Programs = FindPrograms();

    private readonly Lazy<(Process Server, DirectoryInfo Folder)> _running;
    private int _schemas;

    public PostgresUnderTest() => _running = new(Start);

    /// <summary>The port of its socket's name, and where it listens on 127.0.0.1 where it does.</summary>
    public int Port { get; init; } = 5432;

    /// <summary>Whether it is reached over TCP, too.</summary>
    public bool IsOnLoopback { get; init; }

    /// <summary>Why there is none here; null where there is, and on CI, where its absence is a failure.</summary>
    public static string? AbsentReason =>
        Programs is not null || string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase)
            ? null
            : "PostgreSQL's initdb is not installed (package postgresql).";

    public string SocketPath => Path.Combine(_running.Value.Folder.FullName, $".s.PGSQL.{Port}");

    /// <summary>A connection string with a schema that nobody else uses.</summary>
    public string NewPlace()
    {
        string schema = $"s{_schemas++}";
        Execute(Place(), $"CREATE SCHEMA {schema}");
        return $"{Place()};Search Path={schema}";
    }

    public string Place() => $"Host={_running.Value.Folder.FullName};Port={Port};Database=postgres;Username=guard";

    /// <summary>Runs a statement in a session of its own.</summary>
    public static object? Execute(string place, string statement)
    {
        using var connection = new NpgsqlConnection(place + ";Pooling=False");
        connection.Open();
        using NpgsqlCommand command = connection.CreateCommand();
        command.CommandText = statement;
        return command.ExecuteScalar();
    }

    public void Dispose()
    {
        if (!_running.IsValueCreated)
        {
            return;
        }

        NpgsqlConnection.ClearAllPools();
        (Process server, DirectoryInfo folder) = _running.Value;
        server.StandardInput.Close();
        server.WaitForExit();
        server.Dispose();
        folder.Delete(recursive: true);
    }

    private (Process Server, DirectoryInfo Folder) Start()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("stragglerguard-pg-");

        // The shell ends the server when its own standard input does: when this process is gone, even killed. PostgreSQL refuses to run as root.
        const string Script = """
            set -e
            dir=$1; bin=$2; address=$3; port=$4; as=
            if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; as="setpriv --reuid=postgres --regid=postgres --clear-groups"; fi
            cd "$dir"
            $as "$bin/initdb" -D "$dir/data" -U guard --auth=trust --no-sync --encoding=UTF8 --no-locale >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log"; exit 1; }
            $as sh -c 'printf "local all locked scram-sha-256\nlocal all all trust\nhost all all 127.0.0.1/32 trust\n" >"$1/data/pg_hba.conf"' sh "$dir"
            $as "$bin/postgres" -D "$dir/data" -c listen_addresses="$address" -c port="$port" -c unix_socket_directories="$dir" -c fsync=off -c max_connections=50 2>&1 </dev/null &
            server=$!
            read -r _ || true
            kill -QUIT $server
            wait $server || true
            """;
        var start = new ProcessStartInfo("sh")
        {
            ArgumentList =
            {
                "-c", Script, "sh", folder.FullName, Programs ?? throw new InvalidOperationException("PostgreSQL's initdb is not installed."),
                IsOnLoopback ? "127.0.0.1" : "", $"{Port}",
            },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        Process server = Process.Start(start)!;
        var said = new List<string>();
        while (server.StandardOutput.ReadLine() is { } line)
        {
            said.Add(line);
            if (line.Contains("ready to accept connections", StringComparison.Ordinal))
            {
                // What it says further is read, so that it never waits for a reader.
                new Thread(() => server.StandardOutput.ReadToEnd()) { IsBackground = true }.Start();
                return (server, folder);
            }
        }

        server.WaitForExit();
        server.Dispose();
        folder.Delete(recursive: true);
        throw new InvalidOperationException("PostgreSQL did not start:\n" + string.Join('\n', said));
    }

    private static string? FindPrograms()
    {
        string debian = "/usr/lib/postgresql";
        IEnumerable<string> folders = Directory.Exists(debian)
            ? Directory.GetDirectories(debian).Select(version => Path.Combine(version, "bin")).OrderDescending(StringComparer.Ordinal)
            : [];
        return folders.Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
            .FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")));
    }
}
