using System.Text.Json.Serialization;
using MixedFleet.Optimum;
using MixedFleet.Training;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;

namespace MixedFleet.Output;

/// <summary>What came of a run: the object that --json prints. What is unknown is null. Ranks are named by their place in the fleet.</summary>
internal sealed record RunReport
{
    public required IReadOnlyList<RankLine> Ranks { get; init; }

    public required ThroughputLine Throughput { get; init; }

    public required IReadOnlyList<VerdictLine> Verdicts { get; init; }

    public required IReadOnlyList<PlanLine> Plans { get; init; }

    public required IReadOnlyList<MitigationLine> Mitigations { get; init; }

    public required IReadOnlyList<RefusalLine> Refused { get; init; }

    /// <summary>Who trained to the end.</summary>
    public required int[] Members { get; init; }

    /// <summary>Micro-batches that were dropped and wait for a later step, or for the run that goes on from the checkpoint.</summary>
    public required int WaitingMicroBatches { get; init; }

    public required double LossFirst { get; init; }

    public required double LossLast { get; init; }

    /// <summary>Across the members at the end.</summary>
    public required bool WeightsIdenticalAcrossRanks { get; init; }

    public required double? GradientMaxRelativeError { get; init; }

    /// <summary>The factor on all emulated paces; 1 where the machine was fast enough.</summary>
    public required double PaceStretch { get; init; }

    /// <summary>What a step takes beyond the own work of its slowest rank, median.</summary>
    public required double? FixedStepSeconds { get; init; }

    public required PhasesLine Phases { get; init; }

    /// <summary>Where another guardian judged the steps before; null where none did.</summary>
    [JsonIgnore]
    public long? WaitKnownFromStep { get; init; }

    /// <param name="settings">The run.</param>
    /// <param name="results">Of every rank that brought something home; at least one trained to the end.</param>
    /// <param name="status">What the guardian knows.</param>
    /// <param name="decided">The guardian's decisions, oldest first.</param>
    /// <param name="stretch">The factor on all emulated paces.</param>
    public static RunReport Of(
        RunSettings settings, IReadOnlyList<RankResult> results, JobStatus status, IReadOnlyList<LedgerEntry> decided, double stretch)
    {
        RankResult[] members = [.. results.Where(result => result.IsMember)];
        RunPhases phases = settings.Phases;
        var steps = new MeasuredSteps(results, phases.First);
        double? unguarded = steps.SamplesPerSecond(phases.MeasuredUnguarded);
        double? guarded = steps.SamplesPerSecond(phases.MeasuredGuarded);
        RankLine[] ranks = RanksOf(settings, results, status, members[0].Members);
        double? optimum = OptimumOf(settings, ranks, status.OverheadSeconds, stretch);
        var labels = new DeviceLabels(settings);
        JobStatus[] generations = [.. status.Earlier, status];
        return new RunReport
        {
            Ranks = ranks,
            Throughput = new ThroughputLine(unguarded, guarded, optimum, guarded / optimum),
            Verdicts = [.. generations.SelectMany(generation => generation.Verdicts.Where(verdict => verdict.AccusesRank).Select(verdict =>
                new VerdictLine(
                    generation.Ranks.FirstOrDefault(rank => rank.Rank == verdict.Rank) is { } accused ? labels.SlotOf(accused.Worker) : verdict.Rank!.Value.Value,
                    verdict.OnsetStep, verdict.RaisedAtStep, Camel(verdict.Kind), verdict.Slowdown, Camel(verdict.Cause), verdict.Reason)))],
            Plans = [.. generations.SelectMany(generation => generation.Plans).Where(plan => plan.Kind != MitigationKind.None).Select(plan => new PlanLine(
                plan.Plan.Epoch.Value, plan.DecidedAtStep, plan.EffectiveStep ?? BeginOf(results, plan.Plan.Epoch.Value),
                [.. plan.Plan.Shares.ToArray().Select(share => Math.Max(0, share))], plan.PredictedStepSeconds,
                plan.RealisedStepSeconds ?? StepSecondsOf(generations, plan.Plan), plan.Reason)
                {
                    InForceByStep = plan.InForceByStep,
                })],
            Mitigations = [.. decided.Select(entry => entry.Decision).OfType<PlanDecided>().Where(plan => plan.Kind != MitigationKind.None)
                .Select(plan => MitigationOf(plan, decided, results))],
            Refused = [.. decided.Select(entry => entry.Decision).OfType<MitigationRefused>().Select(refused =>
                new RefusalLine(Camel(refused.Kind), refused.Step, refused.Reason))],
            Members = members[0].Members,
            WaitingMicroBatches = members[0].WaitingMicroBatches,
            LossFirst = steps.LossFirst,
            LossLast = members[0].LossLast,
            WeightsIdenticalAcrossRanks = members.All(result => result.WeightBits == members[0].WeightBits),
            GradientMaxRelativeError = members.All(result => double.IsFinite(result.GradientMaxRelativeError))
                ? members.Max(result => result.GradientMaxRelativeError)
                : null,
            PaceStretch = stretch,
            FixedStepSeconds = status.OverheadSeconds,
            Phases = new PhasesLine(phases.Steps, phases.Observed, RunPhases.WarmUp),
            WaitKnownFromStep = status.FirstStep > FirstStepOf(results, status) ? status.FirstStep : null,
        };
    }

