using System.Threading.Channels;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.Tests.Agent;

public sealed class SkewRetoldTests
{
    /// <summary>A measurement of the exit skew comes every 512 steps: whoever hears of the job in between would have to wait.</summary>
    [Fact]
    public async Task ExitSkew_WhenAnotherGuardianHears_IsToldAgainOnce()
    {
        var fabric = new WatchedWay();
        InProcessGroup group = InProcessGroup.Create(1);
        using var device = new CpuDevice();
        using var agent = new NodeAgent(fabric, new NodeId("node-0"), new AgentSection { IntervalMs = 60_000 });
        using RankGuard guard = agent.Join(GuardedRanks.Enrollment(0, 1), new Communicator(group.Transports[0], device));
        Step(guard);
        StepTiming[] first = await NextAsync(agent, fabric);
        StepTiming[] measured = [.. first.Where(record => record.Kind == TimingKind.SkewProbe)];
        measured.Should().HaveCount(5);

        Step(guard);
        (await NextAsync(agent, fabric)).Should().OnlyContain(record => record.Kind == TimingKind.Step, "nobody else hears");
        fabric.GuardiansMet++;
        Step(guard);
        StepTiming[] told = await NextAsync(agent, fabric);
        Step(guard);
        StepTiming[] after = await NextAsync(agent, fabric);

        told[..5].Should().Equal(measured);
        told[5..].Should().ContainSingle().Which.Step.Should().Be(2);
        after.Should().ContainSingle().Which.Step.Should().Be(3);
    }

    private static void Step(RankGuard guard)
    {
        guard.BeginStep();
        guard.Vote(1);
    }

    private static async Task<StepTiming[]> NextAsync(NodeAgent agent, WatchedWay fabric)
    {
        agent.Hurry();
        return (await fabric.Reports.Reader.Next()).Ranks.Single().Timings.ToArray();
    }

    private sealed class WatchedWay : IAgentFabric, IAgentPort
    {
        private long _guardiansMet;

        public Channel<NodeReport> Reports { get; } = Channel.CreateUnbounded<NodeReport>();

        public long ReportsDropped => 0;

        public long GuardiansMet
        {
            get => Volatile.Read(ref _guardiansMet);
            set => Volatile.Write(ref _guardiansMet, value);
        }

        public IAgentPort OpenAgent(NodeId node, Action<OfferedPlan> onOffer) => this;

        public void Report(NodeReport report) => Reports.Writer.TryWrite(report);

        public ValueTask<bool> FlushAsync(TimeSpan timeout) => ValueTask.FromResult(true);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        public void Dispose()
        {
            // Read by the test afterwards.
        }
    }
}
