using System.Threading.Channels;
using Akka.Actor;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Ranks;
using StragglerGuard.AkkaCluster.Tests.Settings;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Agents;

public sealed class AkkaAgentFabricTests
{
    private static readonly NodeId Node = new("node-a");

    private readonly Channel<OfferedPlan> _offers = Channel.CreateUnbounded<OfferedPlan>();

    [Theory]
    [InlineData(AgentMembership.Members, false)]
    [InlineData(AgentMembership.Members, true)]
    [InlineData(AgentMembership.Clients, true)]
    public async Task Agents_OfEitherMembershipWithAndWithoutTls_ReportAndHearOffers(AgentMembership membership, bool isEncrypted)
    {
        using var certificates = new Certificates();
        await using var fabric = new LoopbackFabric(
            membership, isEncrypted ? certificates.Issue(certificates.NewAuthority("house"), "everybody") : null);
        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        using var agent = fabric.Agents.OpenAgent(Node, offer => _offers.Writer.TryWrite(offer));

        agent.Report(Reports.Report(1));

        (await guardian.Reports.Next()).Sequence.Should().Be(1);
        guardian.Offer(Reports.Offer(5), Reports.Nodes("node-a"));
        (await _offers.Reader.Next()).Should().Be(Reports.Offer(5));
        (await agent.FlushAsync(Patience.Limit)).Should().BeTrue();
    }

    [Fact]
    public async Task Agents_WhoseGuardianEnds_ReportToTheNextOneAndSayWhoItIs()
    {
        await using var fabric = new LoopbackFabric();
        ServedGuardian first = await fabric.ServeAsync();
        IGuardianPort guardian = first.OpenGuardian();
        using var agent = fabric.Agents.OpenAgent(Node, offer => _offers.Writer.TryWrite(offer));
        fabric.AkkaAgents.Guardian.Should().BeNull();
        fabric.AkkaAgents.UnacknowledgedFor.Should().BeNull();
        agent.Report(Reports.Report(1));
        await guardian.Reports.Next();
        (await agent.FlushAsync(Patience.Limit)).Should().BeTrue();
        fabric.AkkaAgents.Guardian.Should().Be(first.Name);
        fabric.AkkaAgents.UnacknowledgedFor.Should().BeNull();

        await first.DisposeAsync();
        agent.Report(Reports.Report(2));
        agent.Report(Reports.Report(3));
        fabric.AkkaAgents.UnacknowledgedFor.Should().NotBeNull();
        ServedGuardian next = await fabric.ServeAsync();
        guardian = next.OpenGuardian();

        (await guardian.Reports.Next(2)).Select(report => report.Sequence).Should().Equal(2, 3);
        fabric.AkkaAgents.Guardian.Should().Be(next.Name);
        guardian.Offer(Reports.Offer(6), Reports.Nodes("node-a"));
        (await _offers.Reader.Next()).Should().Be(Reports.Offer(6));
        agent.ReportsDropped.Should().Be(0);
    }

    [Fact]
    public async Task Agents_OfTwoProcessesOfANode_BothHearOffersUntilEachEnds()
    {
        await using var fabric = new LoopbackFabric();
        await using var other = AkkaAgentFabric.Connect(LoopbackSystems.Options(fabric.GuardianSection with { Port = null }));
        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        var others = Channel.CreateUnbounded<OfferedPlan>();
        IAgentPort first = fabric.Agents.OpenAgent(Node, offer => _offers.Writer.TryWrite(offer));
        using IAgentPort second = other.OpenAgent(Node, offer => others.Writer.TryWrite(offer));
        foreach (IAgentPort agent in new[] { first, second })
        {
            agent.Report(Reports.Report(1));
            (await agent.FlushAsync(Patience.Limit)).Should().BeTrue();
        }

        guardian.Offer(Reports.Offer(5), Reports.Nodes("node-a"));

        (await _offers.Reader.Next()).Should().Be(Reports.Offer(5));
        (await others.Reader.Next()).Should().Be(Reports.Offer(5));

        await fabric.AkkaAgents.DisposeAsync();
        guardian.Offer(Reports.Offer(6), Reports.Nodes("node-a"));
        (await others.Reader.Next()).Should().Be(Reports.Offer(6));
    }

