using System.Net;
using System.Net.Sockets;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Guardians;

/// <summary>Several guardians in this process, each with an actor system of its own, on loopback, with one ledger in a file.</summary>
internal sealed class GuardiansUnderTest : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stragglerguard-guardians-");
    private readonly List<int> _ports;
    private readonly Lock _gate = new();
    private readonly List<(Func<bool> Condition, TaskCompletionSource Met)> _awaited = [];

    public GuardiansUnderTest(int count, string? ledger = null)
    {
        _ports = FreePorts(count);
        Ledger = ledger ?? Path.Combine(_folder.FullName, "guard.ledger");
        Nodes = new GuardianNode?[count];
        TokenFile = Path.Combine(_folder.FullName, "control.token");
        File.WriteAllText(TokenFile, "a token of these guardians\n");
    }

    public string Ledger { get; }

    public string TokenFile { get; }

    public GuardianNode?[] Nodes { get; }

    public List<string> Complaints { get; } = [];

    public List<LedgerEntry> Told { get; } = [];

    public GuardianNode Deciding => Nodes.Single(node => node is { IsDeciding: true })!;

    public int DecidingNow => Nodes.Count(node => node is { IsDeciding: true });

    public PolicyMode Mode { get; init; } = PolicyMode.Observe;

    /// <summary>What a guardian's options are changed to before it starts.</summary>
    public Func<int, StragglerGuardOptions, StragglerGuardOptions> Change { get; init; } = (_, options) => options;

    /// <summary>The options of a guardian; of an agent where the index is −1.</summary>
    public StragglerGuardOptions OptionsOf(int index) => new()
    {
        Job = "llm-7b",
        Mode = Mode,
        Ledger = new LedgerSection { Location = Ledger },
        Cluster = new ClusterSection
        {
            Port = index < 0 ? null : _ports[index],
            Guardians = string.Join(", ", _ports.Select(port => $"127.0.0.1:{port}")),
            FailureSeconds = 1,
            SettleSeconds = 1,
            ControlTokenFile = index < 0 ? "" : TokenFile,
        },
    };

    public async Task StartAllAsync()
    {
        await Task.WhenAll(Enumerable.Range(0, Nodes.Length).Select(StartAsync));
        await WhenAllStand();
    }

    /// <summary>Waits until one decides, and all others stand by.</summary>
    public Task WhenAllStand() =>
        When(() => DecidingNow == 1 && Nodes.All(node => node!.Standing is GuardianStanding.Deciding or GuardianStanding.StandingBy));

    public async Task StartAsync(int index)
    {
        GuardianNode node = await GuardianNode.StartAsync(Change(index, OptionsOf(index)));
        node.Complained += complaint => Note(() => Complaints.Add(complaint));
        node.Decided += entry => Note(() => Told.Add(entry));
        node.StandingChanged += _ => Note(() => { });
        Note(() => Nodes[index] = node);
    }

    public async Task StopAsync(GuardianNode node)
    {
        await node.DisposeAsync();
        Note(() => Nodes[Array.IndexOf(Nodes, node)] = null);
    }

    /// <summary>Waits until something is so, looked at whenever a guardian tells something.</summary>
    public Task When(Func<bool> condition, TimeSpan? within = null)
    {
        var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _awaited.Add((condition, met));
        }

        Note(() => { });
        return met.Task.WaitAsync(within ?? Patience.Limit);
    }

    /// <summary>What happens outside of the guardians.</summary>
    public void Note(Action change)
    {
        lock (_gate)
        {
            change();
            foreach ((Func<bool> condition, TaskCompletionSource met) in _awaited)
            {
                if (!met.Task.IsCompleted && condition())
                {
                    met.SetResult();
                }
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (GuardianNode? node in Nodes)
        {
            if (node is not null)
            {
                await node.DisposeAsync();
            }
        }

        _folder.Delete(recursive: true);
    }

    private static List<int> FreePorts(int count)
    {
        List<TcpListener> listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        listeners.ForEach(listener => listener.Start());
        List<int> ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        listeners.ForEach(listener => listener.Dispose());
        return ports;
    }
}
