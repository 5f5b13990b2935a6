using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace StragglerGuard.Tests.Ledger;

/// <summary>
/// A PostgreSQL server of the tests' own, in a folder of its own, reached by a Unix socket, or over loopback. It ends with the test process, however that ends.
/// </summary>
public sealed class PostgresUnderTest : IDisposable
{
    private static readonly string? Programs = FindPrograms();

    private readonly Lazy<(Process Server, DirectoryInfo Folder, int Port)> _running = new(Start);
    private int _schemas;

    /// <summary>Why there is none here; null where there is, and on CI, where its absence is a failure.</summary>
    public static string? AbsentReason =>
        Programs is not null || string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase)
            ? null
            : "PostgreSQL's initdb is not installed (package postgresql).";

    public string SocketPath => Path.Combine(_running.Value.Folder.FullName, $".s.PGSQL.{_running.Value.Port}");

    /// <summary>A connection string with a schema that nobody else uses.</summary>
    public string NewPlace()
    {
        string schema = $"s{_schemas++}";
        Execute(Place(), $"CREATE SCHEMA {schema}");
        return $"{Place()};Search Path={schema}";
    }

    public string Place() => $"Host={_running.Value.Folder.FullName};Port={_running.Value.Port};Database=postgres;Username=guard";

    /// <summary>The same place, reached over TCP.</summary>
    public string OverTcp(string place) => $"{place};Host=127.0.0.1;SSL Mode=Disable";

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
        (Process server, DirectoryInfo folder, _) = _running.Value;
        server.StandardInput.Close();
        server.WaitForExit();
        server.Dispose();
        folder.Delete(recursive: true);
    }

    private static (Process Server, DirectoryInfo Folder, int Port) Start()
    {
        int port = FreePort();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("stragglerguard-pg-");

        // The shell ends the server when its own standard input does: when this process is gone, even killed. PostgreSQL refuses to run as root.
        const string Script = """
            set -e
            dir=$1; bin=$2; port=$3; as=
            if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; as="setpriv --reuid=postgres --regid=postgres --clear-groups"; fi
            cd "$dir"
            $as "$bin/initdb" -D "$dir/data" -U guard --auth=trust --no-sync --encoding=UTF8 --no-locale >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log"; exit 1; }
            $as sh -c 'printf "local all locked scram-sha-256\nlocal all all trust\nhost all all 127.0.0.1/32 trust\n" >"$1/data/pg_hba.conf"' sh "$dir"
            $as "$bin/postgres" -D "$dir/data" -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories="$dir" -c fsync=off -c max_connections=50 2>&1 </dev/null &
            server=$!
            read -r _ || true
            kill -QUIT $server
            wait $server || true
            """;
        var start = new ProcessStartInfo("sh")
        {
            ArgumentList = { "-c", Script, "sh", folder.FullName, Programs ?? throw new InvalidOperationException("PostgreSQL's initdb is not installed."), port.ToString(CultureInfo.InvariantCulture) },
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
                return (server, folder, port);
            }
        }

        server.WaitForExit();
        server.Dispose();
        folder.Delete(recursive: true);
        throw new InvalidOperationException("PostgreSQL did not start:\n" + string.Join('\n', said));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
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
