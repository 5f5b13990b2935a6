using System.Collections.Concurrent;
using System.Threading.Channels;
using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Tools.Client;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.AkkaCluster.Tests.Settings;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;
using ClusterSettings = StragglerGuard.AkkaCluster.Settings.ClusterSettings;

namespace StragglerGuard.AkkaCluster.Tests.Agents;

/// <summary>
/// Agents and a guardian's system on loopback. The guardian's half is the product's, but for the ledger and for who decides: what comes in
/// goes to the test.
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

    public override async Task<IGuardianFabric> ServeGuardianAsync() => await ServeAsync("guardian-1");

    /// <summary>Starts a guardian's system and waits until it takes agents in.</summary>
    public async Task<ServedGuardian> ServeAsync(string name)
    {
        ServedGuardian served = await ServedGuardian.StartAsync(GuardianSection, name);
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

/// <summary>A guardian's system without ledger.</summary>
internal sealed class ServedGuardian : IGuardianFabric
{
    private readonly ActorSystem _system;
    private readonly AkkaGuardianFabric _fabric;
    private readonly GuardInstruments _instruments;

    private ServedGuardian(ActorSystem system, AkkaGuardianFabric fabric, GuardInstruments instruments)
    {
        _system = system;
        _fabric = fabric;
        _instruments = instruments;
    }

    public static async Task<ServedGuardian> StartAsync(ClusterSection section, string name)
    {
        ActorSystem system = GuardActorSystem.Create(
            ClusterSettings.ReadOrThrow(LoopbackSystems.Options(section), ClusterRole.Guardian), _ => { });
        Cluster cluster = Cluster.Get(system);
        await cluster.JoinAsync(cluster.SelfAddress).WaitAsync(Patience.Limit);
        var instruments = new GuardInstruments();
        var post = new GuardianPost(instruments, () => throw new InvalidOperationException("nobody claims a ledger here"));
        IActorRef coordinator = system.ActorOf(Props.Create(() => new CoordinatorActor(post)), "coordinator");
        var fabric = new AkkaGuardianFabric(coordinator);
        IActorRef intake = system.ActorOf(Props.Create(() => new Intake(fabric, coordinator, name)), "intake");

        // Where agents look for whoever decides: members below the singleton's name, clients at the proxy's.
        system.ActorOf(Props.Create(() => new Manager(intake)), GuardNames.SingletonManager);
        ClusterClientReceptionist.Get(system).RegisterService(
            system.ActorOf(Props.Create(() => new Proxy(intake)), GuardNames.SingletonProxy));
        return new ServedGuardian(system, fabric, instruments);
    }

    /// <summary>Puts a member out, as the split-brain resolver does with one that nobody hears of.</summary>
    public void PutOut(Address member) => Cluster.Get(_system).Down(member);

    public IGuardianPort OpenGuardian() => _fabric.OpenGuardian();

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _system.Terminate();
        _instruments.Dispose();
    }

    private sealed class Intake : ReceiveActor
    {
        public Intake(AkkaGuardianFabric fabric, IActorRef coordinator, string name)
        {
            Receive<AgentReport>(report =>
            {
                fabric.Take(report.Report);
                if (report.WantsReceipt)
                {
                    Sender.Tell(new ReportReceipt(report.Report.Sequence));
                }
            });
            Receive<AgentHello>(hello =>
            {
                coordinator.Tell(hello);
                hello.ReplyTo.Tell(new GuardianWelcome(name, Self));
            });
            Receive<AgentGoodbye>(coordinator.Tell);
        }
    }

    private sealed class Manager(IActorRef intake) : UntypedActor
    {
        protected override void PreStart() => Context.ActorOf(Props.Create(() => new Proxy(intake)), GuardNames.Singleton);

        protected override void OnReceive(object message) => Unhandled(message);
    }

    private sealed class Proxy(IActorRef intake) : UntypedActor
    {
        protected override void OnReceive(object message) => intake.Forward(message);
    }
}
