using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StragglerGuard.AkkaCluster.Agents;
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
    private const int SettleSecondsMax = 20;
    private const int ReceiptSecondsMax = 5;

    private readonly ClusterArguments _arguments;
    private readonly ReportingFleet _fleet;
    private readonly List<AkkaAgentFabric> _fabrics = [];
    private readonly List<ReportingNode> _nodes = [];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stragglerguard-load-");
    private readonly int _port = FreePort();

    private ClusterCommand(ClusterArguments arguments)
    {
        _arguments = arguments;
        _fleet = new ReportingFleet(arguments.Jobs, arguments.IsIdle ? ReportingFleet.RanksPerNode : arguments.RanksPerJob);
    }

    /// <summary>Runs as the words say: as the load, or as the guardian that it starts.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> words)
    {
        switch (words)
        {
            case [GuardianChild.Word, var port, var ledger]:
                return await GuardianChild.ServeAsync(int.Parse(port, CultureInfo.InvariantCulture), ledger);
            case [AgentChild.Word, var port, var ranks]:
                return await AgentChild.ServeAsync(int.Parse(port, CultureInfo.InvariantCulture), int.Parse(ranks, CultureInfo.InvariantCulture));
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
        await (arguments.IsIdle ? command.MeasureIdleAsync() : command.MeasureAsync());
        return 0;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (AkkaAgentFabric fabric in _fabrics)
        {
            await fabric.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    private Task<ChildProcess> StartGuardianAsync() => ChildProcess.StartAsync(
        GuardianChild.Environment, GuardianChild.Word, _port.ToString(CultureInfo.InvariantCulture), Path.Combine(_folder.FullName, "guard.ledger"));

    /// <summary>What an agent takes that has nothing to say, or a few ranks to speak of, and a guardian that hears of nobody else.</summary>
    private async Task MeasureIdleAsync()
    {
        using ChildProcess guardian = await StartGuardianAsync();
        int ranks = _arguments.IdleRanks;
        using ChildProcess agent = await ChildProcess.StartAsync(
            [], AgentChild.Word, _port.ToString(CultureInfo.InvariantCulture), ranks.ToString(CultureInfo.InvariantCulture));
        await Task.Delay(TimeSpan.FromSeconds(SecondsPerLine));
        var clock = Stopwatch.StartNew();
        (TimeSpan guardianBefore, TimeSpan agentBefore) = (guardian.ProcessorTime, agent.ProcessorTime);
        await Task.Delay(TimeSpan.FromSeconds(_arguments.Seconds));
        double seconds = clock.Elapsed.TotalSeconds;
        double agentShare = (agent.ProcessorTime - agentBefore).TotalSeconds / seconds;
        double guardianShare = (guardian.ProcessorTime - guardianBefore).TotalSeconds / seconds;
        string what = ranks > 0 ? string.Create(CultureInfo.InvariantCulture, $"{ranks} ranks, a step and a report a second,") : "idle";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what} for {seconds:0} s, of a core:"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"agent    {agentShare:P2}, {agent.ResidentBytes / 1e6:N0} MB resident"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"guardian {guardianShare:P2}, {guardian.ResidentBytes / 1e6:N0} MB resident"));
        Console.WriteLine($"the agent: {await agent.AskAsync()}; the guardian: {await guardian.AskAsync()}");
    }

    private async Task MeasureAsync()
    {
        Console.WriteLine(
            $"{Quantity.Count(_fleet.Nodes)} nodes of {ReportingFleet.RanksPerNode} ranks over {_arguments.Systems} actor systems, "
            + $"{Quantity.Count(_arguments.Jobs)} jobs of {Quantity.Count(_arguments.RanksPerJob)} ranks; one report a node and second, {_fleet.Message(0).Length} B");
        using ChildProcess guardian = await StartGuardianAsync();
        for (int i = 0; i < (_arguments.IsPrepared ? 0 : _arguments.Systems); i++)
        {
            _fabrics.Add(AkkaAgentFabric.Connect(GuardianChild.ClientOptionsOf(_port)));
        }

        if (_arguments.IsPrepared)
        {
            await using var load = new PreparedLoad(_fleet, _arguments.Systems, GuardianChild.ClientOptionsOf(_port));
            await load.MeasureAsync(guardian, _arguments.Seconds);
            return;
        }

        long begun = Stopwatch.GetTimestamp();
        for (int node = 0; node < _fleet.Nodes; node++)
        {
            _nodes.Add(new ReportingNode(_fleet, node, _fabrics[node % _fabrics.Count]));
        }

        int heard = await FlushAsync(WelcomeSecondsMax);
        Console.WriteLine($"{Quantity.Count(heard)} nodes' first reports acknowledged after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s");
        await ReportAsync(guardian);
    }

    /// <summary>Waits until the guardian has everything that was reported.</summary>
    /// <returns>Nodes of which it has.</returns>
    private async Task<int> FlushAsync(int secondsMax)
    {
        bool[] isDone = await Task.WhenAll(_nodes.Select(node => node.FlushAsync(TimeSpan.FromSeconds(secondsMax)).AsTask()));
        return isDone.Count(done => done);
    }

    private async Task ReportAsync(ChildProcess guardian)
    {
        var clock = Stopwatch.StartNew();
        TimeSpan guardianBefore = guardian.ProcessorTime;
        TimeSpan loadBefore = Environment.CpuUsage.TotalTime;
        TimeSpan begun = TimeSpan.Zero;
        int reported = 0;
        for (int second = 0; second < _arguments.Seconds; second++)
        {
            _fleet.Advance();
            PaceSecond(clock, second);
            reported += _nodes.Count;
            if ((second + 1) % SecondsPerLine != 0)
            {
                continue;
            }

            TimeSpan now = clock.Elapsed;
            TimeSpan guardianTime = guardian.ProcessorTime - guardianBefore;
            TimeSpan loadTime = Environment.CpuUsage.TotalTime - loadBefore;
            double seconds = (now - begun).TotalSeconds;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{now.TotalSeconds,4:0} s: {reported / seconds,6:N0} reports/s, {_nodes.Count(node => node.IsHeard(ReceiptSecondsMax)):N0} nodes with a receipt of the last "
                + $"{ReceiptSecondsMax} s, {_nodes.Sum(node => node.Dropped):N0} reports dropped; guardian {guardianTime.TotalSeconds / seconds,4:P0} of a core, "
                + $"{guardianTime.TotalSeconds * 1e6 / reported:0.0} µs a report, {guardian.ResidentBytes / 1e6:N0} MB; load {loadTime.TotalSeconds / seconds:P0} of a core"));
            Console.WriteLine($"        guardian: {await guardian.AskAsync()}");
            (begun, guardianBefore, loadBefore, reported) = (now, guardian.ProcessorTime, Environment.CpuUsage.TotalTime, 0);
        }

        int heard = await FlushAsync(SettleSecondsMax);
        Console.WriteLine($"after {clock.Elapsed.TotalSeconds:0} s the guardian has all of {Quantity.Count(heard)} nodes; {await guardian.AskAsync()}");
    }

    /// <summary>Has every node report, one after another over the whole second.</summary>
    private void PaceSecond(Stopwatch clock, int second)
    {
        int told = 0;
        for (int batch = 1; batch <= BatchesPerSecond; batch++)
        {
            for (int due = (int)((long)_nodes.Count * batch / BatchesPerSecond); told < due; told++)
            {
                _nodes[told].Report();
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
