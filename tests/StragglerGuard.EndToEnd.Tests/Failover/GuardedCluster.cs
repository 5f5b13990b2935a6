using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Npgsql;
using StragglerGuard.EndToEnd.Tests.Running;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Ledger;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.Failover;

/// <summary>
/// Three guardian processes on one PostgreSQL ledger, and a job of five agent processes that always gives them something to decide. Whatever
/// it starts is ended with it.
/// </summary>
internal sealed partial class GuardedCluster : IAsyncDisposable
{
    private const int GuardianCount = 3;
    private const int RankCount = 5;

    private readonly ITestOutputHelper _log;
    private readonly string _mark = Guid.NewGuid().ToString("n");
    private readonly ScratchFolder _folder = new();
    private readonly PostgresUnderTest _database = new();
    private readonly LoopbackPartition _partition;
    private readonly ClusterGuardian[] _guardians;
    private ClusterJob? _job;
    private LedgerWatch? _ledger;

    private GuardedCluster(ITestOutputHelper log)
    {
        _log = log;
        Place = _database.OverTcp(_database.NewPlace());
        int[] ports = FreePorts(GuardianCount);
        _partition = new LoopbackPartition(ports, new NpgsqlConnectionStringBuilder(Place).Port);
        string guardians = string.Join(", ", ports.Select(port => $"127.0.0.1:{port}"));
        _guardians = [.. ports.Select((port, number) => new ClusterGuardian(
            number, WriteOptions($"guardian-{number}.json", port, guardians), _mark))];
        AgentOptions = WriteOptions("agents.json", port: null, guardians);
    }

    /// <summary>The ledger's connection string.</summary>
    public string Place { get; }

    /// <summary>The guardians, by number.</summary>
    public IReadOnlyList<ClusterGuardian> Guardians => _guardians;

    /// <summary>The job.</summary>
    public ClusterJob Job => _job ?? throw new InvalidOperationException("the job was not started");

    /// <summary>The ledger.</summary>
    public LedgerWatch Ledger => _ledger ?? throw new InvalidOperationException("the ledger is not watched yet");

    /// <summary>Cuts guardians off.</summary>
    public LoopbackPartition Network => _partition;

    private string AgentOptions { get; }

    /// <summary>Starts all of it, and waits until the guardian decides, and the ranks compute under a plan of it.</summary>
    public static async Task<GuardedCluster> StartAsync(ITestOutputHelper log)
    {
        var cluster = new GuardedCluster(log);
        try
        {
            cluster._ledger = new LedgerWatch(cluster.Place);
            foreach (ClusterGuardian guardian in cluster._guardians)
            {
                await guardian.StartAsync();
            }

            cluster._job = await ClusterJob.StartAsync(RankCount, cluster.AgentOptions, cluster._mark);
            await cluster.Ledger.EntryAsync<PlanInForce>("the first plan in force", _ => true, behind: 0);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for the next guardian that takes the job over.</summary>
    /// <param name="behind">The number of the last entry that is passed over.</param>
    public async Task<(ClusterGuardian Guardian, SeenEntry Seen)> TakeOverAsync(long behind)
    {
        (GuardianTookOver decision, SeenEntry seen) = await Ledger.EntryAsync<GuardianTookOver>("another guardian taking the job over", _ => true, behind);
        return (Named(decision.Guardian), seen);
    }

    /// <summary>Who decides, as the ledger says, and under which number it took over.</summary>
    public (ClusterGuardian Guardian, long Sequence) Deciding()
    {
        SeenEntry last = Ledger.Entries.Last(seen => seen.Entry.Decision is GuardianTookOver);
        return (Named(((GuardianTookOver)last.Entry.Decision).Guardian), last.Entry.Sequence);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (int pid in MarkedProcesses.Find(_mark))
        {
            MarkedProcesses.Signal(pid, MarkedProcesses.Kill);
        }

        if (_job is not null)
        {
            await _job.DisposeAsync();
        }

        foreach (ClusterGuardian guardian in _guardians)
        {
            await guardian.DisposeAsync();
        }

        WriteLog();
        if (_ledger is not null)
        {
            await _ledger.DisposeAsync();
        }

        _partition.Dispose();
        _database.Dispose();
        _folder.Dispose();
    }

    /// <summary>The guardian of a name in the ledger, which holds the number of its process.</summary>
    private ClusterGuardian Named(string name)
    {
        int pid = int.Parse(PidInName().Match(name).Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        return Array.Find(_guardians, guardian => guardian.Pid == pid)
            ?? throw new InvalidOperationException($"'{name}' is none of {string.Join(", ", _guardians.Select(guardian => guardian.Pid))}");
    }

    private string WriteOptions(string file, int? port, string guardians) => Path.Combine(_folder.Path, _folder.Write(file, JsonSerializer.Serialize(new
    {
        job = "failover",
        mode = "act",
        agent = new { intervalMs = 100 },
        mitigation = new { allowed = "rebalance", restSeconds = 0 },
        ledger = new { location = port is null ? "" : Place },
        cluster = new { port, guardians },
    })));

    /// <summary>What everybody said, in one order: shown where a test fails.</summary>
    private void WriteLog()
    {
        IEnumerable<(TimeSpan At, string Text)> said = _guardians.SelectMany(guardian => guardian.Lines.Select(line => (line.At, $"guardian {guardian.Number}: {line.Text}")))
            .Concat(_job?.Lines.Where(said => !said.Line.Text.StartsWith("step ", StringComparison.Ordinal))
                .Select(said => (said.Line.At, $"rank {said.Rank}: {said.Line.Text}")) ?? [])
            .Concat(_ledger?.Entries.Select(seen => (seen.At, $"ledger {seen.Entry.Sequence}: {seen.Entry.Decision.GetType().Name}, step {seen.Entry.Decision.Step}: {seen.Entry.Decision.Reason}")) ?? []);
        foreach ((TimeSpan at, string text) in said.OrderBy(line => line.At))
        {
            _log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{at.TotalSeconds,8:0.000} {text}"));
        }
    }

    private static int[] FreePorts(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        foreach (TcpListener listener in listeners)
        {
            listener.Start();
        }

        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        foreach (TcpListener listener in listeners)
        {
            listener.Dispose();
        }

        return ports;
    }

    [GeneratedRegex(@" process (\d+) since ")]
    private static partial Regex PidInName();
}
