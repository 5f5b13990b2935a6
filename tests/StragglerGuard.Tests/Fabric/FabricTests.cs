using System.Collections.Concurrent;
using System.Threading.Channels;
using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Fabric;

/// <summary>What holds of every fabric.</summary>
public abstract class FabricTests
{
    private static readonly NodeId NodeA = new("node-a");

    [Fact]
    public async Task Reports_OfOneAgent_ArriveWholeAndInOrder()
    {
        await using var fabric = Create();
        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        using var agent = fabric.Agents.OpenAgent(NodeA, _ => { });
        var sent = Enumerable.Range(1, 100).Select(i => Reports.Report(i)).ToList();

        sent.ForEach(agent.Report);

        var arrived = await guardian.Reports.Next(sent.Count);
        arrived.Zip(sent).Should().OnlyContain(pair => Reports.Same(pair.First, pair.Second));
        agent.ReportsDropped.Should().Be(0);
    }

    [Fact]
    public async Task Reports_OfSeveralAgents_ArriveInTheOrderOfEach()
    {
        await using var fabric = Create();
        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        using var first = fabric.Agents.OpenAgent(NodeA, _ => { });
        using var second = fabric.Agents.OpenAgent(new NodeId("node-b"), _ => { });

        for (int i = 1; i <= 50; i++)
        {
            first.Report(Reports.Report(i, "node-a"));
            second.Report(Reports.Report(i, "node-b"));
        }

        var arrived = await guardian.Reports.Next(100);
        foreach (var node in arrived.GroupBy(report => report.Node))
        {
            node.Select(report => report.Sequence).Should().Equal(Enumerable.Range(1, 50).Select(i => (long)i), $"{node.Key} sent them so");
        }
    }

    [Fact]
    public async Task Reports_BeforeThereIsAGuardian_AreDeliveredOnceItComes()
    {
        await using var fabric = Create();
        using var agent = fabric.Agents.OpenAgent(NodeA, _ => { });
        agent.Report(Reports.Report(1));
        agent.Report(Reports.Report(2));

        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();

        (await guardian.Reports.Next(2)).Select(report => report.Sequence).Should().Equal(1, 2);
    }

    [Fact]
    public async Task Guardian_ThatComes_IsMetBeforeItHears()
    {
        await using var fabric = Create();
        using var agent = fabric.Agents.OpenAgent(NodeA, _ => { });
        long before = agent.GuardiansMet;

        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        agent.Report(Reports.Report(1));
        await guardian.Reports.Next();

        agent.GuardiansMet.Should().BeGreaterThan(before, "what another guardian was told this one does not know");
    }

    [Fact]
    public async Task Report_WhileTheWayIsJammed_NeverWaitsAndTheOldestGivesWayCounted()
    {
        const int TooMany = 17;
        await using var fabric = Create();
        using var agent = fabric.Agents.OpenAgent(NodeA, _ => { });

        for (int i = 1; i <= fabric.ReportsPending + TooMany; i++)
        {
            agent.Report(Reports.Report(i));
        }

        agent.ReportsDropped.Should().Be(TooMany);
        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        var arrived = await guardian.Reports.Next(fabric.ReportsPending);
        arrived.Select(report => report.Sequence).Should().Equal(
            Enumerable.Range(TooMany + 1, fabric.ReportsPending).Select(i => (long)i), "the newest were kept, in order");
    }

    [Fact]
    public async Task Offer_WithSeveralAgents_ReachesEach()
    {
        await using var fabric = Create();
        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        var heard = Channel.CreateUnbounded<(int Agent, OfferedPlan Offer)>();
        var agents = Enumerable.Range(0, 3).Select(i => (
            Node: $"node-{i}", Port: fabric.Agents.OpenAgent(new NodeId($"node-{i}"), offer => heard.Writer.TryWrite((i, offer))))).ToArray();
        await ConnectAll(guardian, agents);

        guardian.Offer(Reports.Offer(epoch: 4, generation: 2, 9, 7), Reports.Nodes("node-2", "node-0", "node-1", "node-nobody-has"));

        var offers = await heard.Reader.Next(3);
        offers.Select(one => one.Agent).Should().BeEquivalentTo([0, 1, 2]);
        offers.Should().OnlyContain(one => one.Offer == Reports.Offer(4, 2, 9, 7), "job, generation, epoch and counts come through");
        foreach (var (_, port) in agents)
        {
            port.Dispose();
        }
    }

    [Fact]
    public async Task Offer_ForSomeNodes_ReachesTheirAgentsAndNoOthers()
    {
        await using var fabric = Create();
        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        var heard = Channel.CreateUnbounded<(string Agent, long Epoch)>();
        IAgentPort Open(string name, string node) =>
            fabric.Agents.OpenAgent(new NodeId(node), offer => heard.Writer.TryWrite((name, offer.Plan.Epoch.Value)));
        using var first = Open("a", "node-a");
        using var second = Open("a of another process", "node-a");
        using var third = Open("b", "node-b");
        using var fourth = Open("c", "node-c");
        await ConnectAll(guardian, ("node-a", first), ("node-a", second), ("node-b", third), ("node-c", fourth));

        guardian.Offer(Reports.Offer(epoch: 1), Reports.Nodes("node-a", "node-c"));
        guardian.Offer(Reports.Offer(epoch: 2), Reports.Nodes());
        guardian.Offer(Reports.Offer(epoch: 3), Reports.Nodes("node-a", "node-b", "node-c"));

        (await heard.Reader.Next(7)).Should().BeEquivalentTo(
            [("a", 1L), ("a of another process", 1), ("c", 1), ("a", 3), ("a of another process", 3), ("b", 3), ("c", 3)],
            "an agent hears in order, so what came to b before the last offer would be here");
    }

