using System.Text;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;
using StragglerGuard.Simulation;

namespace StragglerGuard.Tests.Simulation;

/// <summary>Small scenarios whose figures can be worked out by hand.</summary>
internal static class Scenarios
{
    /// <summary>Four replicas of 1 s a micro-batch, eight micro-batches each, no noise.</summary>
    public static Scenario Quiet(params ScenarioEvent[] events) => new()
    {
        Name = "quiet",
        Classes = [new ReplicaClass("H100", 4, 1.0, 64, 1)],
        MicroBatches = 32,
        Noise = 0,
        Steps = 10,
        Guard = new StragglerGuardOptions { Mode = PolicyMode.Act },
        Events = events,
    };

    public static ScenarioEvent Compute(int replica, double factor, double from = 0, double to = double.PositiveInfinity) =>
        new("slow", ScenarioEventKind.Compute, [new ReplicaRange(replica, replica)], factor, 1, from, to, IsTimed: false);

    public static ScenarioEvent Link(int replica, double factor, double from = 0, double to = double.PositiveInfinity) =>
        new("link", ScenarioEventKind.Link, [new ReplicaRange(replica, replica)], factor, 1, from, to, IsTimed: false);

    public static ScenarioEvent Stall(double probability, double factor, int last = 3) =>
        new("stall", ScenarioEventKind.Stall, [new ReplicaRange(0, last)], factor, probability, 0, double.PositiveInfinity, IsTimed: false);

    public static Scenario Read(string json)
    {
        ScenarioOutcome outcome = ScenarioReader.ReadBytes(Encoding.UTF8.GetBytes(json), "s.json");
        outcome.Errors.Should().BeEmpty();
        return outcome.Scenario!;
    }

    public static FaultState FaultsAt(Scenario scenario, long step)
    {
        var faults = new FaultState(scenario, isSpared: false);
        faults.Advance(step, seconds: step);
        return faults;
    }

    public static StepDraws DrawsOf(Scenario scenario, long step = 0)
    {
        var draws = new StepDraws(scenario);
        draws.Draw(step);
        return draws;
    }
}
