using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;
using StragglerGuard.Simulation;
using StragglerGuard.Tests.Hosting;

namespace StragglerGuard.Tests.Simulation;

public sealed class ScheduleSimulatorTests
{
    [Fact]
    public void Play_OfASlowReplica_HasTheFiguresWorkedOutByHand()
    {
        // Even: 8 units × 1.6 = 12.8 s. Best: 5 × 1.6 = 8 s, and 27 over three are 9 s. Ideal: 8 s. Each plus 0.5 s.
        SimulationResult result = ScheduleSimulator.Play(Scenarios.Quiet(Scenarios.Compute(0, 1.6)) with { TransferSeconds = 0.3, FixedSeconds = 0.2 });
        result.Whole.Unguarded.Should().BeApproximately(32 / 13.3, 1e-9);
        result.Whole.Bound.Should().BeApproximately(32 / 9.5, 1e-9);
        result.Whole.Ideal.Should().BeApproximately(32 / 8.5, 1e-9);
        result.Whole.BoundRecovery.Should().BeApproximately(((32 / 9.5) - (32 / 13.3)) / ((32 / 8.5) - (32 / 13.3)), 1e-9);
        result.Events.Should().ContainSingle().Which.Figures.Bound.Should().Be(result.Whole.Bound, "it lasts as long as the run");
    }

    [Fact]
    public void Play_OfASlowLink_IsBeyondADealButNotBeyondAnEviction()
    {
        // Ring 1 s × 6. Deal: 8 + 6 = 14 s. Without replica 2: ⌈32/3⌉ = 11, + 1 = 12 s.
        Scenario scenario = Scenarios.Quiet(Scenarios.Link(2, 6)) with { TransferSeconds = 1 };
        ScheduleSimulator.Play(scenario).Whole.Bound.Should().BeApproximately(32.0 / 14, 1e-9);
        ScheduleSimulator.Play(scenario with { Mitigations = ScenarioMitigations.Rebalance | ScenarioMitigations.Evict })
            .Whole.Bound.Should().BeApproximately(32.0 / 12, 1e-9);
    }

    [Fact]
    public void Play_OfAnEventWithAnEnd_CountsItsStepsAlone()
    {
        SimulationResult result = ScheduleSimulator.Play(Scenarios.Quiet(Scenarios.Compute(0, 2, from: 2, to: 5)));

        // Three steps of 16 s and seven of 8 s.
        result.Whole.Unguarded.Should().BeApproximately(320.0 / ((3 * 16) + (7 * 8)), 1e-9);
        result.Events[0].Figures.Unguarded.Should().BeApproximately(32.0 / 16, 1e-9);
        result.Events[0].Figures.Ideal.Should().BeApproximately(32.0 / 8, 1e-9);
        result.Settled.Unguarded.Should().BeApproximately(32.0 / 8, 1e-9);
    }

    [Fact]
    public void Play_ByHoursAndSeconds_FollowsEverySchedulesOwnClock()
    {
        // From 40 s to 100 s replica 0 is twice as slow. Even: five steps of 8 s, four of 16 s up to 104 s. Ideal: never slower.
        var slow = new ScenarioEvent("slow", ScenarioEventKind.Compute, [new ReplicaRange(0, 0)], 2, 1, 40, 100, IsTimed: true);
        SimulationResult result = ScheduleSimulator.Play(Scenarios.Quiet(slow) with { Steps = null, Hours = 0.1 });
        result.Events[0].Figures.Unguarded.Should().BeApproximately(32.0 / 16, 1e-9);

        // 360 s: 9 steps up to 104 s, then 32 of 8 s.
        result.Whole.Unguarded.Should().BeApproximately(41 * 32 / 360.0, 1e-9);
        result.Whole.Ideal.Should().BeApproximately(32.0 / 8, 1e-9);
    }

    [Fact]
    public void Play_OfAMixedFleetWithoutEvents_HasItsBestDealAsIdeal()
    {
        Scenario scenario = Scenarios.Quiet() with { Classes = [new ReplicaClass("slow", 2, 1, 64, 1), new ReplicaClass("fast", 2, 0.5, 64, 1)], MicroBatches = 48 };
        SimulationResult result = ScheduleSimulator.Play(scenario);
        result.Whole.Unguarded.Should().BeApproximately(48.0 / 12, 1e-9);
        result.Whole.Ideal.Should().BeApproximately(48.0 / 8, 1e-9);
        result.Whole.Bound.Should().Be(result.Whole.Ideal);
    }

