using System.Collections.Frozen;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using StragglerGuard.Core;

namespace StragglerGuard.Ledger;

/// <summary>
/// How a decision is written: the name of its kind, the version of that kind's format, and a JSON object. What can't be read is kept as
/// <see cref="UnreadDecision"/>, so that an older program can go on with a ledger that a newer one has written.
/// </summary>
internal static class DecisionFormat
{
    // Reasons hold × and → signs: readable in the file, and no page ever embeds this text.
    private static readonly DecisionJson Json = new(new JsonSerializerOptions(DecisionJson.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    private static readonly (string Name, int Version, JsonTypeInfo Fields)[] Kinds =
    [
        ("stragglerFound", 1, Json.StragglerFound),
        ("stragglerCleared", 1, Json.StragglerCleared),
        ("numberSkipped", 1, Json.NumberSkipped),
        ("commonShiftSeen", 1, Json.CommonShiftSeen),
        ("planDecided", 1, Json.PlanDecided),
        ("planInForce", 1, Json.PlanInForce),
        ("planGraded", 1, Json.PlanGraded),
        ("mitigationRefused", 1, Json.MitigationRefused),
        ("mitigationAdvised", 1, Json.MitigationAdvised),
        ("workerEvicted", 1, Json.WorkerEvicted),
        ("workerReadmitted", 1, Json.WorkerReadmitted),
        ("hangFound", 1, Json.HangFound),
        ("modeChanged", 1, Json.ModeChanged),
        ("actuationRequested", 1, Json.ActuationRequested),
        ("actuationDone", 1, Json.ActuationDone),
        ("guardianTookOver", 1, Json.GuardianTookOver),
    ];

    private static readonly FrozenDictionary<Type, (string Name, int Version, JsonTypeInfo Fields)> ByType =
        Kinds.ToFrozenDictionary(kind => kind.Fields.Type);

    private static readonly FrozenDictionary<string, (string Name, int Version, JsonTypeInfo Fields)> ByName =
        Kinds.ToFrozenDictionary(kind => kind.Name, StringComparer.Ordinal);

    /// <summary>Writes a decision.</summary>
    /// <exception cref="ArgumentException">It is of a type that has no format.</exception>
    public static DecisionText Write(LedgerDecision decision)
    {
        if (decision is UnreadDecision unread)
        {
            return new DecisionText(unread.Kind, unread.Version, unread.Payload);
        }

        var kind = KindOf(decision);
        return new DecisionText(kind.Name, kind.Version, JsonSerializer.Serialize(decision, kind.Fields));
    }

    /// <summary>The name of a decision's kind.</summary>
    /// <exception cref="ArgumentException">It is of a type that has no format.</exception>
    public static string NameOf(LedgerDecision decision) => decision is UnreadDecision unread ? unread.Kind : KindOf(decision).Name;

    /// <summary>Reads a decision; what can't be read is kept as it is.</summary>
    public static LedgerDecision Read(JobId job, Generation generation, long step, DecisionText text)
    {
        if (!ByName.TryGetValue(text.Kind, out var kind))
        {
            return Unread("of a kind that this program does not know");
        }

        if (text.Version != kind.Version)
        {
            return Unread(Say($"version {text.Version} of this kind, this program reads {kind.Version}"));
        }

        try
        {
            return (LedgerDecision?)JsonSerializer.Deserialize(text.Payload, kind.Fields) ?? Unread("the text is null");
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException or InvalidOperationException or FormatException)
        {
            return Unread(fault.Message);
        }

        UnreadDecision Unread(string why) => new(
            job, generation, step, text.Kind, text.Version, text.Payload, ReasonIn(text.Payload) is { } own ? $"{own} (not read: {why})" : $"not read: {why}");
    }

    private static (string Name, int Version, JsonTypeInfo Fields) KindOf(LedgerDecision decision) =>
        ByType.TryGetValue(decision.GetType(), out var kind)
            ? kind
            : throw new ArgumentException($"A decision of the type {decision.GetType().Name} has no format in the ledger.", nameof(decision));

    /// <summary>What every decision has, whatever its kind.</summary>
    private static string? ReasonIn(string payload)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(payload);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("reason", out JsonElement reason) && reason.ValueKind == JsonValueKind.String
                    ? reason.GetString()
                    : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A decision as it is written.</summary>
/// <param name="Kind">The name of its kind.</param>
/// <param name="Version">Of that kind's format, 1, 2 …</param>
/// <param name="Payload">All of its fields, a JSON object.</param>
internal readonly record struct DecisionText(string Kind, int Version, string Payload);
