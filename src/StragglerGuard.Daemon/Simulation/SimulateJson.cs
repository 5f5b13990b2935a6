using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Simulation;

namespace StragglerGuard.Daemon.Simulation;

/// <summary>The result of a simulation as one JSON object on one line.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SimulationDocument))]
internal sealed partial class SimulateJson : JsonSerializerContext
{
    // Reasons hold × and → signs: readable in a terminal, and no page ever embeds this line.
    private static readonly SimulateJson Readable = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static string Line(SimulationResult result) => JsonSerializer.Serialize(
        new SimulationDocument(
            result.Name, result.Replicas, result.Ranks, result.MicroBatches, result.Steps, result.VirtualSeconds,
            Entry(result.Whole), Entry(result.Settled),
            [.. result.Events.Select(one => new EventEntry(
                one.Event.Name, JsonNumbers.Camel(one.Event.Kind), one.Event.Factor, one.Event.From, JsonNumbers.Known(one.Event.To),
                one.Event.IsTimed ? "seconds" : "steps", one.FirstPlanStep, Entry(one.Figures)))],
            [.. result.Decisions.Select(decision => new DecisionEntry(
                decision.Sequence, decision.Step, decision.AtSeconds, decision.Kind, decision.Reason, JsonNumbers.Known(decision.PredictedStepSeconds),
                decision.InForceFromStep, JsonNumbers.Known(decision.RealisedStepSeconds)))],
            result.PlansDecided, result.PolicyReason),
        Readable.SimulationDocument);

    private static FiguresEntry Entry(ScheduleFigures figures) => new(
        JsonNumbers.Known(figures.Unguarded), JsonNumbers.Known(figures.Guarded), JsonNumbers.Known(figures.Bound), JsonNumbers.Known(figures.Ideal), JsonNumbers.Known(figures.OfBound),
        JsonNumbers.Known(figures.Recovery), JsonNumbers.Known(figures.BoundRecovery), JsonNumbers.Known(figures.ShareOfBound));
}

internal sealed record SimulationDocument(
    string Name, int Replicas, long Ranks, int MicroBatches, long Steps, double VirtualSeconds, FiguresEntry Whole, FiguresEntry Settled,
    IReadOnlyList<EventEntry> Events, IReadOnlyList<DecisionEntry> Decisions, int PlansDecided, string PolicyReason);

internal sealed record FiguresEntry(
    double? Unguarded, double? Guarded, double? Bound, double? Ideal, double? OfBound, double? Recovery, double? BoundRecovery, double? ShareOfBound);

internal sealed record EventEntry(
    string Name, string Kind, double Factor, double From, double? To, string TimedBy, long? FirstPlanStep, FiguresEntry Figures);

internal sealed record DecisionEntry(
    long Sequence, long Step, double AtSeconds, string Kind, string Reason, double? PredictedStepSeconds, long? InForceFromStep, double? RealisedStepSeconds);
