using MixedFleet.Optimum;
using MixedFleet.Training;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;
using StragglerGuard.Guardian;

namespace MixedFleet.Output;

/// <summary>What came of a run: the object that --json prints. What is unknown is null.</summary>
internal sealed record RunReport
{
    public required IReadOnlyList<RankLine> Ranks { get; init; }

    public required ThroughputLine Throughput { get; init; }

    public required IReadOnlyList<VerdictLine> Verdicts { get; init; }

    public required IReadOnlyList<PlanLine> Plans { get; init; }

    public required double LossFirst { get; init; }

    public required double LossLast { get; init; }

    public required bool WeightsIdenticalAcrossRanks { get; init; }

    public required double? GradientMaxRelativeError { get; init; }

    /// <summary>The factor on all emulated paces; 1 where the machine was fast enough.</summary>
    public required double PaceStretch { get; init; }

    /// <summary>What a step takes beyond the own work of its slowest rank, median.</summary>
    public required double? FixedStepSeconds { get; init; }

    public required PhasesLine Phases { get; init; }

    public static RunReport Of(RunSettings settings, IReadOnlyList<RankResult> results, JobStatus status, double stretch)
    {
        RankResult first = results[0];
        RunPhases phases = settings.Phases;
        int globalBatch = settings.MicroBatches * RunSettings.ModelShape.Samples;
        double unguarded = SamplesPerSecond(first, phases.MeasuredUnguarded, globalBatch);
        double guarded = SamplesPerSecond(first, phases.MeasuredGuarded, globalBatch);
        double? optimum = OptimumOf(settings, status, stretch);
        return new RunReport
        {
            Ranks = [.. status.Ranks.Select(rank => new RankLine(
                rank.Rank.Value, results[rank.Rank.Value].Pid, rank.DeviceClass.Name,
                settings.Fleet.Ranks[rank.Rank.Value].PaceSeconds is not null, rank.MicroBatches, rank.SecondsPerMicroBatch,
                rank.LagP50Seconds, rank.LagP95Seconds, rank.LastShare, rank.WaitCausedSeconds))],
            Throughput = new ThroughputLine(unguarded, guarded, optimum, guarded / optimum),
            Verdicts = [.. status.Verdicts.Where(verdict => verdict.AccusesRank).Select(verdict => new VerdictLine(
                verdict.Rank!.Value.Value, verdict.OnsetStep, verdict.RaisedAtStep, Camel(verdict.Kind), verdict.Slowdown, Camel(verdict.Cause),
                verdict.Reason))],
            Plans = [.. status.Plans.Select(plan => new PlanLine(
                plan.Plan.Epoch.Value, plan.DecidedAtStep, plan.EffectiveStep, plan.Deal.MicroBatches.ToArray(), plan.PredictedStepSeconds,
                plan.RealisedStepSeconds, plan.Reason))],
            LossFirst = first.LossFirst,
            LossLast = first.LossLast,
            WeightsIdenticalAcrossRanks = results.All(result => result.WeightBits == first.WeightBits),
            GradientMaxRelativeError = results.All(result => double.IsFinite(result.GradientMaxRelativeError))
                ? results.Max(result => result.GradientMaxRelativeError)
                : null,
            PaceStretch = stretch,
            FixedStepSeconds = status.OverheadSeconds,
            Phases = new PhasesLine(phases.Steps, phases.Observed, RunPhases.WarmUp),
        };
    }

    private static double SamplesPerSecond(RankResult result, (int From, int To) steps, int globalBatch) =>
        (steps.To - steps.From) * (double)globalBatch / result.StepSeconds[steps.From..steps.To].Sum();

    /// <summary>The best integer deal for the configured paces, or the measured one where a rank has no pace, plus the measured fixed cost.</summary>
    private static double? OptimumOf(RunSettings settings, JobStatus status, double stretch)
    {
        double?[] seconds = [.. status.Ranks.Select(
            rank => settings.Fleet.Ranks[rank.Rank.Value].PaceSeconds * stretch ?? rank.SecondsPerMicroBatch)];
        if (status.OverheadSeconds is not { } overhead || seconds.Length != settings.WorldSize || seconds.Any(known => known is null))
        {
            return null;
        }

        (int from, int to) = settings.Phases.MeasuredGuarded;
        return ConfiguredOptimum.SamplesPerSecond(
            from, to, [.. seconds.Select(known => known!.Value)], settings.Slowdowns, overhead, settings.MicroBatches,
            RunSettings.ModelShape.Samples);
    }

    private static string Camel<T>(T value)
        where T : struct, Enum
    {
        string name = value.ToString();
        return char.ToLowerInvariant(name[0]) + name[1..];
    }
}

internal sealed record RankLine(
    int Rank, int Pid, string DeviceClass, bool PaceEmulated, int MicroBatches, double? SecondsPerMicroBatch, double? LagP50Seconds,
    double? LagP95Seconds, double? LastShare, double WaitCausedSeconds);

internal sealed record ThroughputLine(
    double UnguardedSamplesPerSecond, double GuardedSamplesPerSecond, double? OptimumSamplesPerSecond, double? GuardedOverOptimum);

internal sealed record VerdictLine(int Rank, long Step, long RaisedAtStep, string Kind, double Slowdown, string Cause, string Reason);

internal sealed record PlanLine(
    long Epoch, long DecidedAtStep, long? EffectiveStep, int[] MicroBatches, double PredictedStepSeconds, double? RealisedStepSeconds,
    string Reason);

internal sealed record PhasesLine(int Steps, int ObservedSteps, int WarmUpSteps);
