namespace StragglerGuard.Core.WhatIf;

/// <summary>What kind of trouble costs a job the most time.</summary>
public enum StragglerClass
{
    /// <summary>Nothing that is known costs enough to matter.</summary>
    None = 0,

    /// <summary>One worker, or a few, slower than their peers of the same stage.</summary>
    Worker,

    /// <summary>A stage with more work than the others, in all replicas alike.</summary>
    Stage,

    /// <summary>Micro-batches of unequal work, such as sequences of unequal length.</summary>
    Workload,

    /// <summary>Transfers that take longer than their kind usually does.</summary>
    Fabric,
}

/// <summary>The result of a what-if analysis of one trace. All slowdowns are ratios of mean step times; 1 is ideal.</summary>
/// <remarks>Definitions: "Understanding Stragglers in Large Model Training Using What-if Analysis" (OSDI'25), equations 1–5.</remarks>
public sealed record WhatIfReport
{
    /// <summary>S = T/T_ideal.</summary>
    public required double Slowdown { get; init; }

    /// <summary>The share of the job's time that is lost, 1 − 1/S.</summary>
    public double Waste => 1 - (1 / Slowdown);

    /// <summary>T, the mean time of a step replayed with every operation's own time, s. Delays of the host between operations are left out.</summary>
    public required double StepSeconds { get; init; }

    /// <summary>T_ideal, the mean time of a step with every operation at its type's ideal, s.</summary>
    public required double IdealStepSeconds { get; init; }

    /// <summary>
    /// M_W, the share of T − T_ideal that is won when the slowest 3 % of workers (at least one) turn ideal, slowest by the smaller of their replica's and
    /// their stage's slowdown as published; null where nothing is lost. Above 1 or below 0 where operations make up for each other.
    /// </summary>
    public required double? SlowWorkerShare { get; init; }

    /// <summary>M_S, the share of T − T_ideal that is won when the last stage turns ideal; null where nothing is lost.</summary>
    public required double? LastStageShare { get; init; }

    /// <summary>S_t: the slowdown that one type of operation causes, the largest first.</summary>
    public required IReadOnlyList<OperationSlowdown> ByOperation { get; init; }

    /// <summary>The slowdown that one data-parallel replica causes, by replica, ascending.</summary>
    public required IReadOnlyList<ReplicaSlowdown> ByReplica { get; init; }

    /// <summary>The slowdown that one pipeline stage causes, by stage, ascending.</summary>
    public required IReadOnlyList<StageSlowdown> ByStage { get; init; }

    /// <summary>S_w for every worker, by replica, then stage.</summary>
    public required IReadOnlyList<WorkerSlowdown> Workers { get; init; }

    /// <summary>Every replayed step, ascending.</summary>
    public required IReadOnlyList<StepSlowdown> Steps { get; init; }

    /// <summary>What costs the most.</summary>
    public required StragglerClass Class { get; init; }

    /// <summary>Why <see cref="Class"/> is what it is, in one sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>Who is to blame: workers for <see cref="StragglerClass.Worker"/>, stages for <see cref="StragglerClass.Stage"/>, else nobody.</summary>
    public required IReadOnlyList<Culprit> Culprits { get; init; }

    /// <summary>How much of the step each class costs, the largest first.</summary>
    public required IReadOnlyList<CauseShare> Causes { get; init; }

    /// <summary>What to do, the largest gain first; empty where nothing is worth it.</summary>
    public required IReadOnlyList<Advice> Advice { get; init; }

    /// <summary>How much of the trace this is about.</summary>
    public required TraceCoverage Coverage { get; init; }
}

/// <summary>S_t of one type of operation.</summary>
/// <param name="Name">Its name in traces; sends and receives of one direction are <c>forward-pp-comm</c> and <c>backward-pp-comm</c>.</param>
/// <param name="Slowdown">Step time with only this type's own times, over the ideal.</param>
public sealed record OperationSlowdown(string Name, double Slowdown);

/// <summary>The slowdown of one data-parallel replica.</summary>
/// <param name="Replica">Data-parallel rank.</param>
/// <param name="Slowdown">Step time with only this replica's own times, over the ideal.</param>
public sealed record ReplicaSlowdown(int Replica, double Slowdown);

/// <summary>The slowdown of one pipeline stage.</summary>
/// <param name="Stage">Pipeline stage.</param>
/// <param name="Slowdown">Step time with only this stage's own times, over the ideal.</param>
public sealed record StageSlowdown(int Stage, double Slowdown);

/// <summary>One worker in the what-if.</summary>
/// <param name="Replica">Data-parallel rank.</param>
/// <param name="Stage">Pipeline stage.</param>
/// <param name="Rank">Global rank, or −1 where the trace doesn't say.</param>
/// <param name="Slowdown">S_w: step time with only this worker's own times and all others ideal, over the ideal. Exact, not bounded by its replica and stage.</param>
/// <param name="GainIfIdeal">T over the step time with only this worker ideal: how many times as fast the job would be. Null where a large trace
/// leaves it out, which it does for the workers with the smallest <paramref name="Slowdown"/>.</param>
/// <param name="PeerRatio">Its own compute time over the lower median of its stage's; 1 is equal.</param>
/// <param name="StepSlowdowns">S_w step by step, in the order of <see cref="WhatIfReport.Steps"/>.</param>
public sealed record WorkerSlowdown(
    int Replica, int Stage, int Rank, double Slowdown, double? GainIfIdeal, double PeerRatio, IReadOnlyList<double> StepSlowdowns);

/// <summary>One replayed step.</summary>
/// <param name="Step">Step number as in the trace.</param>
/// <param name="Seconds">Its replayed time, s.</param>
/// <param name="Slowdown">Over the ideal.</param>
public sealed record StepSlowdown(long Step, double Seconds, double Slowdown);

/// <summary>Who is to blame.</summary>
/// <param name="Replica">Data-parallel rank; null for a stage in all replicas.</param>
/// <param name="Stage">Pipeline stage.</param>
/// <param name="Rank">Global rank; null for a stage, or where the trace doesn't say.</param>
/// <param name="Ratio">Compute time over that of its peers.</param>
public sealed record Culprit(int? Replica, int Stage, int? Rank, double Ratio);

/// <summary>What one class of trouble costs.</summary>
/// <param name="Class">The class.</param>
/// <param name="LostShare">
/// Its part of the step time T, as its Shapley value over replays with and without each cause; slightly negative where it hides others.
/// </param>
public sealed record CauseShare(StragglerClass Class, double LostShare);
