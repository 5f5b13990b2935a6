using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Fabric;

/// <summary>What one node's agent tells the guardian once per interval.</summary>
/// <param name="Node">The node.</param>
/// <param name="Sequence">Rises by one from report to report of one agent, so that a gap is seen.</param>
/// <param name="SentNs">The agent's monotonic clock, ns.</param>
/// <param name="Ranks">One entry for every rank of the node that has joined.</param>
public sealed record NodeReport(NodeId Node, long Sequence, long SentNs, IReadOnlyList<RankReport> Ranks)
{
    /// <summary>Workers of the node that are in no group now and wait to be taken into one.</summary>
    public IReadOnlyList<StandbyReport> Standby { get; init; } = [];
}

/// <summary>What is new of one rank.</summary>
/// <param name="Enrollment">Who it is.</param>
/// <param name="Timings">Its new records, in the order in which they were written.</param>
/// <param name="Lost">Records overwritten before they were read, since the rank joined.</param>
/// <param name="Torn">Records that failed their check, since the rank joined.</param>
/// <param name="SplitVotes">Ballots without agreement, since the rank joined.</param>
/// <param name="Left">Whether this is the last that will be heard of it.</param>
public sealed record RankReport(
    RankEnrollment Enrollment, ReadOnlyMemory<StepTiming> Timings, long Lost, long Torn, long SplitVotes, bool Left)
{
    /// <summary>Why the rank's group can't go on, and who is to blame; null while it can.</summary>
    public GroupFailure? Failure { get; init; }

    /// <summary>Whether it left for another generation of the job; false while it is there, and where the job is over for it.</summary>
    public bool Regroups { get; init; }

    /// <summary>The rank's last trial; null where it was asked for none.</summary>
    public RankTrial? Trial { get; init; }

    /// <summary>What the rank's device says of itself; nothing where nobody reads it.</summary>
    public DeviceReading Device { get; init; }
}

/// <summary>What a micro-batch that did not count took a rank, as a plan had asked for: <see cref="JobPlan.IsTrial"/>.</summary>
/// <param name="Epoch">The plan.</param>
/// <param name="SecondsPerUnit">s, above 0.</param>
public sealed record RankTrial(PlanEpoch Epoch, double SecondsPerUnit);

/// <summary>The end of a group as one of its ranks saw it.</summary>
/// <param name="Culprits">Who caused it; never those that merely noticed.</param>
/// <param name="Reason">In words.</param>
public sealed record GroupFailure(IReadOnlyList<Rank> Culprits, string Reason);

/// <summary>A worker that is in no group: it left its job's last one, or is a spare, and would take a place.</summary>
/// <param name="Job">The job.</param>
/// <param name="Slot">Its place in the job, 0 … slots − 1.</param>
/// <param name="Slots">Places that the job has.</param>
/// <param name="Worker">Node and device.</param>
/// <param name="DeviceClass">What it computes on.</param>
/// <param name="SecondsPerUnit">What a micro-batch of the job took it when it last tried, s; null where it has not.</param>
public sealed record StandbyReport(
    JobId Job, int Slot, int Slots, WorkerId Worker, DeviceClass DeviceClass, double? SecondsPerUnit)
{
    /// <summary>What can't be so, in one sentence that names the field; null where all can.</summary>
    internal string? FindFault() =>
        string.IsNullOrEmpty(Job.Value) ? "the job has no name"
        : Slots is < 1 or > RankEnrollment.WorldSizeMax ? $"{Slots} slots are not within 1 … {RankEnrollment.WorldSizeMax}"
        : Slot < 0 || Slot >= Slots ? $"slot {Slot} of {Slots} does not exist"
        : SecondsPerUnit is { } seconds && !(seconds > 0 && double.IsFinite(seconds)) ? $"{seconds} s a micro-batch are not above 0"
        : null;
}

/// <summary>What a rank's training loop can do besides the steps themselves. A plan asks for nothing that a rank can't.</summary>
[Flags]
public enum RankAbilities
{
    /// <summary>It computes the same share for ever.</summary>
    None = 0,

    /// <summary>It computes whatever share the plan deals.</summary>
    Rebalance = 1,

    /// <summary>It asks before every micro-batch whether to go on, and requeues what it leaves out.</summary>
    Deadline = 2,

    /// <summary>It reduces through the guard, which may go on without it.</summary>
    Backup = 4,

    /// <summary>It leaves its group and joins another when the membership changes.</summary>
    Regroup = 8,

    /// <summary>It tries a micro-batch that does not count where a plan asks for it.</summary>
    Trial = 16,
}

