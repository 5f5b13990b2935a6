using System.Text.Json;
using System.Text.Json.Serialization;
using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;

namespace StragglerGuard.Ledger;

/// <summary>
/// The decisions as JSON objects. Names of properties and enumerations are part of the ledger's format: a test holds every kind's text. A
/// change that older text doesn't fit takes a new version in <see cref="DecisionFormat"/>.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    IgnoreReadOnlyProperties = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    Converters =
    [
        typeof(JobIdConverter), typeof(GenerationConverter), typeof(RankConverter), typeof(NodeIdConverter), typeof(PlanEpochConverter),
        typeof(JobPlanConverter),
        typeof(NamedEnum<VerdictKind>), typeof(NamedEnum<Cause>), typeof(NamedEnum<MitigationKind>), typeof(NamedEnum<PolicyMode>),
        typeof(NamedEnum<ActuationKind>), typeof(NamedEnum<RefusalCause>),
    ])]
[JsonSerializable(typeof(StragglerFound))]
[JsonSerializable(typeof(StragglerCleared))]
[JsonSerializable(typeof(NumberSkipped))]
[JsonSerializable(typeof(CommonShiftSeen))]
[JsonSerializable(typeof(PlanDecided))]
[JsonSerializable(typeof(PlanInForce))]
[JsonSerializable(typeof(PlanGraded))]
[JsonSerializable(typeof(MitigationRefused))]
[JsonSerializable(typeof(MitigationAdvised))]
[JsonSerializable(typeof(WorkerEvicted))]
[JsonSerializable(typeof(WorkerReadmitted))]
[JsonSerializable(typeof(HangFound))]
[JsonSerializable(typeof(ModeChanged))]
[JsonSerializable(typeof(ActuationRequested))]
[JsonSerializable(typeof(ActuationDone))]
[JsonSerializable(typeof(GuardianTookOver))]
[JsonSerializable(typeof(PlanFields))]
internal sealed partial class DecisionJson : JsonSerializerContext;

/// <summary>A plan, field by field.</summary>
internal sealed record PlanFields(long Epoch, int Generation, int[] Shares, long DeadlineNs, int Backups)
{
    /// <summary>Written where it is set only.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Trial { get; init; }
}

/// <summary>Enumerations by name, never by number: a name that isn't known is no decision that can be read.</summary>
internal sealed class NamedEnum<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.CamelCase, allowIntegerValues: false)
    where T : struct, Enum;

internal sealed class JobIdConverter : JsonConverter<JobId>
{
    public override JobId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(reader.GetString() ?? throw new JsonException("a job has no name"));

    public override void Write(Utf8JsonWriter writer, JobId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);
}

internal sealed class NodeIdConverter : JsonConverter<NodeId>
{
    public override NodeId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(reader.GetString() ?? throw new JsonException("a node has no name"));

    public override void Write(Utf8JsonWriter writer, NodeId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);
}

internal sealed class GenerationConverter : JsonConverter<Generation>
{
    public override Generation Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetInt32());

    public override void Write(Utf8JsonWriter writer, Generation value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Value);
}

internal sealed class RankConverter : JsonConverter<Rank>
{
    public override Rank Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetInt32());

    public override void Write(Utf8JsonWriter writer, Rank value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Value);
}

internal sealed class PlanEpochConverter : JsonConverter<PlanEpoch>
{
    public override PlanEpoch Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetInt64());

    public override void Write(Utf8JsonWriter writer, PlanEpoch value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Value);
}

internal sealed class JobPlanConverter : JsonConverter<JobPlan>
{
    public override JobPlan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        PlanFields fields = JsonSerializer.Deserialize(ref reader, DecisionJson.Default.PlanFields) ?? throw new JsonException("a plan is null");
        return new JobPlan(new PlanEpoch(fields.Epoch), new Generation(fields.Generation), fields.Shares, fields.DeadlineNs, fields.Backups, fields.Trial);
    }

    public override void Write(Utf8JsonWriter writer, JobPlan value, JsonSerializerOptions options) => JsonSerializer.Serialize(
        writer,
        new PlanFields(value.Epoch.Value, value.Generation.Value, value.Shares.ToArray(), value.DeadlineNs, value.Backups) { Trial = value.IsTrial },
        DecisionJson.Default.PlanFields);
}
