using System.Threading.Channels;
using Akka.Actor;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Tests.Settings;
using StragglerGuard.Core;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Guardians;

public sealed class CoordinatorActorTests : IDisposable
{
    private readonly ActorSystem _system = ActorSystem.Create("coordinator", "akka.loglevel = OFF");
    private readonly GuardInstruments _instruments = new();
    private readonly IActorRef _coordinator;
    private readonly IActorRef _agent;
    private readonly ChannelReader<object> _heard;

    public CoordinatorActorTests()
    {
        var post = new GuardianPost(_instruments, () => throw new InvalidOperationException("nobody claims a ledger here"));
        _coordinator = _system.ActorOf(Props.Create(() => new CoordinatorActor(post)));
        (_agent, _heard) = LoopbackSystems.Listen(_system, "agent");
    }

    public void Dispose()
    {
        _system.Terminate().Wait(Patience.Limit);
        _system.Dispose();
        _instruments.Dispose();
    }

    [Fact]
    public async Task Plan_ThatIsNotTheGuardians_IsNotHandedDown()
    {
        _coordinator.Tell(new AgentHello(new NodeId("node-a"), _agent));

        _coordinator.Tell(new PlanOffered(Reports.Offer(3)));
        _coordinator.Tell(Order(4, "node-a"));

        (await _heard.Next()).Should().Be(new PlanOffered(Reports.Offer(4)));
    }

    [Fact]
    public async Task Agent_ThatGivesTheCoordinatorsAddressForItsOwn_StartsNoRound()
    {
        _coordinator.Tell(new AgentHello(new NodeId("node-a"), _agent));
        _coordinator.Tell(new AgentHello(new NodeId("node-b"), _coordinator));

        _coordinator.Tell(Order(4, "node-a", "node-b"));
        (await _heard.Next()).Should().Be(new PlanOffered(Reports.Offer(4)));
        _coordinator.Tell(Order(5, "node-a"));

        (await _heard.Next()).Should().Be(new PlanOffered(Reports.Offer(5)));
    }

    [Fact]
    public async Task Plan_ForSomeNodes_GoesWhereTheirAgentsAreNow()
    {
        (IActorRef other, ChannelReader<object> others) = LoopbackSystems.Listen(_system, "other");
        _coordinator.Tell(new AgentHello(new NodeId("node-a"), _agent));
        _coordinator.Tell(new AgentHello(new NodeId("node-b"), other));
        _coordinator.Tell(Order(1, "node-b"));
        _coordinator.Tell(Order(2, "node-a"));
        (await _heard.Next()).Should().Be(new PlanOffered(Reports.Offer(2)));

        // One process's agent is another node's from now on, and the other one ends.
        _coordinator.Tell(new AgentHello(new NodeId("node-b"), _agent));
        _coordinator.Tell(new AgentGoodbye(new NodeId("node-b"), other));
        _coordinator.Tell(Order(3, "node-a"));
        _coordinator.Tell(Order(4, "node-b"));
        (await _heard.Next()).Should().Be(new PlanOffered(Reports.Offer(4)));
        _coordinator.Tell(new AgentHello(new NodeId("node-c"), other));
        _coordinator.Tell(new CoordinatorActor.ToEveryAgent(new GuardianFarewell("guardian")));

        (await _heard.Next()).Should().Be(new GuardianFarewell("guardian"));
        (await others.Next(2)).Should().Equal(new PlanOffered(Reports.Offer(1)), new GuardianFarewell("guardian"));
    }

    private static CoordinatorActor.ToNodes Order(long epoch, params string[] nodes) => new(new PlanOffered(Reports.Offer(epoch)), Reports.Nodes(nodes));
}
