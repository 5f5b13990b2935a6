using System.Collections.Concurrent;
using System.Threading.Channels;
using Akka.Actor;
using Akka.Cluster;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.AkkaCluster.Tests.Settings;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;
using ClusterSettings = StragglerGuard.AkkaCluster.Settings.ClusterSettings;

namespace StragglerGuard.AkkaCluster.Tests.Agents;

/// <summary>
/// Agents and a guardian's system on loopback. Both halves are the product's, singleton, coordinator and receipts included; only that nobody
/// judges what comes in, which goes to the test.
/// </summary>
internal sealed class LoopbackFabric : FabricUnderTest
{
    private readonly ClusterSection _section;
    private readonly List<ServedGuardian> _served = [];
    private readonly AkkaAgentFabric _agents;

    /// <param name="membership">Of the agents. A member that is put out is to be gone soon.</param>
    /// <param name="shown">What all show each other; null: no TLS.</param>
    /// <param name="agentPort">Of the agents; null: a free one.</param>
    public LoopbackFabric(AgentMembership membership = AgentMembership.Clients, Certificates.Shown? shown = null, int? agentPort = null)
    {
        int port = LoopbackSystems.FreePort();
        _section = LoopbackSystems.Section(shown, $"127.0.0.1:{port}") with { Agents = membership, Port = agentPort, FailureSeconds = 1, SettleSeconds = 1 };
        GuardianSection = _section with { Port = port };
        _agents = AkkaAgentFabric.Connect(LoopbackSystems.Options(_section), Note);
    }

    public override IAgentFabric Agents => _agents;

    public AkkaAgentFabric AkkaAgents => _agents;

    public ConcurrentQueue<string> Said { get; } = [];

    /// <summary>The same as it comes.</summary>
    public Channel<string> Sayings { get; } = Channel.CreateUnbounded<string>();

    public override int ReportsPending => AgentPort.WaitingMax;

    public ClusterSection GuardianSection { get; }

    public override async Task<IGuardianFabric> ServeGuardianAsync() => await ServeAsync();

    /// <summary>Starts a guardian's system and waits until it takes agents in.</summary>
    public async Task<ServedGuardian> ServeAsync()
    {
        ServedGuardian served = await ServedGuardian.StartAsync(GuardianSection);
        _served.Add(served);
        return served;
    }

    /// <summary>Waits until something is said that contains the words.</summary>
    public async Task Hear(string words)
    {
        while (!(await Sayings.Reader.Next()).Contains(words))
        {
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await _agents.DisposeAsync();
        foreach (ServedGuardian served in _served)
        {
            await served.DisposeAsync();
        }
    }

    private void Note(string said)
    {
        Said.Enqueue(said);
        Sayings.Writer.TryWrite(said);
    }
}

/// <summary>
/// A guardian's system, the only one of its cluster. Whatever comes in goes to the test: the service that would judge it ends before the
/// first report is taken in.
/// </summary>
internal sealed class ServedGuardian : IGuardianFabric
{
    private readonly ActorSystem _system;
    private readonly GuardianPost _post;
    private readonly GuardianStay _stay;

    private ServedGuardian(ActorSystem system, GuardianPost post, GuardianStay stay)
    {
        _system = system;
        _post = post;
        _stay = stay;
    }

    /// <summary>What agents are told that it is called.</summary>
    public string Name => _stay.Service.Name;

    /// <summary>The actor that takes the reports in.</summary>
    public ActorSelection Singleton => _system.ActorSelection($"/user/{GuardNames.SingletonManager}/{GuardNames.Singleton}");

    public ActorSystem System => _system;

    public static async Task<ServedGuardian> StartAsync(ClusterSection section)
    {
        StragglerGuardOptions options = LoopbackSystems.Options(section);
        var post = new GuardianPost(new GuardInstruments(), () => GuardParts.Open(options, membership: null));
        var decides = new TaskCompletionSource<GuardianStay>(TaskCreationOptions.RunContinuationsAsynchronously);
        post.PhaseChanged += () =>
        {
            // On the guardian's own thread, and so before it takes anything in.
            if (post.Stay is { } stay && stay.Service.DisposeAsync().AsTask().Wait(Patience.Limit))
            {
                decides.TrySetResult(stay);
            }
        };
        ActorSystem system = GuardActorSystem.Create(ClusterSettings.ReadOrThrow(options, ClusterRole.Guardian), _ => { });
        GuardianSingleton.Start(system, post);
        Cluster cluster = Cluster.Get(system);
        await cluster.JoinAsync(cluster.SelfAddress).WaitAsync(Patience.Limit);
        return new ServedGuardian(system, post, await decides.Task.WaitAsync(Patience.Limit));
    }

    /// <summary>Puts a member out, as the split-brain resolver does with one that nobody hears of.</summary>
    public void PutOut(Address member) => Cluster.Get(_system).Down(member);

    public IGuardianPort OpenGuardian() => _stay.Fabric.OpenGuardian();

    public async ValueTask DisposeAsync()
    {
        await _system.Terminate().WaitAsync(Patience.Limit);
        await _post.ReleasedAsync().WaitAsync(Patience.Limit);
        _post.Instruments.Dispose();
    }
}
