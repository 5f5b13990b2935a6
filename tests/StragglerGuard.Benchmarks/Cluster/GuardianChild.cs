using System.Globalization;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.Benchmarks.Workloads;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>The guardian, in a process of its own.</summary>
internal static class GuardianChild
{
    /// <summary>The first word of the child's command line.</summary>
    public const string Word = "--guardian";

    private static long s_warnings;

    /// <summary>What its process is started with.</summary>
    public static IReadOnlyList<(string Name, string Value)> Environment { get; } =
    [
        // As a guardian of its own runs: it must not stand still while a gigabyte is looked through.
        ("DOTNET_gcConcurrent", "1"),

        // A report lives a moment longer than the smallest heaps that .NET begins with: collecting thirty times a second copies each.
        ("DOTNET_GCgen0size", "0x8000000"),
    ];

    /// <summary>Runs until its parent has no more to ask; is ready when it decides.</summary>
    public static async Task<int> ServeAsync(int port, string ledger)
    {
        GuardianNode node = await GuardianNode.StartAsync(OptionsAt(port) with { Mode = PolicyMode.Act, Ledger = new LedgerSection { Location = ledger } });
        await using (node.ConfigureAwait(false))
        {
            node.Complained += complaint => Console.Error.WriteLine($"guardian: {complaint}");
            node.EngineWarned += _ => Interlocked.Increment(ref s_warnings);
            while (!node.IsDeciding)
            {
                await Task.Delay(20);
            }

            await ChildProcess.ServeAsync(() => Describe(node));
        }

        return 0;
    }

    /// <summary>The one guardian of a cluster on loopback.</summary>
    public static StragglerGuardOptions OptionsAt(int port) => new()
    {
        Cluster = new ClusterSection { Port = port, Guardians = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}") },
    };

    /// <summary>Those of its agents.</summary>
    public static StragglerGuardOptions ClientOptionsOf(int port)
    {
        StragglerGuardOptions options = OptionsAt(port);
        return options with { Cluster = options.Cluster with { Port = null } };
    }

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
            + $"{GC.CollectionCount(0)}/{GC.CollectionCount(1)}/{GC.CollectionCount(2)} collections, paused {GC.GetTotalPauseDuration().TotalSeconds:0.0} s, {Interlocked.Read(ref s_warnings):N0} warnings of the engine");
    }
}
