using StragglerGuard.Core;
using StragglerGuard.Core.Policy;

namespace StragglerGuard.Telemetry;

/// <summary>What a rank is called on the metrics page.</summary>
/// <param name="Rank">The rank.</param>
/// <param name="DeviceClass">The class of its device.</param>
/// <param name="Node">The machine that it runs on.</param>
public readonly record struct RankLabels(Rank Rank, DeviceClass DeviceClass, NodeId Node);

/// <summary>
/// The newest figures of one job: the guardian writes them in place a few times a second, the instruments read them when somebody asks. A
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

    /// <summary>Own compute per unit of work over what it would be were the rank healthy: that of its peers, or of its own past.</summary>
    /// <value>Ratio; 1 is healthy.</value>
    public Span<double> Slowdown => _slowdown;

    /// <summary>The newest step with a frame.</summary>
    public double Step { get; set; } = double.NaN;

    /// <summary>Median duration of the last steps.</summary>
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
    public PolicyMode Mode { get; set; }

    /// <summary>Counter: records that found their step's frame.</summary>
    public long RecordsAccepted { get; set; }

    /// <summary>Counter: records of a rank and step that had been reported already.</summary>
    public long RecordsDuplicate { get; set; }

    /// <summary>Counter: records that came after their frame was closed.</summary>
    public long RecordsLate { get; set; }

    /// <summary>Counter: records of another membership.</summary>
    public long RecordsOtherGeneration { get; set; }

    /// <summary>Counter: records of a rank that the membership does not have.</summary>
    public long RecordsUnknownRank { get; set; }

    /// <summary>Counter: records whose content is impossible.</summary>
    public long RecordsInvalid { get; set; }

    /// <summary>Counter: records that came after a later one of the same rank, whatever became of them.</summary>
    public long RecordsOutOfOrder { get; set; }

    /// <summary>Counter: records that had not come when their frame was closed.</summary>
    public long RecordsMissing { get; set; }

    /// <summary>Counter: frames closed with every rank in them.</summary>
    public long FramesComplete { get; set; }

    /// <summary>Counter: frames closed with ranks missing.</summary>
    public long FramesIncomplete { get; set; }

    /// <summary>Counter: records overwritten before the agent read them.</summary>
    public long RecordsLost { get; set; }

    /// <summary>Counter: records found damaged.</summary>
    public long RecordsTorn { get; set; }

    /// <summary>Counter: plans decided and sent to the ranks.</summary>
    public long PlansProposed { get; set; }

    /// <summary>Counter: steps at which the ranks held different plans.</summary>
    public long VotesSplit { get; set; }

    private double[] Unknown()
    {
        var column = new double[_labels.Length];
        Array.Fill(column, double.NaN);
        return column;
    }
}
