using System.Diagnostics;
using System.Globalization;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.Benchmarks.Workloads;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>The guardian in a process of its own, as its parent sees it and as it is inside.</summary>
internal sealed class GuardianProcess : IDisposable
{
    /// <summary>The first word of the child's command line.</summary>
    public const string Word = "--guardian";

    private readonly Process _process;

    private GuardianProcess(Process process) => _process = process;

    /// <summary>Processor time so far.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Memory that is resident now.</summary>
    /// <value>Bytes.</value>
    public long ResidentBytes => _process.WorkingSet64;

    /// <summary>Starts the child, and waits until it decides.</summary>
    public static async Task<GuardianProcess> StartAsync(int port, string ledger)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (string word in (string[])["cluster", Word, port.ToString(CultureInfo.InvariantCulture), ledger])
        {
            start.ArgumentList.Add(word);
        }

        var process = new GuardianProcess(Process.Start(start)!);
        await process._process.StandardOutput.ReadLineAsync();
        return process;
    }

    /// <summary>What the guardian says of itself, in a line.</summary>
    public async Task<string> AskAsync()
    {
        await _process.StandardInput.WriteLineAsync();
        await _process.StandardInput.FlushAsync();
        return await _process.StandardOutput.ReadLineAsync() ?? "the guardian is gone";
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    /// <summary>The child: answers every line that it is sent, until there are no more.</summary>
    public static async Task<int> ServeAsync(int port, string ledger)
    {
        GuardianNode node = await GuardianNode.StartAsync(OptionsAt(port) with { Mode = PolicyMode.Act, Ledger = new LedgerSection { Location = ledger } });
        await using (node.ConfigureAwait(false))
        {
            node.Complained += complaint => Console.Error.WriteLine($"guardian: {complaint}");
            node.EngineWarned += warning => Console.Error.WriteLine($"guardian: {warning}");
            while (!node.IsDeciding)
            {
                await Task.Delay(20);
            }

            Console.WriteLine("decides");
            while (await Console.In.ReadLineAsync() is not null)
            {
                Console.WriteLine(Describe(node));
            }
        }

        return 0;
    }

    /// <summary>The one guardian of a cluster on loopback.</summary>
    public static StragglerGuardOptions OptionsAt(int port) => new()
    {
        Cluster = new ClusterSection { Port = port, Guardians = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}") },
    };

    private static string Describe(GuardianNode node)
    {
        if (node.Post.Stay is not { } stay)
        {
            return "does not decide";
        }

        JobStatus? job = stay.Service.Status(ReportingFleet.JobOf(0));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{node.Agents:N0} agents, dropped {stay.Fabric.ReportsDropped:N0}, step {job?.LastStep ?? -1} of {ReportingFleet.JobOf(0)} judged, "
            + $"{job?.Frames.Missing ?? 0:N0} of its records missing, heap {GC.GetTotalMemory(false) / 1e6:N0} MB, "
            + $"{GC.CollectionCount(0)}/{GC.CollectionCount(1)}/{GC.CollectionCount(2)} collections, paused {GC.GetTotalPauseDuration().TotalSeconds:0.0} s");
    }
}
