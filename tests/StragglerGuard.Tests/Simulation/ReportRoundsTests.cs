using StragglerGuard.Core;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Simulation;

namespace StragglerGuard.Tests.Simulation;

public sealed class ReportRoundsTests
{
    private const long Second = 1_000_000_000;

    [Theory]
    [InlineData(100)]
    [InlineData(8_000)]
    [InlineData(30_000)]
    public void SendUntil_WhateverTheInterval_SendsEveryRecordOnceWithinAnInterval(int intervalMs)
    {
        Scenario scenario = Scenarios.Quiet() with { ReplicasPerNode = 2, Guard = new StragglerGuardOptions { Agent = new AgentSection { IntervalMs = intervalMs } } };
        var rounds = new ReportRounds(scenario, Scenarios.DrawsOf(scenario));
        var fleet = new VirtualFleet(scenario);
        VirtualPlan plan = VirtualPlan.Even(scenario);
        var heard = new List<(long Step, int Rank, long AtNs)>();
        const int steps = 40;
        long nowNs = 0;
        for (long step = 0; step < steps; step++)
        {
            FleetStep taken = fleet.Take(plan, Scenarios.FaultsAt(scenario, step), Scenarios.DrawsOf(scenario, step));
            rounds.Record(step, nowNs, plan, fleet, in taken);
            nowNs += taken.StepNs;
            rounds.SendUntil(nowNs, (atNs, reports) => heard.AddRange(Flat(reports, atNs)));
        }

        rounds.SendUntil(nowNs + (intervalMs * 1_000_000L), (atNs, reports) => heard.AddRange(Flat(reports, atNs)));
        heard.Select(one => (one.Step, one.Rank)).Should().OnlyHaveUniqueItems().And.HaveCount(steps * 4);
        heard.Select(one => one.AtNs).Should().BeInAscendingOrder();
        foreach ((long step, int rank, long atNs) in heard)
        {
            long writtenNs = (step + 1) * 8 * Second;
            atNs.Should().BeInRange(writtenNs, writtenNs + (intervalMs * 1_000_000L), $"step {step} of rank {rank}");
        }

        foreach (IGrouping<int, (long Step, int Rank, long AtNs)> rank in heard.GroupBy(one => one.Rank))
        {
            rank.Select(one => one.Step).Should().BeInAscendingOrder();
        }
    }

    [Fact]
    public void Record_OfAStep_SaysWhatTheRankWouldOnItsOwnClock()
    {
        Scenario scenario = Scenarios.Quiet(Scenarios.Compute(1, 1.5)) with { TransferSeconds = 0.5, FixedSeconds = 0.25 };
        var rounds = new ReportRounds(scenario, Scenarios.DrawsOf(scenario));
        var fleet = new VirtualFleet(scenario);
        VirtualPlan plan = VirtualPlan.Even(scenario) with { Epoch = new PlanEpoch(3) };
        FleetStep taken = fleet.Take(plan, Scenarios.FaultsAt(scenario, 0), Scenarios.DrawsOf(scenario));
        rounds.Record(7, 100 * Second, plan, fleet, in taken);
        var timings = new List<StepTiming>();
        rounds.SendUntil(200 * Second, (_, reports) => timings.AddRange(reports.SelectMany(report => report.Timings.ToArray())));
        timings.Select(timing => timing.CollectiveNs).Should().Equal(9 * Second / 2, Second / 2, 9 * Second / 2, 9 * Second / 2);
        timings.Select(timing => timing.ArrivalNs - timing.StartNs).Should().Equal(8 * Second, 12 * Second, 8 * Second, 8 * Second);
        timings.Select(timing => timing.StartNs).Should().OnlyHaveUniqueItems("no two ranks' clocks agree");
        timings.Should().AllSatisfy(timing => (timing.Step, timing.WorkUnits, timing.Weight, timing.Epoch).Should().Be((7L, 8, 8.0, new PlanEpoch(3))));
    }

    // At once: the reports are used again.
    private static (long Step, int Rank, long AtNs)[] Flat(IReadOnlyList<RankReport> reports, long atNs) =>
        [.. reports.SelectMany(report => report.Timings.ToArray()).Select(timing => (timing.Step, timing.Rank.Value, atNs))];
}
