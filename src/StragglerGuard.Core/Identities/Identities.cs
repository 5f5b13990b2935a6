namespace StragglerGuard.Core;

/// <summary>Names one training job. A guard serves many.</summary>
/// <param name="Value">Free text, chosen by whoever starts the job; compared by ordinal.</param>
public readonly record struct JobId(string Value)
{
    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>
/// One membership of a job. A restart or a change of members begins a new one; step numbers may repeat across generations.
/// </summary>
/// <param name="Value">0, 1, 2 …</param>
public readonly record struct Generation(int Value)
{
    /// <inheritdoc/>
    public override string ToString() => $"generation {Value}";
}

/// <summary>The position of a worker in its job, 0 … world size − 1. Valid for one <see cref="Generation"/> only.</summary>
/// <param name="Value">0-based.</param>
public readonly record struct Rank(int Value) : IComparable<Rank>
{
    /// <inheritdoc/>
    public int CompareTo(Rank other) => Value.CompareTo(other.Value);

    /// <summary>Orders by number.</summary>
    public static bool operator <(Rank left, Rank right) => left.Value < right.Value;

    /// <summary>Orders by number.</summary>
    public static bool operator >(Rank left, Rank right) => left.Value > right.Value;

    /// <summary>Orders by number.</summary>
    public static bool operator <=(Rank left, Rank right) => left.Value <= right.Value;

    /// <summary>Orders by number.</summary>
    public static bool operator >=(Rank left, Rank right) => left.Value >= right.Value;

    /// <inheritdoc/>
    public override string ToString() => $"rank {Value}";
}

/// <summary>Names one machine of the fleet.</summary>
/// <param name="Value">The host name as the scheduler knows it.</param>
public readonly record struct NodeId(string Value)
{
    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>One physical worker, stable across generations: a node and the device on it.</summary>
/// <param name="Node">The machine.</param>
/// <param name="DeviceUuid">The device's own UUID, or another name that is stable on that machine.</param>
public readonly record struct WorkerId(NodeId Node, string DeviceUuid)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Node.Value}/{DeviceUuid}";
}

/// <summary>What kind of device a rank computes on. Ranks are compared with ranks of the same class only.</summary>
/// <param name="Name">For example <c>H100</c>.</param>
public readonly record struct DeviceClass(string Name)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>One step of one generation.</summary>
/// <param name="Generation">The membership that took the step.</param>
/// <param name="Number">0-based; rises by one a step within a generation.</param>
public readonly record struct StepId(Generation Generation, long Number)
{
    /// <inheritdoc/>
    public override string ToString() => $"step {Number} of {Generation}";
}

/// <summary>
/// The version of the deal in force: the sequence number of the ledger's entry that decided it. 0 is the even deal that a job starts with.
/// </summary>
/// <param name="Value">0 or more; rises by one or more from plan to plan.</param>
public readonly record struct PlanEpoch(long Value) : IComparable<PlanEpoch>
{
    /// <summary>The even deal that every job starts with.</summary>
    public static readonly PlanEpoch Initial;

    /// <inheritdoc/>
    public int CompareTo(PlanEpoch other) => Value.CompareTo(other.Value);

    /// <summary>Orders by age.</summary>
    public static bool operator <(PlanEpoch left, PlanEpoch right) => left.Value < right.Value;

    /// <summary>Orders by age.</summary>
    public static bool operator >(PlanEpoch left, PlanEpoch right) => left.Value > right.Value;

    /// <summary>Orders by age.</summary>
    public static bool operator <=(PlanEpoch left, PlanEpoch right) => left.Value <= right.Value;

    /// <summary>Orders by age.</summary>
    public static bool operator >=(PlanEpoch left, PlanEpoch right) => left.Value >= right.Value;

    /// <inheritdoc/>
    public override string ToString() => $"epoch {Value}";
}

/// <summary>What the members of a process group share.</summary>
public enum GroupKind
{
    /// <summary>All ranks of the job.</summary>
    Job = 0,

    /// <summary>Data parallel: the same parameters, other samples.</summary>
    DataParallel = 1,

    /// <summary>Tensor parallel: slices of the same layers.</summary>
    TensorParallel = 2,

    /// <summary>Pipeline parallel: consecutive stages of one replica.</summary>
    PipelineParallel = 3,

    /// <summary>Expert parallel: other experts of the same layers.</summary>
    ExpertParallel = 4,
}

/// <summary>Names one process group of a job.</summary>
/// <param name="Job">The job.</param>
/// <param name="Kind">What the members share.</param>
/// <param name="Index">0-based among the groups of its kind, in Megatron's order.</param>
public readonly record struct GroupId(JobId Job, GroupKind Kind, int Index)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Kind} group {Index} of {Job}";
}
