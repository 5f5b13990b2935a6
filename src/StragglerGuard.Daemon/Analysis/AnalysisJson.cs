using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using StragglerGuard.Core.WhatIf;
using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Traces;

namespace StragglerGuard.Daemon.Analysis;

/// <summary>The result of an analysis as one JSON object on one line.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(WhatIfDocument))]
[JsonSerializable(typeof(CollectivesDocument))]
internal sealed partial class AnalysisJson : JsonSerializerContext
{
    // Reasons hold × and → signs: readable in a terminal, and no page ever embeds this line.
    private static readonly AnalysisJson Readable = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static string Line(WhatIfReport report) => JsonSerializer.Serialize(
        new WhatIfDocument
        {
            Slowdown = JsonNumbers.Known(report.Slowdown),
            Waste = JsonNumbers.Known(report.Waste),
            StepSeconds = JsonNumbers.Known(report.StepSeconds),
            IdealStepSeconds = JsonNumbers.Known(report.IdealStepSeconds),
            SlowWorkerShare = JsonNumbers.Known(report.SlowWorkerShare),
            LastStageShare = JsonNumbers.Known(report.LastStageShare),
            ByOperation = report.ByOperation.ToDictionary(operation => operation.Name, operation => JsonNumbers.Known(operation.Slowdown)),
            ByReplica = [.. report.ByReplica.Select(replica => JsonNumbers.Known(replica.Slowdown))],
            ByStage = [.. report.ByStage.Select(stage => JsonNumbers.Known(stage.Slowdown))],
            Workers = [.. report.Workers.Select(worker => new WorkerEntry(
                worker.Replica, worker.Stage, JsonNumbers.Known(worker.Slowdown), JsonNumbers.Known(worker.GainIfIdeal)))],
            Class = JsonNumbers.Camel(report.Class),
            Culprits = [.. report.Culprits.Select(culprit => new CulpritEntry(
                culprit.Replica, culprit.Stage, culprit.Rank, JsonNumbers.Known(culprit.Ratio)))],
            Advice = [.. report.Advice.Select(advice => new AdviceEntry(
                Mitigations.NameOf(advice.Action), JsonNumbers.Known(advice.PredictedGain), advice.Reason))],
        },
        Readable.WhatIfDocument);

    public static string Line(KinetoReading reading) => JsonSerializer.Serialize(
        new CollectivesDocument([.. reading.Collectives.Select(collective => new CollectiveEntry(
            collective.Name, collective.SizeBytes, collective.LastRank, collective.LagSeconds, collective.TransferSeconds, collective.Ranks, collective.Group))]),
        Readable.CollectivesDocument);
}

internal sealed record WhatIfDocument
{
    [JsonPropertyName("S")]
    public required double? Slowdown { get; init; }

    public required double? Waste { get; init; }

    [JsonPropertyName("T")]
    public required double? StepSeconds { get; init; }

    [JsonPropertyName("TIdeal")]
    public required double? IdealStepSeconds { get; init; }

    [JsonPropertyName("MW")]
    public required double? SlowWorkerShare { get; init; }

    [JsonPropertyName("MS")]
    public required double? LastStageShare { get; init; }

    public required IReadOnlyDictionary<string, double?> ByOperation { get; init; }

    public required IReadOnlyList<double?> ByReplica { get; init; }

    public required IReadOnlyList<double?> ByStage { get; init; }

    public required IReadOnlyList<WorkerEntry> Workers { get; init; }

    public required string Class { get; init; }

    public required IReadOnlyList<CulpritEntry> Culprits { get; init; }

    public required IReadOnlyList<AdviceEntry> Advice { get; init; }
}

internal sealed record WorkerEntry(int Replica, int Stage, double? Slowdown, double? WhatIf);

internal sealed record CulpritEntry(int? Replica, int Stage, int? Rank, double? Ratio);

internal sealed record AdviceEntry(string Action, double? PredictedGain, string Reason);

internal sealed record CollectivesDocument(IReadOnlyList<CollectiveEntry> Collectives);

internal sealed record CollectiveEntry(
    string Name, long? Size, int? LastRank, IReadOnlyList<double> LagSeconds, double TransferSeconds, IReadOnlyList<int> Ranks, string Group);
