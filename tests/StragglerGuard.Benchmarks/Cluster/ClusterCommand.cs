using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Cluster.Tools.Client;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Benchmarks.Printing;
using StragglerGuard.Benchmarks.Workloads;
using StragglerGuard.Hosting;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>
/// A fleet's reports through Akka.NET: one guardian process, and this one, which is all the nodes. What of the load is the nodes' own work
/// is measured beside the guardian's, as both share the machine.
/// </summary>
internal sealed class ClusterCommand : IAsyncDisposable
{
    private const int BatchesPerSecond = 50;
    private const int SecondsPerLine = 10;
    private const int WelcomeSecondsMax = 120;
    private const int SettleSeconds = 5;

    private readonly ClusterArguments _arguments;
    private readonly ReportingFleet _fleet;
    private readonly LoadCounts _counts = new();
    private readonly List<ActorSystem> _systems = [];
    private readonly List<IActorRef> _nodes = [];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stragglerguard-load-");
    private readonly int _port = FreePort();

    private ClusterCommand(ClusterArguments arguments)
    {
        _arguments = arguments;
        _fleet = new ReportingFleet(arguments.Jobs, arguments.RanksPerJob);
    }

    /// <summary>Runs as the words say: as the load, or as the guardian that it starts.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> words)
    {
        if (words is [GuardianProcess.Word, var port, var ledger])
        {
            return await GuardianProcess.ServeAsync(int.Parse(port, CultureInfo.InvariantCulture), ledger);
        }

        if (ClusterArguments.TryParse(words, out string error) is not { } arguments)
        {
            await Console.Error.WriteLineAsync(error);
            return 2;
        }

        if (arguments.WantsHelp)
        {
            foreach (string line in ClusterArguments.Help)
            {
                Console.WriteLine(line);
            }

            return 0;
        }

        await using var command = new ClusterCommand(arguments);
        await command.MeasureAsync();
        return 0;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (ActorSystem system in _systems)
        {
            await system.Terminate();
        }

        _folder.Delete(recursive: true);
    }

    private async Task MeasureAsync()
    {
        Console.WriteLine(
            $"{Quantity.Count(_fleet.Nodes)} nodes of {ReportingFleet.RanksPerNode} ranks over {_arguments.Systems} actor systems, "
            + $"{Quantity.Count(_arguments.Jobs)} jobs of {Quantity.Count(_arguments.RanksPerJob)} ranks; one report a node and second, {_fleet.Message(0).Length} B");
        using GuardianProcess guardian = await GuardianProcess.StartAsync(_port, Path.Combine(_folder.FullName, "guard.ledger"));
        ClusterSettings settings = ClusterSettings.ReadOrThrow(
            GuardianProcess.OptionsAt(_port) with { Cluster = GuardianProcess.OptionsAt(_port).Cluster with { Port = null } }, ClusterRole.AgentClient);
        for (int i = 0; i < _arguments.Systems; i++)
        {
            _systems.Add(GuardActorSystem.Create(settings, warning => Console.Error.WriteLine($"load: {warning}")));
        }

        StartNodes();
        var clock = Stopwatch.StartNew();
        int second = 0;
        for (; Interlocked.Read(ref _counts.Welcomed) < _fleet.Nodes && second < WelcomeSecondsMax; second++)
        {
            PaceSecond(clock, second, ReportingNode.SecondBegins.Quiet);
        }

        Console.WriteLine($"{Quantity.Count(Interlocked.Read(ref _counts.Welcomed))} nodes welcomed after {second} s");
        await ReportAsync(guardian);
    }

    private void StartNodes()
    {
        ImmutableHashSet<ActorPath> contacts = [ActorPath.Parse($"{SystemConfig.AddressOf(new ClusterEndpoint("127.0.0.1", _port), isEncrypted: false)}/system/receptionist")];
        List<IActorRef> clients = [.. _systems.Select(system => system.ActorOf(
            ClusterClient.Props(ClusterClientSettings.Create(system).WithInitialContacts(contacts))))];
        for (int node = 0; node < _fleet.Nodes; node++)
        {
            int place = node;
            IActorRef client = clients[node % _systems.Count];
            _nodes.Add(_systems[node % _systems.Count].ActorOf(Props.Create(() => new ReportingNode(_fleet, place, _counts, client))));
        }
    }

    private async Task ReportAsync(GuardianProcess guardian)
    {
        var clock = Stopwatch.StartNew();
        TimeSpan guardianBefore = guardian.ProcessorTime;
        TimeSpan loadBefore = Environment.CpuUsage.TotalTime;
        TimeSpan fleetTime = TimeSpan.Zero;
        TimeSpan begun = TimeSpan.Zero;
        long sentBefore = Interlocked.Read(ref _counts.Sent);
        for (int second = 0; second < _arguments.Seconds; second++)
        {
            TimeSpan before = Environment.CpuUsage.TotalTime;
            _fleet.Advance();
            fleetTime += Environment.CpuUsage.TotalTime - before;
            PaceSecond(clock, second, ReportingNode.SecondBegins.Reporting);
            if ((second + 1) % SecondsPerLine != 0)
            {
                continue;
            }

            TimeSpan now = clock.Elapsed;
            TimeSpan guardianNow = guardian.ProcessorTime;
            TimeSpan loadNow = Environment.CpuUsage.TotalTime;
            long sent = Interlocked.Read(ref _counts.Sent);
            double seconds = (now - begun).TotalSeconds;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{now.TotalSeconds,4:0} s: {(sent - sentBefore) / seconds,6:N0} reports/s sent, {Interlocked.Read(ref _counts.Acknowledged):N0} of {sent:N0} acknowledged; "
                + $"guardian {(guardianNow - guardianBefore).TotalSeconds / seconds,4:P0} of a core, {(guardianNow - guardianBefore).TotalSeconds * 1e6 / (sent - sentBefore):0.0} µs a report, "
                + $"{guardian.ResidentBytes / 1e6:N0} MB; load {(loadNow - loadBefore).TotalSeconds / seconds:P0} of a core"));
            Console.WriteLine($"        {await guardian.AskAsync()}");
            (begun, guardianBefore, loadBefore, sentBefore) = (now, guardianNow, Environment.CpuUsage.TotalTime, sent);
        }

        _nodes.ForEach(node => node.Tell(ReportingNode.LastReceipt.Instance));
        await Task.Delay(TimeSpan.FromSeconds(SettleSeconds));
        long all = Interlocked.Read(ref _counts.Sent);
        Console.WriteLine(
            $"{Quantity.Count(all)} reports sent in {clock.Elapsed.TotalSeconds:0} s, {Quantity.Count(all - Interlocked.Read(ref _counts.Acknowledged))} not acknowledged; "
            + $"guardian: {await guardian.AskAsync()}");
    }

    /// <summary>Tells every node that its second has begun, one after another over the whole second.</summary>
    private void PaceSecond(Stopwatch clock, int second, ReportingNode.SecondBegins begins)
    {
        int told = 0;
        for (int batch = 1; batch <= BatchesPerSecond; batch++)
        {
            for (int due = (int)((long)_nodes.Count * batch / BatchesPerSecond); told < due; told++)
            {
                _nodes[told].Tell(begins);
            }

            double leftSeconds = second + ((double)batch / BatchesPerSecond) - clock.Elapsed.TotalSeconds;
            if (leftSeconds > 0)
            {
                Thread.Sleep(TimeSpan.FromSeconds(leftSeconds));
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