/// <summary>
/// A rank's place in its job. Every report carries it, so that a guardian that starts late knows the job from the first report on.
/// </summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">The membership.</param>
/// <param name="Rank">The rank, valid in this generation.</param>
/// <param name="WorldSize">Ranks of the job, 1 or more.</param>
/// <param name="Worker">The node and device behind the rank.</param>
/// <param name="DeviceClass">The class that it is compared within.</param>
/// <param name="Stage">Its pipeline stage; 0 in a purely data-parallel job.</param>
/// <param name="TotalMicroBatches">Micro-batches of a global batch, M.</param>
/// <param name="MicroBatchesMin">The fewest this rank may be dealt.</param>
/// <param name="MicroBatchesMax">The most it may be dealt (its memory's cap).</param>
public sealed record RankEnrollment(
    JobId Job,
    Generation Generation,
    Rank Rank,
    int WorldSize,
    WorkerId Worker,
    DeviceClass DeviceClass,
    int Stage,
    int TotalMicroBatches,
    int MicroBatchesMin,
    int MicroBatchesMax)
{
    /// <summary>
    /// The data-parallel replica that the rank belongs to, as the job counts them for as long as it lives: ranks are numbered anew in
    /// every generation, slots are not.
    /// </summary>
    /// <value>0 … <see cref="Slots"/> − 1; default the rank's number, as it is in generation 0 of a purely data-parallel job.</value>
    public int Slot { get; init; } = Rank.Value;

    /// <summary>Replicas that the job began with, those included that have left, and spares.</summary>
    /// <value>1 or more; default the world size.</value>
    public int Slots { get; init; } = WorldSize;

    /// <summary>What the training loop can do.</summary>
    /// <value>Default <see cref="RankAbilities.Rebalance"/>.</value>
    public RankAbilities Abilities { get; init; } = RankAbilities.Rebalance;

    /// <summary>The most ranks that a job may have.</summary>
    /// <value>1,048,576: beyond any fleet, and small enough that one report can't have the guardian take all memory.</value>
    internal const int WorldSizeMax = 1 << 20;

    /// <summary>
    /// The place of a rank in generation 0 of a purely data-parallel job: one stage, and any share of the batch but none, so that
    /// the rank's speed stays known.
    /// </summary>
    /// <param name="job">The job.</param>
    /// <param name="node">Its node.</param>
    /// <param name="deviceClass">What it computes on.</param>
    /// <param name="communicator">All ranks of the job.</param>
    /// <param name="microBatches">Micro-batches of a global batch, at least one for every rank.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer micro-batches than ranks.</exception>
    public static RankEnrollment DataParallel(
        JobId job, NodeId node, DeviceClass deviceClass, Communicator communicator, int microBatches)
    {
        ArgumentNullException.ThrowIfNull(communicator);
        ArgumentOutOfRangeException.ThrowIfLessThan(microBatches, communicator.WorldSize);
        return new RankEnrollment(
            job, new Generation(0), communicator.Rank, communicator.WorldSize,
            new WorkerId(node, $"{deviceClass}-{communicator.Rank.Value}"), deviceClass, Stage: 0, microBatches,
            MicroBatchesMin: 1, MicroBatchesMax: microBatches);
    }

    /// <summary>What can't be so, in one sentence that names the field; null where all can.</summary>
    internal string? FindFault() =>
        string.IsNullOrEmpty(Job.Value) ? "the job has no name"
        : Generation.Value < 0 ? $"generation {Generation.Value} is negative"
        : WorldSize is < 1 or > WorldSizeMax ? $"a world size of {WorldSize} is not within 1 … {WorldSizeMax}"
        : Rank.Value < 0 || Rank.Value >= WorldSize ? $"rank {Rank.Value} of {WorldSize} does not exist"
        : Slots is < 1 or > WorldSizeMax ? $"{Slots} slots are not within 1 … {WorldSizeMax}"
        : Slot < 0 || Slot >= Slots ? $"slot {Slot} of {Slots} does not exist"
        : Stage < 0 ? $"stage {Stage} is negative"
        : TotalMicroBatches < 0 ? $"total micro-batches of {TotalMicroBatches} are negative"
        : MicroBatchesMin < 0 || MicroBatchesMax < MicroBatchesMin
            ? $"micro-batches of {MicroBatchesMin} at least and {MicroBatchesMax} at most contradict themselves"
        : null;
}

/// <summary>A plan on its way down to the ranks of a job.</summary>
/// <param name="Job">The job.</param>
/// <param name="Generation">The membership that votes on it; another one ignores it. The plan may be for the next.</param>
/// <param name="Plan">The plan with its epoch.</param>
public sealed record OfferedPlan(JobId Job, Generation Generation, JobPlan Plan);
