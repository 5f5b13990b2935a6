using StragglerGuard.Core;
using StragglerGuard.Hosting;

namespace StragglerGuard.Telemetry;

/// <summary>What a rank is called on the metrics page.</summary>
/// <param name="Rank">The rank.</param>
/// <param name="DeviceClass">The class of its device.</param>
/// <param name="Node">The machine that it runs on.</param>
public readonly record struct RankLabels(Rank Rank, DeviceClass DeviceClass, NodeId Node);

/// <summary>What became of a record that reached the guardian.</summary>
public enum RecordOutcome
{
    /// <summary>It is part of its step's frame.</summary>
    Accepted = 0,

    /// <summary>The rank had reported that step already.</summary>
    Duplicate = 1,

    /// <summary>The step's frame was closed.</summary>
    Late = 2,

    /// <summary>It came after a later one of the same rank, in time for its frame.</summary>
    OutOfOrder = 3,

    /// <summary>It belongs to another membership.</summary>
    OtherGeneration = 4,

    /// <summary>Its content is impossible.</summary>
    Invalid = 5,

    /// <summary>It never came: the frame was closed without it.</summary>
    Missing = 6,
}

/// <summary>
/// The newest figures of one job: the guardian writes them in place after each frame, the instruments read them when somebody asks. A
/// write is a store: no allocation, no lock.
/// </summary>
/// <remarks>
/// Written by one thread, read by any. Every figure is whole by itself; a page made during a write may hold some figures of this frame and
/// some of the one before. A figure that is not known is NaN and has no series on the page: unknown is not zero. Counters only rise.
/// </remarks>
public sealed class JobMetricsSnapshot
{
    private readonly RankLabels[] _labels;
    private readonly double[] _lagP50Seconds;
    private readonly double[] _lagP95Seconds;
    private readonly double[] _lagP99Seconds;
    private readonly double[] _lastArriverShare;
    private readonly double[] _waitCausedSeconds;
    private readonly double[] _secondsPerMicroBatch;
    private readonly double[] _microBatches;
    private readonly double[] _straggler;
    private readonly double[] _slowdown;
    private readonly long[] _records = new long[Enum.GetValues<RecordOutcome>().Length];

    /// <summary>Makes the figures of one job, all of them unknown, all counters 0.</summary>
    /// <param name="job">The job.</param>
    /// <param name="ranks">Its ranks; the place in this list is the index into the columns.</param>
    public JobMetricsSnapshot(JobId job, IReadOnlyList<RankLabels> ranks)
    {
        ArgumentException.ThrowIfNullOrEmpty(job.Value, nameof(job));
        ArgumentNullException.ThrowIfNull(ranks);
        Job = job;
        _labels = [.. ranks];
        _lagP50Seconds = Unknown();
        _lagP95Seconds = Unknown();
        _lagP99Seconds = Unknown();
        _lastArriverShare = Unknown();
        _waitCausedSeconds = new double[_labels.Length];
        _secondsPerMicroBatch = Unknown();
        _microBatches = Unknown();
        _straggler = Unknown();
        _slowdown = Unknown();
    }

    /// <summary>The job.</summary>
    public JobId Job { get; }

    /// <summary>Its ranks, in the order of the columns.</summary>
    public ReadOnlySpan<RankLabels> Ranks => _labels;

    /// <summary>Median lag per rank over the window.</summary>
    /// <value>Seconds.</value>
    public Span<double> LagP50Seconds => _lagP50Seconds;

    /// <summary>95th percentile of the lag per rank over the window.</summary>
    /// <value>Seconds.</value>
    public Span<double> LagP95Seconds => _lagP95Seconds;

    /// <summary>99th percentile of the lag per rank over the window.</summary>
    /// <value>Seconds.</value>
    public Span<double> LagP99Seconds => _lagP99Seconds;

    /// <summary>Share of the window's steps at which the rank arrived last.</summary>
    /// <value>0 … 1.</value>
    public Span<double> LastArriverShare => _lastArriverShare;

    /// <summary>Counter: how long others waited for this rank alone, summed over them.</summary>
    /// <value>Rank-seconds since the job's start.</value>
    public Span<double> WaitCausedSeconds => _waitCausedSeconds;

    /// <summary>Own compute time per unit of work.</summary>
    /// <value>Seconds.</value>
    public Span<double> SecondsPerMicroBatch => _secondsPerMicroBatch;

    /// <summary>Micro-batches dealt to the rank by the plan in force.</summary>
    public Span<double> MicroBatches => _microBatches;

    /// <summary>The verdict: 1 a confirmed straggler, 0 healthy, NaN not judged yet.</summary>
    public Span<double> Straggler => _straggler;

    /// <summary>Own compute per unit of work over that of the peers.</summary>
    /// <value>Ratio; 1 is as fast as they are.</value>
    public Span<double> Slowdown => _slowdown;

    /// <summary>The newest step with a frame.</summary>
    public double Step { get; set; } = double.NaN;

    /// <summary>Duration of that step.</summary>
    /// <value>Seconds.</value>
    public double StepSeconds { get; set; } = double.NaN;

    /// <summary>Its transfer: the time that even the last rank to arrive spent in the first collective.</summary>
    /// <value>Seconds.</value>
    public double TransferSeconds { get; set; } = double.NaN;

    /// <summary>How far the guardian's newest frame lies behind the newest record.</summary>
    /// <value>Seconds.</value>
    public double GuardianLatenessSeconds { get; set; } = double.NaN;

    /// <summary>Gain in step time that the newest plan promised.</summary>
    /// <value>Share of the step time before it, 0.2 is 20 %.</value>
    public double PredictedGain { get; set; } = double.NaN;

    /// <summary>The plan in force.</summary>
    public PlanEpoch EpochInForce { get; set; }

    /// <summary>What the guard may do.</summary>
    public GuardMode Mode { get; set; }

    /// <summary>Counter: records overwritten before the agent read them.</summary>
    public long RecordsLost { get; set; }

    /// <summary>Counter: records found damaged.</summary>
    public long RecordsTorn { get; set; }

    /// <summary>Counter: plans proposed.</summary>
    public long PlansProposed { get; set; }

    /// <summary>Counter: steps at which the ranks held different plans.</summary>
    public long VotesSplit { get; set; }

    /// <summary>Sets how many records had an outcome since the job's start.</summary>
    /// <param name="outcome">The outcome.</param>
    /// <param name="count">0 or more; not below what was set before.</param>
    public void SetRecords(RecordOutcome outcome, long count) => _records[(int)outcome] = count;

    /// <summary>How many records had an outcome since the job's start.</summary>
    /// <param name="outcome">The outcome.</param>
    /// <returns>0 or more.</returns>
    public long RecordsOf(RecordOutcome outcome) => _records[(int)outcome];

    private double[] Unknown()
    {
        var column = new double[_labels.Length];
        Array.Fill(column, double.NaN);
        return column;
    }
}