    [Fact]
    public void Play_InActMode_LetsTheGuardianWinBackMostOfTheBound()
    {
        SimulationResult result = ScheduleSimulator.Play(Noisy(PolicyMode.Act));
        result.Decisions.Select(decision => decision.Kind).Should().Contain(["stragglerFound", "stragglerCleared", "planDecided", "planInForce", "planGraded"]);
        result.Whole.ShareOfBound.Should().BeGreaterThan(0.9);
        SimulatedDecision plan = result.Decisions.First(decision => decision.PredictedStepSeconds is not null);
        plan.InForceFromStep.Should().BeInRange(plan.Step + 2, plan.Step + 4, "it is copied at the next step, voted for there, and in force after");
        plan.RealisedStepSeconds.Should().BeApproximately(plan.PredictedStepSeconds!.Value, 0.05 * plan.PredictedStepSeconds.Value);
        result.Events[0].FirstPlanStep.Should().Be(plan.InForceFromStep);
    }

    [Theory]
    [InlineData(PolicyMode.Observe)]
    [InlineData(PolicyMode.Advise)]
    public void Play_WhereTheGuardianMayNotAct_IsAsIfItWereNotThere(PolicyMode mode)
    {
        SimulationResult result = ScheduleSimulator.Play(Noisy(mode));
        result.Whole.Guarded.Should().Be(result.Whole.Unguarded);
        result.PlansDecided.Should().Be(0);
        result.Decisions.Should().Contain(decision => decision.Kind == "stragglerFound", "it looks on all the same");
        result.Decisions.Any(decision => decision.Kind == "mitigationAdvised").Should().Be(mode == PolicyMode.Advise);
    }

    [Fact]
    public void Play_WhereNoMitigationIsAllowed_LeavesTheDealAlone()
    {
        SimulationResult result = ScheduleSimulator.Play(Noisy(PolicyMode.Act) with { Mitigations = ScenarioMitigations.None });
        (result.Whole.Guarded, result.Whole.Bound).Should().Be((result.Whole.Unguarded, result.Whole.Unguarded));
    }

    [Fact]
    public void Play_OfTheGuardsOwnOptions_HeedsThem()
    {
        var deaf = new StragglerGuardOptions { Mode = PolicyMode.Act, Policy = new PolicySection { MinGain = 0.9 } };
        ScheduleSimulator.Play(Noisy(PolicyMode.Act) with { Guard = deaf }).PlansDecided.Should().Be(0);
    }

    [Fact]
    public void Play_Twice_GivesTheSameToTheLastDigit()
    {
        SimulationResult once = ScheduleSimulator.Play(Noisy(PolicyMode.Act));
        SimulationResult again = ScheduleSimulator.Play(Noisy(PolicyMode.Act));
        again.Should().BeEquivalentTo(once, options => options.WithStrictOrdering());
        ScheduleSimulator.Play(Noisy(PolicyMode.Act) with { Seed = 2 }).Whole.Should().NotBe(once.Whole);
    }

    [Fact]
    public void Play_OfADyingReplica_EvictsItOnceAndTakesItBackWhenItIsWell()
    {
        // Four micro-batches each: one alone takes the dying replica 2 s, all the others' four take them 1 s.
        Scenario scenario = Small(Scenarios.Compute(5, 8, from: 200, to: 900)) with
        {
            Mitigations = ScenarioMitigations.Rebalance | ScenarioMitigations.Evict, MicroBatches = 64, Steps = 1_400,
        };
        SimulationResult result = ScheduleSimulator.Play(scenario);
        result.Decisions.Where(decision => decision.Kind is "workerEvicted" or "workerReadmitted").Select(decision => decision.Kind)
            .Should().Equal("workerEvicted", "workerReadmitted");
        result.Whole.Guarded.Should().BeGreaterThan(2 * result.Whole.Unguarded);
        result.Settled.Guarded.Should().BeApproximately(result.Settled.Ideal, 0.001 * result.Settled.Ideal, "everyone is back");

        SimulationResult kept = ScheduleSimulator.Play(scenario with { Mitigations = ScenarioMitigations.Rebalance });
        kept.Decisions.Should().NotContain(decision => decision.Kind == "workerEvicted");
        kept.Whole.Guarded.Should().BeLessThan(result.Whole.Guarded);
    }