    [Fact]
    public async Task Offers_OneAfterAnother_ArriveInOrder()
    {
        await using var fabric = Create();
        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        var heard = Channel.CreateUnbounded<OfferedPlan>();
        using var agent = fabric.Agents.OpenAgent(NodeA, offer => heard.Writer.TryWrite(offer));
        await ConnectAll(guardian, ("node-a", agent));

        for (int epoch = 1; epoch <= 20; epoch++)
        {
            guardian.Offer(Reports.Offer(epoch), Reports.Nodes("node-a"));
        }

        (await heard.Reader.Next(20)).Select(offer => offer.Plan.Epoch.Value).Should().Equal(Enumerable.Range(1, 20).Select(i => (long)i));
    }

    [Fact]
    public async Task Offer_AfterAnAgentLeft_ReachesTheOthersOnly()
    {
        await using var fabric = Create();
        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        var heard = Channel.CreateUnbounded<int>();
        var left = new ConcurrentQueue<OfferedPlan>();
        var gone = fabric.Agents.OpenAgent(NodeA, left.Enqueue);
        using var stays = fabric.Agents.OpenAgent(new NodeId("node-b"), _ => heard.Writer.TryWrite(1));
        await ConnectAll(guardian, ("node-a", gone), ("node-b", stays));

        gone.Dispose();
        guardian.Offer(Reports.Offer(), Reports.Nodes("node-a", "node-b"));

        await heard.Reader.Next();
        left.Should().BeEmpty();
    }

    [Fact]
    public async Task OpenGuardian_WhileOneIsServed_IsRefused()
    {
        await using var fabric = Create();
        var served = await fabric.ServeGuardianAsync();
        var first = served.OpenGuardian();

        served.Invoking(s => s.OpenGuardian()).Should().Throw<InvalidOperationException>().WithMessage("*guardian*");
        first.IsLeader.Should().BeTrue();

        first.Dispose();
        using var second = served.OpenGuardian();
        first.Dispose();
        served.Invoking(s => s.OpenGuardian()).Should().Throw<InvalidOperationException>("the second still holds the place");
    }

    [Fact]
    public async Task Reports_WhenTheGuardiansSideCloses_Complete()
    {
        await using var fabric = Create();
        var served = await fabric.ServeGuardianAsync();
        using var guardian = served.OpenGuardian();

        await served.DisposeAsync();

        (await guardian.Reports.WaitToReadAsync().AsTask().WaitAsync(Patience.Limit)).Should().BeFalse();
    }

    [Fact]
    public async Task Flush_WithAGuardian_SaysThatAllHasLeft()
    {
        await using var fabric = Create();
        using var guardian = (await fabric.ServeGuardianAsync()).OpenGuardian();
        using var agent = fabric.Agents.OpenAgent(NodeA, _ => { });
        agent.Report(Reports.Report(1));
        agent.Report(Reports.Report(2));

        (await agent.FlushAsync(Patience.Limit)).Should().BeTrue();

        (await guardian.Reports.Next(2)).Should().HaveCount(2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Dispose_InAnyOrderAndTwice_IsQuiet(bool agentFirst)
    {
        var fabric = Create();
        var served = await fabric.ServeGuardianAsync();
        var guardian = served.OpenGuardian();
        var agent = fabric.Agents.OpenAgent(NodeA, _ => { });
        await ConnectAll(guardian, ("node-a", agent));
        List<Func<ValueTask>> parts =
        [
            Of(agent.Dispose), fabric.Agents.DisposeAsync, Of(guardian.Dispose), served.DisposeAsync,
        ];
        if (!agentFirst)
        {
            parts.Reverse();
        }

        foreach (var dispose in parts.Concat(parts))
        {
            await dispose().AsTask().WaitAsync(Patience.Limit);
        }

        agent.Invoking(a => a.Report(Reports.Report(1))).Should().NotThrow("the training process outlives the fabric");
        await fabric.DisposeAsync();
    }

    [Fact]
    public async Task OpenAgent_WithoutACallback_Throws()
    {
        await using var fabric = Create();

        fabric.Agents.Invoking(a => a.OpenAgent(NodeA, null!)).Should().Throw<ArgumentNullException>();
    }

    protected abstract FabricUnderTest Create();

    /// <summary>An agent whose report has arrived is connected, and hears offers from then on.</summary>
    private static async Task ConnectAll(IGuardianPort guardian, params (string Node, IAgentPort Port)[] agents)
    {
        foreach (var (node, port) in agents)
        {
            port.Report(Reports.Report(1, node));
        }

        await guardian.Reports.Next(agents.Length);
    }

    private static Func<ValueTask> Of(Action dispose) => () =>
    {
        dispose();
        return ValueTask.CompletedTask;
    };
}
