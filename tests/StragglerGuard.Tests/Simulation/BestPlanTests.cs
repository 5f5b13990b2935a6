using StragglerGuard.Simulation;

namespace StragglerGuard.Tests.Simulation;

public sealed class BestPlanTests
{
    private const int Seed = 20;

    [Fact]
    public void For_OfSmallFleets_IsAsShortAsTheBestOfAllDealsAndSubsets()
    {
        var random = new Random(Seed);
        for (int trial = 0; trial < 60; trial++)
        {
            double[] factors = [.. Enumerable.Range(0, 4).Select(_ => random.Next(3) == 0 ? 1 + (random.Next(40) * 0.25) : 1.0)];
            double[] links = [.. Enumerable.Range(0, 4).Select(_ => random.Next(3) == 0 ? 1 + (random.Next(8) * 0.5) : 1.0)];
            Scenario scenario = Scenarios.Quiet(
                [.. Enumerable.Range(0, 4).SelectMany(replica => new[] { Scenarios.Compute(replica, factors[replica]), Scenarios.Link(replica, links[replica]) })]) with
            {
                MicroBatches = random.Next(4, 11),
                TransferSeconds = random.Next(1, 5) * 0.5,
                Classes = [new ReplicaClass("H100", 4, 1.0, MicroBatchesMax: random.Next(4, 9), 1)],
            };
            string because = $"seed {Seed}, trial {trial}, factors {string.Join(' ', factors)}, links {string.Join(' ', links)}";
            StepSeconds(scenario with { Mitigations = ScenarioMitigations.Rebalance })
                .Should().BeApproximately(Shortest(scenario, factors, links, mayEvict: false), 1e-9, because);
            StepSeconds(scenario with { Mitigations = ScenarioMitigations.Rebalance | ScenarioMitigations.Evict })
                .Should().BeApproximately(Shortest(scenario, factors, links, mayEvict: true), 1e-9, because);
        }
    }

    [Fact]
    public void For_WhereNothingIsAllowed_IsTheEvenDeal() =>
        new BestPlan(Scenarios.Quiet(Scenarios.Compute(0, 3)) with { Mitigations = ScenarioMitigations.None })
            .For(Scenarios.FaultsAt(Scenarios.Quiet(Scenarios.Compute(0, 3)), 0)).Shares.Should().Equal(8, 8, 8, 8);

    [Fact]
    public void For_UnderStalls_CountsThemAtTheirMean()
    {
        // Replica 0 takes 1 + 0.5·(3 − 1) = 2 s on average: 5 units against 9, not 8.
        Scenario scenario = Scenarios.Quiet(Scenarios.Stall(probability: 0.5, factor: 3, last: 0));
        new BestPlan(scenario).For(Scenarios.FaultsAt(scenario, 0)).Shares.Should().Equal(5, 9, 9, 9);
    }

    [Fact]
    public void For_UnderRareLongStalls_TakesABackupOrADeadlineWhereAllowed()
    {
        // Eight replicas, each five times slower in one step of ten: 57 % of the steps wait for somebody.
        Scenario scenario = Scenarios.Quiet(Scenarios.Stall(probability: 0.1, factor: 5, last: 7)) with
        {
            Classes = [new ReplicaClass("H100", 8, 1.0, 64, 1)], MicroBatches = 64, Noise = 0.01, Steps = 400, Mitigations = ScenarioMitigations.Backup,
        };
        FaultState faults = Scenarios.FaultsAt(scenario, 0);
        new BestPlan(scenario).For(faults).Backups.Should().BeInRange(1, 3);
        VirtualPlan deadline = new BestPlan(scenario with { Mitigations = ScenarioMitigations.Deadline }).For(faults);
        (deadline.Backups, deadline.DeadlineNs > 0).Should().Be((0, true));
        ScheduleFigures figures = ScheduleSimulator.Play(scenario).Whole;
        figures.Bound.Should().BeInRange(1.3 * figures.Unguarded, figures.Ideal);
        ScheduleFigures none = ScheduleSimulator.Play(scenario with { Mitigations = ScenarioMitigations.None }).Whole;
        none.Bound.Should().Be(none.Unguarded);
    }

    [Fact]
    public void For_WithoutTails_DeclinesBackupsAndDeadlines()
    {
        Scenario scenario = Scenarios.Quiet() with
        {
            Noise = 0.01, TransferSeconds = 0.5, Mitigations = ScenarioMitigations.Rebalance | ScenarioMitigations.Backup | ScenarioMitigations.Deadline,
        };
        VirtualPlan plan = new BestPlan(scenario).For(Scenarios.FaultsAt(scenario, 0));
        (plan.Backups, VirtualFleetStep(plan, scenario).UnitsCounted).Should().Be((0, 32L));
    }

    private static FleetStep VirtualFleetStep(VirtualPlan plan, Scenario scenario) =>
        new VirtualFleet(scenario).Take(plan, Scenarios.FaultsAt(scenario, 0), Scenarios.DrawsOf(scenario));

    private static double StepSeconds(Scenario scenario)
    {
        FaultState faults = Scenarios.FaultsAt(scenario, 0);
        return new VirtualFleet(scenario).Take(new BestPlan(scenario).For(faults), faults, Scenarios.DrawsOf(scenario)).StepNs * 1e-9;
    }

    /// <summary>Tries everything: a share of 0 stands for a replica that left.</summary>
    private static double Shortest(Scenario scenario, double[] factors, double[] links, bool mayEvict)
    {
        double shortest = double.PositiveInfinity;
        int cap = scenario.Classes[0].MicroBatchesMax;
        int[] shares = new int[4];
        Try(0, scenario.MicroBatches);
        return shortest;

        void Try(int replica, int left)
        {
            if (replica == 4)
            {
                if (left == 0)
                {
                    double longest = 0;
                    double link = 0;
                    for (int i = 0; i < 4; i++)
                    {
                        longest = Math.Max(longest, shares[i] * factors[i]);
                        link = shares[i] > 0 ? Math.Max(link, links[i]) : link;
                    }

                    shortest = Math.Min(shortest, longest + (link * scenario.TransferSeconds));
                }

                return;
            }

            for (int share = mayEvict ? 0 : 1; share <= Math.Min(left, cap); share++)
            {
                shares[replica] = share;
                Try(replica + 1, left - share);
            }
        }
    }
}
