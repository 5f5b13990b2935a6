using StragglerGuard.Simulation;
using static StragglerGuard.Daemon.CommandLine.TerminalText;

namespace StragglerGuard.Daemon.Simulation;

/// <summary>The result of a simulation in words.</summary>
internal static class SimulateText
{
    private const int EventsShown = 64;
    private const int DecisionsShown = 200;
    private const int ReplicasShown = 4;
    private const int NameWidth = 26;

    public static IEnumerable<string> Lines(SimulationResult result)
    {
        string ranks = result.Ranks == result.Replicas ? "of one rank each" : Say($"of {result.Ranks} ranks");
        yield return Say($"{result.Name}: {result.Replicas} replicas {ranks}, {result.MicroBatches} micro-batches a step");
        yield return Say($"{result.Steps} steps guarded, {TimeSpan.FromSeconds(Math.Round(result.VirtualSeconds)):c} of virtual time");
        yield return "";
        yield return "micro-batches/s              unguarded     guarded       bound       ideal   of bound   loss won back   of the bound's";
        yield return Row("whole run", result.Whole);
        yield return Row("last quarter", result.Settled);
        foreach (EventFigures one in result.Events.Take(EventsShown))
        {
            yield return Row(one.Event.Name, one.Figures);
        }

        if (result.Events.Count > EventsShown)
        {
            yield return Say($"and {result.Events.Count - EventsShown} more events");
        }

        yield return "of bound: guarded / bound; loss won back: (guarded - unguarded) / (ideal - unguarded); of the bound's: (guarded - unguarded) / (bound - unguarded)";
        yield return "";
        if (result.Events.Count > 0)
        {
            yield return "Events";
        }

        foreach (EventFigures one in result.Events.Take(EventsShown))
        {
            yield return "  " + Describe(one);
        }

        yield return Say($"Decisions: {result.Decisions.Count}, {result.PlansDecided} of them plans");
        foreach (SimulatedDecision decision in result.Decisions.Take(DecisionsShown))
        {
            yield return Say($"  step {decision.Step}, {decision.AtSeconds:0.0} s: {decision.Kind} {decision.Sequence}{Outcome(decision)}");
            foreach (string line in Wrapped(decision.Reason))
            {
                yield return "    " + line;
            }
        }

        if (result.Decisions.Count > DecisionsShown)
        {
            yield return Say($"  and {result.Decisions.Count - DecisionsShown} more");
        }

        foreach (string line in Wrapped("At the end: " + result.PolicyReason))
        {
            yield return line;
        }
    }

    private static string Row(string name, ScheduleFigures figures)
    {
        string label = name.Length <= NameWidth ? name : string.Concat(name.AsSpan(0, NameWidth - 1), "…");
        return Say(
            $"{label,-NameWidth}{Number(figures.Unguarded),12}{Number(figures.Guarded),12}{Number(figures.Bound),12}{Number(figures.Ideal),12}{Percent(figures.OfBound),11}{Percent(figures.Recovery),16}{Percent(figures.ShareOfBound),17}");
    }

    private static string Describe(EventFigures figures)
    {
        ScenarioEvent one = figures.Event;
        string unit = one.IsTimed ? " s" : "";
        string until = double.IsInfinity(one.To) ? "the end" : Say($"{one.To}{unit}");
        string ranges = string.Join(", ", one.Replicas.Take(ReplicasShown).Select(range => range.First == range.Last ? Say($"{range.First}") : Say($"{range.First}-{range.Last}")));
        string more = one.Replicas.Count > ReplicasShown ? ", …" : "";
        string what = one.Kind switch
        {
            ScenarioEventKind.Compute => Say($"own work ×{one.Factor}"),
            ScenarioEventKind.Link => Say($"link ×{one.Factor}"),
            _ => Say($"own work ×{one.Factor} in {one.Probability * 100:0.##} % of the steps"),
        };
        string answer = figures.FirstPlanStep is { } step ? Say($"first plan in force at step {step}") : "no plan";
        return Say($"{one.Name}: {what} of replica {ranges}{more}, {(one.IsTimed ? "" : "step ")}{one.From}{unit} to {until}; {answer}{Remark(one.Kind)}");
    }

    private static string Remark(ScenarioEventKind kind) => kind == ScenarioEventKind.Link
        ? " (the guardian sends nobody away for a slow link: in one ring all wait alike, so the ranks' reports don't tell whose it is; the bound knows)"
        : "";

    private static string Outcome(SimulatedDecision decision) =>
        decision.PredictedStepSeconds is not { } predicted ? ""
        : decision is { InForceFromStep: { } from, RealisedStepSeconds: { } realised }
            ? Say($", in force from step {from}, predicted {predicted:0.000} s a step, realised {realised:0.000} s")
        : Say($", never in force, predicted {predicted:0.000} s a step");

    private static string Number(double value) => double.IsFinite(value) ? Say($"{value:0.000}") : "-";

    private static string Percent(double? share) => share is { } known && double.IsFinite(known) ? Say($"{known * 100:0.0} %") : "-";
}