    [Fact]
    public async Task Agents_InASystemOfSomebodyElses_ReportAndLeaveItAlone()
    {
        await using var fabric = new LoopbackFabric();
        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        using ActorSystem theirs = ActorSystem.Create("runner", """
            akka {
              loglevel = OFF
              actor.provider = remote
              remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }
            }
            """);
        AkkaAgentFabric joined = AkkaAgentFabric.Join(theirs, LoopbackSystems.Options(fabric.GuardianSection));
        IAgentPort agent = joined.OpenAgent(Node, offer => _offers.Writer.TryWrite(offer));

        agent.Report(Reports.Report(1));

        (await guardian.Reports.Next()).Sequence.Should().Be(1);
        guardian.Offer(Reports.Offer(5), Reports.Nodes("node-a"));
        (await _offers.Reader.Next()).Should().Be(Reports.Offer(5));
        RankCrew crew = joined.RunRanks([new Nothing()]);
        (await crew.Ended.WaitAsync(Patience.Limit)).Should().Equal(new RankEnd(0, Cause: null, Steps: 1));
        theirs.Serialization.FindSerializerFor(new ReportReceipt(1)).Should().BeOfType<FabricSerializer>();
        await joined.DisposeAsync();
        theirs.WhenTerminated.IsCompleted.Should().BeFalse("it is not ours to end");
        await theirs.Terminate();
    }

    [Fact]
    public async Task Guardian_ThatLacksAReport_AcknowledgesNothingBehindIt()
    {
        await using var fabric = new LoopbackFabric();
        ServedGuardian served = await fabric.ServeAsync();
        (IActorRef agent, ChannelReader<object> heard) = LoopbackSystems.Listen(served.System, "agent");

        foreach ((long sequence, long distance) in ((long, long)[])[(1, 0), (3, 1), (2, 0), (3, 1)])
        {
            served.Singleton.Tell(new AgentReport(Reports.Report(sequence), WantsReceipt: true) { Agent = 5, Distance = distance }, agent);
        }

        (await heard.Next(4)).Should().Equal(
            new ReportReceipt(1), new ReportReceipt(1, LacksOlder: true), new ReportReceipt(2), new ReportReceipt(3));
    }

    [Fact]
    public async Task Agents_ThatHaveEnded_AreForgottenWhenTheNextOneBegins()
    {
        await using var fabric = new LoopbackFabric();
        ServedGuardian served = await fabric.ServeAsync();
        IAgentPort former = fabric.Agents.OpenAgent(Node, _ => { });
        former.Report(Reports.Report(1));
        (await former.FlushAsync(Patience.Limit)).Should().BeTrue();
        fabric.AkkaAgents.Guardian.Should().Be(served.Name);
        former.Report(Reports.Report(2, records: (16 << 20) / 128));
        (await former.FlushAsync(Patience.Limit)).Should().BeTrue();
        fabric.AkkaAgents.ReportsDropped.Should().Be(1);

        former.Dispose();
        await ((AgentPort)former).Actor.WatchAsync().WaitAsync(Patience.Limit);
        await served.DisposeAsync();
        using IAgentPort next = fabric.Agents.OpenAgent(Node, _ => { });

        fabric.AkkaAgents.Guardian.Should().BeNull("nobody answered the one that there is");
        fabric.AkkaAgents.ReportsDropped.Should().Be(1, "what was dropped stays dropped");
    }

    [Fact]
    public void Join_OfASystemThatReachesNobody_IsAMistake()
    {
        using ActorSystem local = ActorSystem.Create("alone", "akka.loglevel = OFF");

        FluentActions.Invoking(() => AkkaAgentFabric.Join(local, LoopbackSystems.Options(LoopbackSystems.Section())))
            .Should().Throw<ArgumentException>().WithMessage("the actor system alone has neither cluster nor remoting*");
    }

    [Fact]
    public void Connect_WithOptionsThatDontHold_SaysEveryProblem() =>
        FluentActions.Invoking(() => AkkaAgentFabric.Connect(new StragglerGuardOptions()))
            .Should().Throw<ArgumentException>().WithMessage("cluster.guardians: empty*");

    [Fact]
    public async Task OpenAgent_AfterItClosed_IsAMistake()
    {
        var fabric = AkkaAgentFabric.Connect(LoopbackSystems.Options(LoopbackSystems.Section()));
        await fabric.DisposeAsync();
        await fabric.DisposeAsync();

        fabric.Invoking(f => f.OpenAgent(Node, _ => { })).Should().Throw<ObjectDisposedException>();
    }

    private sealed class Nothing : IRankWork
    {
        public bool Advance() => false;
    }
}
