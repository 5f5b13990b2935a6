using System.Threading.Channels;
using Akka.Actor;
using Akka.Cluster;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Ranks;
using StragglerGuard.AkkaCluster.Tests.Settings;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Agents;

public sealed class MemberReturnTests
{
    private const string PutOut = "it was put out";
    private const string Back = "have this process among them again";

    private static readonly NodeId Node = new("node-a");

    [Fact]
    public async Task Member_ThatIsPutOutAgainAndAgain_ReportsWhatWaitedAndItsRanksGoOn()
    {
        // A port of its own: the next system needs the one that the former had.
        await using var fabric = new LoopbackFabric(AgentMembership.Members, agentPort: LoopbackSystems.FreePort());
        ServedGuardian served = await fabric.ServeAsync();
        using IGuardianPort guardian = served.OpenGuardian();
        var offers = Channel.CreateUnbounded<OfferedPlan>();
        using IAgentPort agent = fabric.Agents.OpenAgent(Node, offer => offers.Writer.TryWrite(offer));
        using var steps = new SemaphoreSlim(0);
        using var taken = new SemaphoreSlim(0);
        RankCrew crew = fabric.AkkaAgents.RunRanks([new Stepwise(steps, taken, last: 3)]);
        agent.Report(Reports.Report(1));
        (await guardian.Reports.Next()).Sequence.Should().Be(1);
        (await agent.FlushAsync(Patience.Limit)).Should().BeTrue();

        for (int time = 1; time <= 2; time++)
        {
            ActorSystem before = fabric.AkkaAgents.System;
            served.PutOut(Cluster.Get(before).SelfAddress);
            await before.WhenTerminated.WaitAsync(Patience.Limit);
            agent.Report(Reports.Report(2 * time));
            steps.Release();
            (await taken.WaitAsync(Patience.Limit)).Should().BeTrue("a rank does not notice");
            agent.Report(Reports.Report((2 * time) + 1));
            ValueTask<bool> flushed = agent.FlushAsync(Patience.Limit);

            await fabric.Hear(PutOut);
            await fabric.Hear(Back);
            (await guardian.Reports.Next(2)).Select(report => report.Sequence).Should().Equal(2 * time, (2 * time) + 1);
            (await flushed).Should().BeTrue("who waits for receipts waits for those of the guardian that it finds again");
            fabric.AkkaAgents.System.Should().NotBeSameAs(before);
        }

        guardian.Offer(Reports.Offer(5), Reports.Nodes("node-a"));
        (await offers.Reader.Next()).Should().Be(Reports.Offer(5));
        agent.ReportsDropped.Should().Be(0);
        fabric.Said.Where(said => said.Contains("can't join")).Should().BeEmpty();
        crew.EndOf(0).IsCompleted.Should().BeFalse();
        steps.Release();
        (await crew.EndOf(0).WaitAsync(Patience.Limit)).Should().Be(new RankEnd(0, Cause: null, Steps: 3));
    }

    [Fact]
    public async Task Member_WhoseLastGuardianLeaves_ReportsToTheOneThatComesAgain()
    {
        await using var fabric = new LoopbackFabric(AgentMembership.Members);
        ServedGuardian first = await fabric.ServeAsync();
        IGuardianPort guardian = first.OpenGuardian();
        using IAgentPort agent = fabric.Agents.OpenAgent(Node, _ => { });
        agent.Report(Reports.Report(1));
        (await guardian.Reports.Next()).Sequence.Should().Be(1);
        (await agent.FlushAsync(Patience.Limit)).Should().BeTrue();

        await first.DisposeAsync();
        await fabric.Hear("the last guardian has left");
        agent.Report(Reports.Report(2));
        ServedGuardian next = await fabric.ServeAsync();
        guardian = next.OpenGuardian();

        (await guardian.Reports.Next()).Sequence.Should().Be(2);
        fabric.AkkaAgents.Guardian.Should().Be(next.Name);
        fabric.Said.Should().NotContain(said => said.Contains(PutOut), "it left by itself");
    }

    [Fact]
    public async Task Agents_ThatBeginAndEndWhileTheirProcessIsOut_AreHeardOrForgotten()
    {
        await using var fabric = new LoopbackFabric(AgentMembership.Members);
        ServedGuardian served = await fabric.ServeAsync();
        using IGuardianPort guardian = served.OpenGuardian();
        IAgentPort former = fabric.Agents.OpenAgent(Node, _ => { });
        former.Report(Reports.Report(1));
        (await guardian.Reports.Next()).Sequence.Should().Be(1);
        ActorSystem before = fabric.AkkaAgents.System;

        served.PutOut(Cluster.Get(before).SelfAddress);
        await before.WhenTerminated.WaitAsync(Patience.Limit);
        former.Dispose();
        using IAgentPort late = fabric.Agents.OpenAgent(new NodeId("node-b"), _ => { });
        late.Report(Reports.Report(7, "node-b"));

        NodeReport heard;
        do
        {
            heard = await guardian.Reports.Next();
        }
        while (heard.Node == Node);
        heard.Sequence.Should().Be(7);
        await ((AgentPort)former).Ended.WaitAsync(Patience.Limit);
        (await former.FlushAsync(Patience.Limit)).Should().BeFalse();
    }

    [Fact]
    public async Task Fabric_ThatClosesWhileItsMemberIsOut_Ends()
    {
        await using var fabric = new LoopbackFabric(AgentMembership.Members);
        ServedGuardian served = await fabric.ServeAsync();
        using IGuardianPort guardian = served.OpenGuardian();
        using IAgentPort agent = fabric.Agents.OpenAgent(Node, _ => { });
        agent.Report(Reports.Report(1));
        await guardian.Reports.Next();
        ActorSystem before = fabric.AkkaAgents.System;
        served.PutOut(Cluster.Get(before).SelfAddress);
        await before.WhenTerminated.WaitAsync(Patience.Limit);

        await fabric.AkkaAgents.DisposeAsync();

        fabric.AkkaAgents.System.WhenTerminated.IsCompleted.Should().BeTrue();
        fabric.Said.Should().NotContain(said => said.Contains("without waiting further"));
    }

    private sealed class Stepwise(SemaphoreSlim steps, SemaphoreSlim taken, int last) : IRankWork
    {
        private int _taken;

        public bool Advance()
        {
            steps.Wait(Patience.Limit).Should().BeTrue();
            taken.Release();
            return ++_taken < last;
        }
    }
}