    [Fact]
    public void Play_OfAnEviction_ChargesTheRegrouping()
    {
        Scenario scenario = Small(Scenarios.Compute(5, 8, from: 200)) with
        {
            Mitigations = ScenarioMitigations.Rebalance | ScenarioMitigations.Evict, MicroBatches = 64, Steps = 400, Noise = 0,
        };
        SimulationResult result = ScheduleSimulator.Play(scenario);
        SimulatedDecision evicted = result.Decisions.Single(decision => decision.Kind == "workerEvicted");
        SimulatedDecision decided = result.Decisions.Last(decision => decision.InForceFromStep is not null && decision.Sequence < evicted.Sequence);
        (evicted.AtSeconds - decided.AtSeconds).Should().BeInRange(
            scenario.Guard.Mitigation.RegroupSeconds, scenario.Guard.Mitigation.RegroupSeconds + (4 * 2.2), "it comes into force within four steps, and then groups form");
    }

    [Theory]
    [InlineData(ScenarioMitigations.Backup)]
    [InlineData(ScenarioMitigations.Deadline)]
    public void Play_UnderRandomStalls_ShortensTheTail(ScenarioMitigations allowed)
    {
        Scenario scenario = Small(Scenarios.Stall(probability: 0.1, factor: 5, last: 7)) with
        {
            Classes = [new ReplicaClass("H100", 8, 0.25, 64, 1)], MicroBatches = 128, Steps = 600, Mitigations = ScenarioMitigations.Rebalance | allowed,
        };
        SimulationResult result = ScheduleSimulator.Play(scenario);
        result.Settled.Guarded.Should().BeGreaterThan(1.3 * result.Settled.Unguarded);

        // A prediction is the mean of some forty steps with rare long ones: one draw says little about its bias, several do.
        double[] ratios = [.. Enumerable.Range(1, 8).Select(seed => ScheduleSimulator.Play(scenario with { Seed = seed })
            .Decisions.First(decision => decision.PredictedStepSeconds is not null)).Select(plan => plan.RealisedStepSeconds!.Value / plan.PredictedStepSeconds!.Value)];
        ratios.Average().Should().BeApproximately(1, 0.1, $"means are held against means, seeds 1 to 8: {string.Join(" ", ratios)}");
        result.Decisions.Should().ContainSingle(decision => decision.Kind == "planGraded").Which.Reason.Should().EndWith("it stays");
        ScheduleSimulator.Play(scenario with { Events = [] }).PlansDecided.Should().Be(0, "without tails nothing is won");
    }

    [Fact]
    public void Play_OfTheTwelveEvents_WinsBackWhatIsPromised()
    {
        SimulationResult result = ScheduleSimulator.Play(Shipped("twelve-events.json"));
        result.Events.Should().HaveCount(12);
        result.Whole.ShareOfBound.Should().BeGreaterThanOrEqualTo(0.9);
        result.Whole.Recovery.Should().BeGreaterThanOrEqualTo(0.75);
        result.Decisions.Count(decision => decision.Kind == "workerEvicted").Should().BeLessThanOrEqualTo(2, "that is the budget of any hour");
    }

    [Fact]
    public void Play_OfColossusATenthAsLarge_ComesNearItsOptimum()
    {
        Scenario whole = Shipped("colossus-1.json");
        whole.Replicas.Should().Be(220_000);
        SimulationResult result = ScheduleSimulator.Play(whole with
        {
            MicroBatches = whole.MicroBatches / 10,
            Classes = [.. whole.Classes.Select(members => members with { Replicas = members.Replicas / 10 })],
            Steps = 24,
        });
        result.Settled.OfBound.Should().BeGreaterThanOrEqualTo(0.98);
        result.Settled.Guarded.Should().BeGreaterThan(1.05 * result.Settled.Unguarded);
    }

    private static Scenario Noisy(PolicyMode mode) => Scenarios.Quiet(Scenarios.Compute(1, 1.7, from: 60, to: 260)) with
    {
        MicroBatches = 128, Noise = 0.01, TransferSeconds = 0.5, Steps = 320, Guard = new StragglerGuardOptions { Mode = mode },
    };

    private static Scenario Small(ScenarioEvent one) => new()
    {
        Name = "small",
        Classes = [new ReplicaClass("H100", 16, 0.25, 16, 1)],
        MicroBatches = 64,
        TransferSeconds = 0.1,
        Guard = new StragglerGuardOptions { Mode = PolicyMode.Act },
        Events = [one],
    };

    private static Scenario Shipped(string name)
    {
        ScenarioOutcome outcome = ScenarioReader.ReadFile(RepositoryRoot.PathOf("config", "fleets", name));
        outcome.Errors.Should().BeEmpty();
        return outcome.Scenario!;
    }
}