    /// <summary>Every rank of the fleet: a member as the guardian knows it now, another as it was when it left; dealt nothing since.</summary>
    private static RankLine[] RanksOf(RunSettings settings, IReadOnlyList<RankResult> results, JobStatus status, int[] members)
    {
        var labels = new DeviceLabels(settings);
        var newest = new SortedDictionary<int, RankStatus>();
        foreach (RankStatus rank in status.Earlier.Append(status).SelectMany(generation => generation.Ranks))
        {
            newest[labels.SlotOf(rank.Worker)] = rank;
        }

        return [.. settings.Fleet.Ranks.Select((rank, slot) =>
        {
            RankStatus? known = newest.GetValueOrDefault(slot);
            return new RankLine(
                slot, results.FirstOrDefault(result => result.Slot == slot)?.Pid, rank.DeviceClass, rank.PaceSeconds is not null,
                members.Contains(slot) ? known?.MicroBatches : 0, known?.SecondsPerMicroBatch, known?.LagP50Seconds, known?.LagP95Seconds,
                known?.LastShare, known?.WaitCausedSeconds);
        })];
    }

    private static MitigationLine MitigationOf(PlanDecided plan, IReadOnlyList<LedgerEntry> decided, IReadOnlyList<RankResult> results)
    {
        PlanInForce? seen = decided.Select(entry => entry.Decision).OfType<PlanInForce>().FirstOrDefault(seen => seen.Epoch == plan.Plan.Epoch);
        PlanGraded? graded = decided.Select(entry => entry.Decision).OfType<PlanGraded>().LastOrDefault(grade => grade.Epoch == plan.Plan.Epoch);
        return new MitigationLine(
            Camel(plan.Kind), plan.Plan.Epoch.Value, plan.Step, BeginOf(results, plan.Plan.Epoch.Value) ?? (seen is { IsAtLatest: false } ? seen.Step : null), Finite(plan.PredictedGain),
            Finite(graded?.RealisedGain), graded?.RolledBack ?? false, plan.Reason);
    }

    /// <summary>A plan that began a generation is timed in that one; null where the generation went on to another plan.</summary>
    private static double? StepSecondsOf(JobStatus[] generations, JobPlan plan) =>
        Array.Find(generations, generation => generation.Generation == plan.Generation && generation.Epoch == plan.Epoch)?.StepSeconds;

    /// <summary>The first step of the present generation.</summary>
    private static long FirstStepOf(IReadOnlyList<RankResult> results, JobStatus status) => results
        .SelectMany(result => result.Generations).Where(joined => joined.Generation == status.Generation.Value)
        .Select(joined => joined.FirstStep).DefaultIfEmpty(long.MaxValue).Min();

    /// <summary>The first step of the generation that a plan began; null where it began none.</summary>
    private static long? BeginOf(IReadOnlyList<RankResult> results, long epoch) => results
        .SelectMany(result => result.Generations).FirstOrDefault(joined => joined.Epoch == epoch)?.FirstStep;

    /// <summary>The best integer deal for the configured paces, or the measured one where a rank has no pace, plus the measured fixed cost.</summary>
    private static double? OptimumOf(RunSettings settings, RankLine[] ranks, double? overheadSeconds, double stretch)
    {
        double?[] seconds = [.. ranks.Select(rank => settings.Fleet.Ranks[rank.Rank].PaceSeconds * stretch ?? rank.SecondsPerMicroBatch)];
        (int from, int to) = settings.Phases.MeasuredGuarded;
        if (from >= to || overheadSeconds is not { } overhead || seconds.Length != settings.WorldSize || seconds.Any(known => known is null))
        {
            return null;
        }

        return ConfiguredOptimum.SamplesPerSecond(
            from, to, [.. seconds.Select(known => known!.Value)], settings.Slowdowns, settings.Stalls, overhead,
            settings.MicroBatches, RunSettings.ModelShape.Samples);
    }

    private static double? Finite(double? number) => number is { } known && double.IsFinite(known) ? known : null;

    private static string Camel<T>(T value)
        where T : struct, Enum
    {
        string name = value.ToString();
        return char.ToLowerInvariant(name[0]) + name[1..];
    }
}

internal sealed record RankLine(
    int Rank, int? Pid, string DeviceClass, bool PaceEmulated, int? MicroBatches, double? SecondsPerMicroBatch, double? LagP50Seconds,
    double? LagP95Seconds, double? LastShare, double? WaitCausedSeconds);

internal sealed record ThroughputLine(
    double? UnguardedSamplesPerSecond, double? GuardedSamplesPerSecond, double? OptimumSamplesPerSecond, double? GuardedOverOptimum);

internal sealed record VerdictLine(int Rank, long Step, long RaisedAtStep, string Kind, double Slowdown, string Cause, string Reason);

internal sealed record PlanLine(
    long Epoch, long DecidedAtStep, long? EffectiveStep, int[] MicroBatches, double PredictedStepSeconds, double? RealisedStepSeconds,
    string Reason)
{
    /// <summary>In force by then, and maybe earlier; null where it was not seen.</summary>
    [JsonIgnore]
    public long? InForceByStep { get; init; }
}

/// <param name="Kind">What was done.</param>
/// <param name="Epoch">Of its plan.</param>
/// <param name="DecidedAtStep">The last step known then.</param>
/// <param name="EffectiveStep">The first step under it; null where it was not seen.</param>
/// <param name="PredictedRatio">Samples per second over those before, as promised; null where nothing is: the job stood still.</param>
/// <param name="RealisedRatio">As measured; null where it can't be told.</param>
/// <param name="RolledBack">Whether it was undone.</param>
/// <param name="Reason">In words.</param>
internal sealed record MitigationLine(
    string Kind, long Epoch, long DecidedAtStep, long? EffectiveStep, double? PredictedRatio, double? RealisedRatio, bool RolledBack, string Reason);

internal sealed record RefusalLine(string Kind, long Step, string Reason);

internal sealed record PhasesLine(int Steps, int ObservedSteps, int WarmUpSteps);
