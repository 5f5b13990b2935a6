using StragglerGuard.Core;
using StragglerGuard.Simulation;

namespace StragglerGuard.Tests.Simulation;

public sealed class VirtualFleetTests
{
    private const long Second = 1_000_000_000;

    [Fact]
    public void Take_OfASlowReplicaAndASlowLink_LastsAsLongAsTheSlowestPlusTheRing()
    {
        Scenario scenario = Scenarios.Quiet(Scenarios.Compute(1, 1.5), Scenarios.Link(2, 3), Scenarios.Link(3, 2)) with { TransferSeconds = 0.5, FixedSeconds = 0.25 };
        (VirtualFleet fleet, FleetStep step) = Take(scenario, [8, 8, 8, 8]);
        step.Should().Be(new FleetStep(ReductionNs: 12 * Second, TransferNs: 3 * Second / 2, StepNs: (12 * Second) + (3 * Second / 2) + (Second / 4), UnitsCounted: 32));
        fleet.ComputeNs.Should().Equal(8 * Second, 12 * Second, 8 * Second, 8 * Second);
        fleet.UnitsDone.Should().Equal(8, 8, 8, 8);
    }

    [Fact]
    public void Take_OfTwoEventsOnOneReplica_MultipliesThem()
    {
        Scenario scenario = Scenarios.Quiet(Scenarios.Compute(1, 1.5), Scenarios.Compute(1, 2));
        Take(scenario, [8, 8, 8, 8]).Step.StepNs.Should().Be(24 * Second);
    }

    [Fact]
    public void Take_WithoutTheReplicaOfTheSlowLink_HasAFastRing()
    {
        Scenario scenario = Scenarios.Quiet(Scenarios.Link(2, 3)) with { TransferSeconds = 0.5 };
        (VirtualFleet fleet, FleetStep step) = Take(scenario, [11, 11, VirtualPlan.NotMember, 10]);
        step.Should().Be(new FleetStep(11 * Second, Second / 2, (11 * Second) + (Second / 2), 32));
        (fleet.ComputeNs[2], fleet.UnitsDone[2]).Should().Be((0, 0));
    }

    [Theory]
    [InlineData(8.0, 6, 30)]
    [InlineData(8.5, 6, 30)]
    [InlineData(7.5, 5, 29)]
    [InlineData(100, 8, 32)]
    public void Take_UnderADeadline_EndsTheMicroBatchThatPassesIt(double deadlineSeconds, int slowUnits, long counted)
    {
        Scenario scenario = Scenarios.Quiet(Scenarios.Compute(1, 1.5));
        var plan = new VirtualPlan(PlanEpoch.Initial, [8, 8, 8, 8], DeadlineNs: (long)(deadlineSeconds * Second));
        (VirtualFleet fleet, FleetStep step) = Take(scenario, plan);
        fleet.UnitsDone.Should().Equal(8, slowUnits, 8, 8);
        step.UnitsCounted.Should().Be(counted);
        step.StepNs.Should().Be(Math.Max(8 * Second, slowUnits * 3 * Second / 2));
    }

    [Fact]
    public void Take_WithABackup_LeavesTheLateOneOutAndLetsItRejoin()
    {
        // Micro-batches of 2.5 s on replica 1: when the others are done at 8 s it is in its fourth, which ends at 10 s.
        Scenario scenario = Scenarios.Quiet(Scenarios.Compute(1, 2.5, from: 0, to: 1)) with { TransferSeconds = 0.5 };
        var fleet = new VirtualFleet(scenario);
        var plan = new VirtualPlan(PlanEpoch.Initial, [8, 8, 8, 8], Backups: 1);
        FleetStep first = fleet.Take(plan, Scenarios.FaultsAt(scenario, 0), Scenarios.DrawsOf(scenario, 0));
        first.Should().Be(new FleetStep(8 * Second, Second / 2, (8 * Second) + (Second / 2), 24));
        fleet.IsLate.Should().Equal(false, true, false, false);
        (fleet.UnitsDone[1], fleet.ComputeNs[1], fleet.ArrivalNs[1]).Should().Be((4, 10 * Second, 8 * Second));

        // It begins 1.5 s after the others, and is late once more although it is fast again.
        FleetStep second = fleet.Take(plan, Scenarios.FaultsAt(scenario, 1), Scenarios.DrawsOf(scenario, 1));
        second.UnitsCounted.Should().Be(24);
        (fleet.UnitsDone[1], fleet.ComputeNs[1]).Should().Be((7, 7 * Second), "6.5 s of its eight are over at the cut-off");

        // 1.5 + 7 s are exactly the 8.5 s of that step.
        fleet.Take(plan, Scenarios.FaultsAt(scenario, 2), Scenarios.DrawsOf(scenario, 2)).UnitsCounted.Should().Be(32);
        fleet.IsLate.Should().AllBeEquivalentTo(false);
    }

