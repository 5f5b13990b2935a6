using StragglerGuard.Agent;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.Tests.Agent;

/// <summary>What an agent says of ranks that leave, and of workers that wait no longer.</summary>
public sealed class DepartureTests
{
    [Theory]
    [InlineData(1, false, true)]
    [InlineData(1, true, false)]
    [InlineData(0, false, false)]
    public void Rank_ThatLeaves_SaysWhetherForAnotherGeneration(int generation, bool isTrained, bool regroups)
    {
        using var job = new GuardedRanks(2);
        var offer = new OfferedPlan(new JobId("job"), default, new JobPlan(new PlanEpoch(1), new Generation(generation), [9, 11]));
        job.Run(2, (rank, step) =>
        {
            if (step == 1)
            {
                job.Fabrics[rank].Deliver(offer);
            }
        });
        RankGuard guard = job.Guards[0];
        guard.Plan.Epoch.Should().Be(new PlanEpoch(1));
        if (isTrained)
        {
            guard.Complete();
        }

        guard.Dispose();
        job.Agents[0].Dispose();

        RankReport last = job.Fabrics[0].Reports.SelectMany(report => report.Ranks).Last();
        (last.Left, last.Regroups).Should().Be((true, regroups));
    }

    [Fact]
    public async Task Node_WhoseLastWorkerWaitsNoLonger_SaysSoOnce()
    {
        await using var fabric = new InProcessFabric();
        using IGuardianPort guardian = fabric.OpenGuardian();
        using var agent = new NodeAgent(fabric, new NodeId("node"), new AgentSection { IntervalMs = 600_000 });
        StandbyGuard waiting = agent.StandBy(
            new StandbyReport(new JobId("job"), 1, 4, new WorkerId(new NodeId("node"), "GPU-1"), new DeviceClass("H100"), null), left: null);
        waiting.Tried(0.5);
        (await guardian.Reports.ReadAsync().AsTask().WaitAsync(Patience.Limit)).Standby.Should().ContainSingle().Which.SecondsPerUnit.Should().Be(0.5);

        waiting.Dispose();

        NodeReport last = await guardian.Reports.ReadAsync().AsTask().WaitAsync(Patience.Limit);
        (last.Standby.Count, last.Ranks.Count).Should().Be((0, 0));
        agent.Dispose();
        guardian.Reports.TryRead(out _).Should().BeFalse("there is nothing more to tell");
    }
}
