using System.Text.Json;
using System.Text.Json.Serialization;

namespace StragglerGuard.EndToEnd.Tests.Running;

/// <summary>What --json promises. Read strictly: a key that is missing, or one that nobody documented, is an error.</summary>
internal sealed record RunReport
{
    private static readonly JsonSerializerOptions Strict = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
    };

    public required RankReport[] Ranks { get; init; }

    public required ThroughputReport Throughput { get; init; }

    public required VerdictReport[] Verdicts { get; init; }

    public required PlanReport[] Plans { get; init; }

    public required MitigationReport[] Mitigations { get; init; }

    public required RefusalReport[] Refused { get; init; }

    public required int[] Members { get; init; }

    public required int WaitingMicroBatches { get; init; }

    public required double LossFirst { get; init; }

    public required double LossLast { get; init; }

    public required bool WeightsIdenticalAcrossRanks { get; init; }

    public required double GradientMaxRelativeError { get; init; }

    // Not results: what they rest on.
    public required double PaceStretch { get; init; }

    public required double FixedStepSeconds { get; init; }

    public required PhasesReport Phases { get; init; }

    public static RunReport Parse(string line) =>
        JsonSerializer.Deserialize<RunReport>(line, Strict) ?? throw new JsonException("the report is null");
}

internal sealed record RankReport(
    int Rank, int? Pid, string DeviceClass, bool PaceEmulated, int MicroBatches, double? SecondsPerMicroBatch, double? LagP50Seconds,
    double? LagP95Seconds, double? LastShare, double? WaitCausedSeconds);

internal sealed record ThroughputReport(
    double UnguardedSamplesPerSecond, double GuardedSamplesPerSecond, double OptimumSamplesPerSecond, double GuardedOverOptimum)
{
    public double GuardedOverUnguarded => GuardedSamplesPerSecond / UnguardedSamplesPerSecond;
}

internal sealed record VerdictReport(int Rank, long Step, long RaisedAtStep, string Kind, double Slowdown, string Cause, string Reason);

internal sealed record PlanReport(
    long Epoch, long DecidedAtStep, long? EffectiveStep, int[] MicroBatches, double PredictedStepSeconds, double? RealisedStepSeconds,
    string Reason);

internal sealed record MitigationReport(
    string Kind, long Epoch, long DecidedAtStep, long? EffectiveStep, double? PredictedRatio, double? RealisedRatio, bool RolledBack, string Reason);

internal sealed record RefusalReport(string Kind, long Step, string Reason);

internal sealed record PhasesReport(int Steps, int ObservedSteps, int WarmUpSteps);
