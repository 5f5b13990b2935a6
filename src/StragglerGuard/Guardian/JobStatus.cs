using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Guardian;

/// <summary>What the guardian knows of a job at one moment. What it does not know is null, never zero.</summary>
public sealed record JobStatus
{
    /// <summary>The job.</summary>
    public required JobId Job { get; init; }

    /// <summary>Its membership.</summary>
    public required Generation Generation { get; init; }

    /// <summary>Whether it may act.</summary>
    public required PolicyMode Mode { get; init; }

    /// <summary>The first step that the guardian judged: what is counted or summed up is so since then. Null before.</summary>
    /// <value>Later than the job's first where another guardian judged before this one.</value>
    public long? FirstStep { get; init; }

    /// <summary>The last step judged; −1 before the first.</summary>
    public required long LastStep { get; init; }

    /// <summary>The plan in force at that step.</summary>
    public required PlanEpoch Epoch { get; init; }

    /// <summary>Median wall time of a step over the last steps.</summary>
    /// <value>s.</value>
    public required double? StepSeconds { get; init; }

    /// <summary>Median over the last steps of what a step took beyond the own work of its slowest rank.</summary>
    /// <value>s.</value>
    public required double? OverheadSeconds { get; init; }

    /// <summary>Noise floor of the lag: the spread of the ranks' exits from a barrier.</summary>
    /// <value>s; null until measured.</value>
    public required double? ExitSkewSeconds { get; init; }

    /// <summary>How the records that came were counted.</summary>
    public required FrameCounters Frames { get; init; }

    /// <summary>Records overwritten in a ring before its agent read them.</summary>
    public required long RecordsLost { get; init; }

    /// <summary>Records that failed their check.</summary>
    public required long RecordsTorn { get; init; }

    /// <summary>Ballots without agreement: a plan had not reached all ranks yet.</summary>
    public required long SplitVotes { get; init; }

    /// <summary>How far the last step judged lies behind the newest record that has come.</summary>
    /// <value>s, 0 or more; null before the first step.</value>
    public required double? LatenessSeconds { get; init; }

    /// <summary>Time that the first collective of the last step itself took.</summary>
    /// <value>s; null before the first step.</value>
    public required double? TransferSeconds { get; init; }

    /// <summary>By rank.</summary>
    public required IReadOnlyList<RankStatus> Ranks { get; init; }

    /// <summary>Every verdict raised, oldest first; the last 256.</summary>
    public required IReadOnlyList<Verdict> Verdicts { get; init; }

    /// <summary>Every onset and every recovery of a rank, and every change of a job of one series, oldest first; the last 4,096.</summary>
    public required IReadOnlyList<JobChange> Changes { get; init; }

    /// <summary>Every plan decided, oldest first; the last 256.</summary>
    public required IReadOnlyList<PlanStatus> Plans { get; init; }

    /// <summary>Plans decided since the job began.</summary>
    public required long PlansDecided { get; init; }

    /// <summary>What the newest plan promised, as a share of the step time before it; null where there is none.</summary>
    public required double? PredictedGain { get; init; }

    /// <summary>The job's earlier generations as they were when they ended, oldest first; the last 16.</summary>
    public IReadOnlyList<JobStatus> Earlier { get; init; } = [];

    /// <summary>What the policy said of the last step, and why.</summary>
    public required string PolicyReason { get; init; }
}

/// <summary>What the guardian knows of a rank.</summary>
/// <param name="Rank">Who.</param>
/// <param name="Worker">Node and device.</param>
/// <param name="DeviceClass">Compared within this class.</param>
/// <param name="MicroBatches">Dealt to it by the plan in force; null while unknown.</param>
/// <param name="SecondsPerMicroBatch">Own compute per micro-batch, s; null while unknown.</param>
/// <param name="LagP50Seconds">Median lateness at the first collective over the window, s; null while unknown.</param>
/// <param name="LagP95Seconds">95th percentile, s.</param>
/// <param name="LagP99Seconds">99th percentile, s.</param>
/// <param name="LastShare">Share of the judged steps at which it came last, 0 … 1; null while unknown.</param>
/// <param name="WaitCausedSeconds">Rank-seconds that others waited for it since <see cref="JobStatus.FirstStep"/>; null while no step's lag is known.</param>
/// <param name="Slowdown">Time per unit of work over what it would be were the rank healthy; NaN or null while unknown.</param>
/// <param name="Verdict">The verdict that stands against it; null where none does.</param>
public sealed record RankStatus(
    Rank Rank,
    WorkerId Worker,
    DeviceClass DeviceClass,
    int? MicroBatches,
    double? SecondsPerMicroBatch,
    double? LagP50Seconds,
    double? LagP95Seconds,
    double? LagP99Seconds,
    double? LastShare,
    double? WaitCausedSeconds,
    double? Slowdown,
    Verdict? Verdict);

/// <summary>A lasting change of how long work takes.</summary>
/// <param name="Rank">Whose; null for a job of one series.</param>
/// <param name="Step">First step of the change.</param>
/// <param name="RaisedAtStep">Step at which it was certain.</param>
/// <param name="Ratio">Time per unit of work after over before; above 1 is slower.</param>
public sealed record JobChange(Rank? Rank, long Step, long RaisedAtStep, double Ratio);

/// <summary>A plan and what came of it.</summary>
/// <param name="Kind">What it is for.</param>
/// <param name="Plan">The plan with its epoch.</param>
/// <param name="DecidedAtStep">The last step known when it was decided.</param>
/// <param name="EffectiveStep">The first step under it; null until seen, and where no guardian saw the switch: <see cref="InForceByStep"/>.</param>
/// <param name="PredictedStepSeconds">As decided, s.</param>
/// <param name="RealisedStepSeconds">Wall time of its steps so far, s: the median, under a deadline or with backup workers the mean; null until three are known.</param>
/// <param name="Reason">Why.</param>
public sealed record PlanStatus(
    MitigationKind Kind, JobPlan Plan, long DecidedAtStep, long? EffectiveStep, double PredictedStepSeconds, double? RealisedStepSeconds,
    string Reason)
{
    /// <summary>The first step that a guardian saw under it: it was in force by then, and maybe earlier. Null until seen.</summary>
    public long? InForceByStep { get; init; }

    /// <summary>Throughput over that under the plan before, as it was graded, 1 for no change; null while it is not, and where it can't be told.</summary>
    public double? RealisedGain { get; init; }

    /// <summary>The shares of its members.</summary>
    public MicroBatchDeal Deal => Plan.Deal;
}
