using StragglerGuard.Hosting;

namespace StragglerGuard.Simulation;

/// <summary>A virtual fleet, the job that runs on it, and the faults that befall it: from a file by <see cref="ScenarioReader"/>.</summary>
/// <remarks>
/// <para>A replica takes the seconds of its class for a micro-batch. Own work of a step ends when its micro-batches are done; then all replicas meet in one
/// ring collective, which takes <see cref="TransferSeconds"/> once the last has come, times the factor of the slowest link among the members; then the step
/// costs everybody <see cref="FixedSeconds"/> more (optimiser, launch).</para>
/// <para>Noise multiplies a replica's own work of a step, drawn anew for every rank and step from <see cref="Seed"/>; of several ranks to a replica the slowest
/// counts. All four schedules that are compared meet the same draws.</para>
/// </remarks>
public sealed record Scenario
{
    /// <summary>The most steps of a run.</summary>
    /// <value>10,000,000.</value>
    public const long StepsMax = 10_000_000;

    /// <summary>For people.</summary>
    public required string Name { get; init; }

    /// <summary>What the fleet is made of; replicas are numbered through in this order.</summary>
    public required IReadOnlyList<ReplicaClass> Classes { get; init; }

    /// <summary>Micro-batches of a global batch, M: at least one for every replica.</summary>
    public required int MicroBatches { get; init; }

    /// <summary>Replicas whose ranks one agent reports for.</summary>
    /// <value>1 or more; default 8.</value>
    public int ReplicasPerNode { get; init; } = 8;

    /// <summary>Standard deviation of a rank's own work from step to step.</summary>
    /// <value>Share of the mean, 0 to 0.2; default 0.01.</value>
    public double Noise { get; init; } = 0.01;

    /// <summary>What the step's collective takes after its last arrival while all links are well.</summary>
    /// <value>s, 0 to 3,600; default 0.</value>
    public double TransferSeconds { get; init; }

    /// <summary>What a step takes beyond own work and collective, whatever the plan.</summary>
    /// <value>s, 0 to 3,600; default 0.</value>
    public double FixedSeconds { get; init; }

    /// <summary>How long the run is, by number of steps; null where by <see cref="Hours"/>.</summary>
    /// <value>1 to <see cref="StepsMax"/>.</value>
    public long? Steps { get; init; }

    /// <summary>How long the run is, by virtual time, for every schedule alike; null where by <see cref="Steps"/>.</summary>
    /// <value>h, above 0.</value>
    public double? Hours { get; init; }

    /// <summary>Where the noise comes from: the same number, the same run.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>What may be done about a fault.</summary>
    /// <value>Default <see cref="ScenarioMitigations.Rebalance"/>.</value>
    public ScenarioMitigations Mitigations { get; init; } = ScenarioMitigations.Rebalance;

    /// <summary>The guard as it would be configured; its mode decides whether plans are carried out.</summary>
    public StragglerGuardOptions Guard { get; init; } = new();

    /// <summary>What goes wrong.</summary>
    public IReadOnlyList<ScenarioEvent> Events { get; init; } = [];

    /// <summary>How many replicas there are.</summary>
    public int Replicas => Classes.Sum(members => members.Replicas);

    /// <summary>How many ranks there are.</summary>
    public long Ranks => Classes.Sum(members => (long)members.Replicas * members.RanksPerReplica);
}

/// <summary>What may be done about a fault: by the guardian, and by the bound that it is held against.</summary>
[Flags]
public enum ScenarioMitigations
{
    /// <summary>Nothing: the guard only looks on.</summary>
    None = 0,

    /// <summary>Micro-batches are dealt anew.</summary>
    Rebalance = 1,

    /// <summary>Replicas leave, at the same global batch. The bound counts neither the move nor what a replica that left could do elsewhere.</summary>
    Evict = 2,

    /// <summary>Replicas stop accumulating after a deadline; what they drop is done in a later step.</summary>
    Deadline = 4,

    /// <summary>The reduction waits for all members but a few.</summary>
    Backup = 8,
}

/// <summary>Replicas that are alike.</summary>
/// <param name="DeviceClass">Ranks are compared within their class.</param>
/// <param name="Replicas">How many, 1 or more.</param>
/// <param name="SecondsPerMicroBatch">Own work of a micro-batch, s, 1e-6 to 3,600.</param>
/// <param name="MicroBatchesMax">The most that one can hold in a step, 1 or more.</param>
/// <param name="RanksPerReplica">Ranks that share a replica's work; it is as fast as the slowest of them.</param>
public sealed record ReplicaClass(string DeviceClass, int Replicas, double SecondsPerMicroBatch, int MicroBatchesMax, int RanksPerReplica);

/// <summary>What goes wrong in an event.</summary>
public enum ScenarioEventKind
{
    /// <summary>Own work takes <see cref="ScenarioEvent.Factor"/> times as long.</summary>
    Compute = 0,

    /// <summary>The replica's ring link is slower: the collective takes <see cref="ScenarioEvent.Factor"/> times as long, for all.</summary>
    Link = 1,

    /// <summary>In a random share of the steps own work takes <see cref="ScenarioEvent.Factor"/> times as long.</summary>
    Stall = 2,
}

/// <summary>A fault with its time.</summary>
/// <remarks>Factors of events that overlap on a replica are multiplied.</remarks>
/// <param name="Name">For people.</param>
/// <param name="Kind">What goes wrong.</param>
/// <param name="Replicas">Whom it befalls.</param>
/// <param name="Factor">How much slower: 1 to 100.</param>
/// <param name="Probability">Of a stall in a step, above 0, 1 or less; 1 for the other kinds.</param>
/// <param name="From">When it begins: a step, or s since the start where <paramref name="IsTimed"/>.</param>
/// <param name="To">When it is over, in the same unit; infinite where it never is.</param>
/// <param name="IsTimed">Whether it happens at a time rather than at a step.</param>
public sealed record ScenarioEvent(
    string Name, ScenarioEventKind Kind, IReadOnlyList<ReplicaRange> Replicas, double Factor, double Probability, double From, double To, bool IsTimed)
{
    /// <summary>Whether it holds at a step that begins at a time.</summary>
    /// <param name="step">The step.</param>
    /// <param name="seconds">When it begins, s.</param>
    public bool HoldsAt(long step, double seconds)
    {
        double now = IsTimed ? seconds : step;
        return From <= now && now < To;
    }
}

/// <summary>Replicas that follow each other.</summary>
/// <param name="First">The first, 0-based.</param>
/// <param name="Last">The last, included.</param>
public readonly record struct ReplicaRange(int First, int Last);
