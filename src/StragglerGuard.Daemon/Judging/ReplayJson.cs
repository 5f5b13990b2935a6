using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Replay;

namespace StragglerGuard.Daemon.Judging;

/// <summary>The result of a replay as one JSON object on one line.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ReplayDocument))]
internal sealed partial class ReplayJson : JsonSerializerContext
{
    // Reasons hold × and → signs: readable in a terminal, and no page ever embeds this line.
    private static readonly ReplayJson Readable = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static string Line(ReplayResult result, DealWhatIf? whatIf) => JsonSerializer.Serialize(
        new ReplayDocument(
            [.. result.Verdicts.Select(verdict => new VerdictEntry(
                verdict.Rank, verdict.Step, verdict.RaisedAtStep, JsonNumbers.Camel(verdict.Kind), JsonNumbers.Known(verdict.Slowdown),
                JsonNumbers.Camel(verdict.Cause), JsonNumbers.Known(verdict.Confidence), verdict.Reason))],
            [.. result.Changes.Select(change => new ChangeEntry(change.Rank, change.Step, change.RaisedAtStep, JsonNumbers.Known(change.Ratio)))],
            whatIf is null ? null : new WhatIfEntry(
                whatIf.MicroBatches, whatIf.Deals.EvenSeconds, whatIf.Deals.DealtSeconds, whatIf.Deals.OracleSeconds, whatIf.Deals.Gain,
                new BackupEntry(
                    whatIf.BackupWorkers.Accepted, JsonNumbers.Known(whatIf.BackupWorkers.ExpectedGain), whatIf.BackupWorkers.Reason)),
            result.Summary),
        Readable.ReplayDocument);
}

internal sealed record ReplayDocument(
    IReadOnlyList<VerdictEntry> Verdicts, IReadOnlyList<ChangeEntry> Changes, WhatIfEntry? WhatIf, string Summary);

internal sealed record VerdictEntry(
    int? Rank, long Step, long RaisedAtStep, string Kind, double? Slowdown, string Cause, double? Confidence, string Reason);

internal sealed record ChangeEntry(int? Rank, long Step, long RaisedAtStep, double? Ratio);

internal sealed record WhatIfEntry(
    int MicroBatches, double EvenSeconds, double DealtSeconds, double OracleSeconds, double Gain, BackupEntry BackupWorkers);

internal sealed record BackupEntry(bool Accepted, double? ExpectedGain, string Reason);
