namespace StragglerGuard.Simulation;

/// <summary>Runs the guardian's own logic against a scenario, in virtual time: what would it do to this fleet?</summary>
/// <remarks>
/// Four schedules take the same steps under the same chance: unguarded, guarded, bound and ideal (see <see cref="ScheduleFigures"/>). No clock
/// and no thread is involved: a scenario and a seed give the same result to the last digit.
/// </remarks>
public static class ScheduleSimulator
{
    /// <summary>Plays a scenario to its end.</summary>
    /// <param name="scenario">As <see cref="ScenarioReader"/> gives it.</param>
    /// <returns>Four figures over the run and for each event, and each decision.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="scenario"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no replica, or fewer micro-batches than replicas.</exception>
    public static SimulationResult Play(Scenario scenario)
    {
        ArgumentNullException.ThrowIfNull(scenario);
        ArgumentOutOfRangeException.ThrowIfLessThan(scenario.Replicas, 1, nameof(scenario));
        ArgumentOutOfRangeException.ThrowIfLessThan(scenario.MicroBatches, scenario.Replicas, nameof(scenario));
        var draws = new StepDraws(scenario);
        using var guard = new GuardedSchedule(scenario, draws);
        var unguarded = new ScheduleRun(scenario, new EvenSchedule(scenario));
        var guarded = new ScheduleRun(scenario, guard);
        var bound = new ScheduleRun(scenario, new BestSchedule(scenario));
        var ideal = new ScheduleRun(scenario, new BestSchedule(scenario), isSpared: true);
        ScheduleRun[] runs = [unguarded, guarded, bound, ideal];
        for (long step = 0; runs.Any(run => !run.IsOver(step)); step++)
        {
            draws.Draw(step);
            foreach (ScheduleRun run in runs)
            {
                if (!run.IsOver(step))
                {
                    run.Take(draws);
                }
            }
        }

        IReadOnlyList<SimulatedDecision> decisions = guard.Decisions;
        return new SimulationResult(
            scenario.Name, scenario.Replicas, scenario.Ranks, scenario.MicroBatches, guarded.Whole.Steps, guarded.Whole.Ns * 1e-9,
            FiguresOf(run => run.Whole), FiguresOf(run => run.Settled),
            [.. scenario.Events.Select((one, i) => new EventFigures(one, FiguresOf(run => run.OfEvents[i]), FirstPlanWithin(one, decisions)))],
            decisions, decisions.Count(decision => decision.PredictedStepSeconds is not null), guard.PolicyReason);

        ScheduleFigures FiguresOf(Func<ScheduleRun, Tally> tally) => new(
            tally(unguarded).UnitsPerSecond, tally(guarded).UnitsPerSecond, tally(bound).UnitsPerSecond, tally(ideal).UnitsPerSecond);
    }

    private static long? FirstPlanWithin(ScenarioEvent one, IReadOnlyList<SimulatedDecision> decisions) =>
        decisions.FirstOrDefault(decision => decision.InForceFromStep is not null && one.HoldsAt(decision.Step, decision.AtSeconds))?.InForceFromStep;
}