    [Fact]
    public void Take_UnderStalls_StrikesAsOftenAsSaidAndOnlyThoseItBefalls()
    {
        Scenario scenario = Scenarios.Quiet(Scenarios.Stall(probability: 0.25, factor: 5, last: 1));
        var fleet = new VirtualFleet(scenario);
        FaultState faults = Scenarios.FaultsAt(scenario, 0);
        var draws = new StepDraws(scenario);
        int[] struck = new int[4];
        const int steps = 4_000;
        for (int step = 0; step < steps; step++)
        {
            draws.Draw(step);
            fleet.Take(VirtualPlan.Even(scenario), faults, draws);
            for (int replica = 0; replica < 4; replica++)
            {
                fleet.ComputeNs[replica].Should().BeOneOf(8 * Second, 40 * Second);
                struck[replica] += fleet.ComputeNs[replica] == 40 * Second ? 1 : 0;
            }
        }

        // Four standard deviations of a binomial count.
        double tolerance = 4 * Math.Sqrt(0.25 * 0.75 * steps);
        struck[0].Should().BeCloseTo(steps / 4, (uint)tolerance);
        struck[1].Should().BeCloseTo(steps / 4, (uint)tolerance);
        struck[2..].Should().Equal(0, 0);
    }

    [Fact]
    public void Draw_OverManySteps_HasTheMeanAndDeviationOfTheScenarioAndNoMemory()
    {
        Scenario scenario = Scenarios.Quiet() with { Noise = 0.02, Seed = 11 };
        var draws = new StepDraws(scenario);
        const int steps = 20_000;
        double sum = 0;
        double squares = 0;
        for (int step = 0; step < steps; step++)
        {
            draws.Draw(step);
            foreach (double factor in draws.Noise)
            {
                sum += factor - 1;
                squares += (factor - 1) * (factor - 1);
            }
        }

        int count = 4 * steps;
        (sum / count).Should().BeApproximately(0, 4 * 0.02 / Math.Sqrt(count));
        Math.Sqrt(squares / count).Should().BeApproximately(0.02, 0.02 * 4 / Math.Sqrt(2.0 * count));
        draws.Draw(5);
        double[] again = draws.Noise.ToArray();
        Scenarios.DrawsOf(scenario, 5).Noise.ToArray().Should().Equal(again, "a step's chance is its own");
        Scenarios.DrawsOf(scenario with { Seed = 12 }, 5).Noise.ToArray().Should().NotEqual(again);
    }

    [Fact]
    public void Draw_OfSeveralRanksToAReplica_TakesTheSlowest()
    {
        Scenario eight = Scenarios.Quiet() with { Noise = 0.01, Classes = [new ReplicaClass("H100", 4, 1, 64, 8)] };
        Scenario each = Scenarios.Quiet() with { Noise = 0.01, Classes = [new ReplicaClass("H100", 32, 1, 64, 1)] };
        double[] replicas = Scenarios.DrawsOf(eight).Noise.ToArray();
        double[] ranks = Scenarios.DrawsOf(each).Noise.ToArray();
        replicas.Should().Equal(ranks.Chunk(8).Select(members => members.Max()));
    }

    private static (VirtualFleet Fleet, FleetStep Step) Take(Scenario scenario, int[] shares) => Take(scenario, new VirtualPlan(PlanEpoch.Initial, shares));

    private static (VirtualFleet Fleet, FleetStep Step) Take(Scenario scenario, VirtualPlan plan)
    {
        var fleet = new VirtualFleet(scenario);
        return (fleet, fleet.Take(plan, Scenarios.FaultsAt(scenario, 0), Scenarios.DrawsOf(scenario)));
    }
}
