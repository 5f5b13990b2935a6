using System.Globalization;
using System.Text;
using StragglerGuard.Actuators;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core.Policy;
using StragglerGuard.Ledger;

namespace StragglerGuard.Hosting;

/// <summary>
/// Every setting of a guard: from JSON by <see cref="OptionsReader"/>, or from code, checked by <see cref="OptionsReader.Check"/>.
/// </summary>
/// <remarks>
/// Keys of the JSON are the names here in camel case, sections are objects. Each property's range is enforced from its attribute,
/// and <c>config/stragglerguard.json</c> holds every key with its default.
/// </remarks>
public sealed record StragglerGuardOptions
{
    /// <summary>Names the job in reports and metrics.</summary>
    /// <value>1 to 128 characters; default <c>job</c>.</value>
    [TextOption(1, 128)]
    public string Job { get; init; } = "job";

    /// <summary>What the guard may do with what it finds.</summary>
    /// <value>Default <see cref="PolicyMode.Observe"/>.</value>
    [ChoiceOption]
    public PolicyMode Mode { get; init; } = PolicyMode.Observe;

    /// <summary>The part beside the ranks: drains their rings, reports.</summary>
    public AgentSection Agent { get; init; } = new();

    /// <summary>The one that joins the reports of a job.</summary>
    public GuardianSection Guardian { get; init; } = new();

    /// <summary>When a rank counts as slow.</summary>
    public DetectionSection Detection { get; init; } = new();

    /// <summary>When a new plan is worth its cost.</summary>
    public PolicySection Policy { get; init; } = new();

    /// <summary>What may be done about stragglers, and within which limits.</summary>
    public MitigationSection Mitigation { get; init; } = new();

    /// <summary>How tensors move between ranks.</summary>
    public CollectivesSection Collectives { get; init; } = new();

    /// <summary>The metrics page.</summary>
    public MetricsSection Metrics { get; init; } = new();

    /// <summary>Where decisions are kept.</summary>
    public LedgerSection Ledger { get; init; } = new();

    /// <summary>Who takes nodes out of service and back.</summary>
    public ActuatorsSection Actuators { get; init; } = new();

    /// <summary>Several guardians that stand in for each other.</summary>
    public ClusterSection Cluster { get; init; } = new();
}

/// <summary>Settings of the agent.</summary>
public sealed record AgentSection
{
    /// <summary>How often the rings are drained and a report is sent.</summary>
    /// <value>ms, 10 to 60,000; default 1,000.</value>
    [NumberOption(10, 60_000, Unit = "ms")]
    public int IntervalMs { get; init; } = 1_000;

    /// <summary>Steps that a rank's ring holds before it overwrites.</summary>
    /// <value>A power of two, 64 to 4,194,304; default 4,096 (512 KiB a rank).</value>
    [NumberOption(64, 1 << 22, PowerOfTwo = true)]
    public int RingSlots { get; init; } = 4_096;
}

/// <summary>Settings of the guardian.</summary>
public sealed record GuardianSection
{
    /// <summary>
    /// How far a step may lie behind the newest before it is closed without the ranks that are missing. Agents report out of step with
    /// each other: fewer than the steps of two agent intervals lose the ranks of nodes that report later.
    /// </summary>
    /// <value>Steps, 1 to 4,096; default 64.</value>
    [NumberOption(1, 4_096, Unit = "steps")]
    public int HorizonSteps { get; init; } = 64;

    /// <summary>The window of the lag statistics.</summary>
    /// <value>Steps, 8 to 65,536; default 256.</value>
    [NumberOption(8, 65_536, Unit = "steps")]
    public int LagWindowSteps { get; init; } = 256;
}

/// <summary>Settings of the detection. Its other parameters are two frozen sets, on which the stated false-alarm rate rests.</summary>
public sealed record DetectionSection
{
    /// <summary>The least slowdown that counts: 0.10 means 10 % more compute time per unit of work.</summary>
    /// <value>Share, 0.02 to 1; default 0.10.</value>
    [NumberOption(0.02, 1)]
    public double MinimumEffect { get; init; } = 0.10;
}

/// <summary>Settings of the policy.</summary>
public sealed record PolicySection
{
    /// <summary>The least gain in step time for which the work is dealt anew.</summary>
    /// <value>Share, 0 to 0.99; default 0.02.</value>
    [NumberOption(0, 0.99)]
    public double MinGain { get; init; } = 0.02;

    /// <summary>What a change of plan costs the job, once.</summary>
    /// <value>Seconds, 0 to 3,600; default 0.1.</value>
    [NumberOption(0, 3_600, Unit = "s")]
    public double SwitchCostSeconds { get; init; } = 0.1;

    /// <summary>Over how many steps that cost has to be won back.</summary>
    /// <value>Steps, 1 to 1,000,000; default 200.</value>
    [NumberOption(1, 1_000_000, Unit = "steps")]
    public int HorizonSteps { get; init; } = 200;

    /// <summary>The least distance between two plans.</summary>
    /// <value>Steps, 0 to 1,000,000; default 20.</value>
    [NumberOption(0, 1_000_000, Unit = "steps")]
    public int CoolDownSteps { get; init; } = 20;

    /// <summary>The share of flagged ranks above which the guard holds its fire: the fault is then likely its own or common to all.</summary>
    /// <value>Share, 0.01 to 1; default 0.5.</value>
    [NumberOption(0.01, 1)]
    public double BrakeShare { get; init; } = 0.5;

    /// <summary>The policy's own options; what has no key here keeps its default.</summary>
    internal PolicyOptions ToPolicyOptions() => new()
    {
        MinGain = MinGain,
        SwitchCostSeconds = SwitchCostSeconds,
        HorizonSteps = HorizonSteps,
        CoolDownSteps = CoolDownSteps,
        BrakeShare = BrakeShare,
    };
}

/// <summary>Which actions a guard may take.</summary>
public enum MitigationChoice
{
    /// <summary>Whatever wins most, the gentlest first.</summary>
    Auto = 0,

    /// <summary>Deal the micro-batches by speed, nothing else.</summary>
    Rebalance = 1,

    /// <summary>Stop accumulating at a deadline, nothing else.</summary>
    Deadline = 2,

    /// <summary>Don't wait for the last ranks, nothing else.</summary>
    Backup = 3,

    /// <summary>Take replicas out and back, and go on without one that hangs; nothing else.</summary>
    Evict = 4,

    /// <summary>Nothing.</summary>
    None = 5,
}

/// <summary>Settings of what is done about stragglers. A plan asks for nothing that the training loop has not said it can.</summary>
public sealed record MitigationSection
{
    /// <summary>Which actions may be taken.</summary>
    /// <value>Default <see cref="MitigationChoice.Auto"/>.</value>
    [ChoiceOption]
    public MitigationChoice Allowed { get; init; } = MitigationChoice.Auto;

    /// <summary>What it costs the job, once, to form its groups anew: an eviction is taken when as much has been lost.</summary>
    /// <value>Seconds, 0 to 86,400; default 30.</value>
    [NumberOption(0, 86_400, Unit = "s")]
    public double RegroupSeconds { get; init; } = 30;

    /// <summary>Over how long an action has to pay for what it costs once.</summary>
    /// <value>Seconds, 1 to 86,400; default 600.</value>
    [NumberOption(1, 86_400, Unit = "s")]
    public double HorizonSeconds { get; init; } = 600;

    /// <summary>Evictions and restarts within any hour.</summary>
    /// <value>0 to 1,000; default 2.</value>
    [NumberOption(0, 1_000)]
    public int EvictionsPerHour { get; init; } = 2;

    /// <summary>The share of the replicas that a job began with that must stay.</summary>
    /// <value>Share, 0 to 1; default 0.75.</value>
    [NumberOption(0, 1)]
    public double FloorShare { get; init; } = 0.75;

    /// <summary>The number of replicas that must stay, however few there were.</summary>
    /// <value>1 to 1,048,576; default 2.</value>
    [NumberOption(1, 1 << 20)]
    public int FloorReplicas { get; init; } = 2;

    /// <summary>The share of flagged replicas above which nothing destructive is done.</summary>
    /// <value>Share, 0.01 to 1; default 0.3.</value>
    [NumberOption(0.01, 1)]
    public double DestructiveBrakeShare { get; init; } = 0.3;

    /// <summary>How long an evicted replica stays out at least; doubled from time to time.</summary>
    /// <value>Seconds, 0 to 86,400; default 300.</value>
    [NumberOption(0, 86_400, Unit = "s")]
    public double ProbationSeconds { get; init; } = 300;

    /// <summary>How long a kind of action rests after one of its plans disappointed; doubled from time to time.</summary>
    /// <value>Seconds, 0 to 86,400; default 600.</value>
    [NumberOption(0, 86_400, Unit = "s")]
    public double RestSeconds { get; init; } = 600;

    /// <summary>The policy's own options; what has no key here keeps its default.</summary>
    /// <param name="policy">The thresholds that both share.</param>
    internal MitigationOptions ToMitigationOptions(PolicySection policy) => new()
    {
        MinGain = policy.MinGain,
        CoolDownSteps = policy.CoolDownSteps,
        BrakeShare = policy.BrakeShare,
        DestructiveBrakeShare = Math.Min(DestructiveBrakeShare, policy.BrakeShare),
        HorizonSeconds = HorizonSeconds,
        EvictionsPerHour = EvictionsPerHour,
        FloorShare = FloorShare,
        FloorMembers = FloorReplicas,
        ProbationSeconds = ProbationSeconds,
        RestSeconds = RestSeconds,
    };
}

/// <summary>Settings of the collectives.</summary>
public sealed record CollectivesSection
{
    /// <summary>How long a collective waits before it names the ranks that never came.</summary>
    /// <value>Seconds, 0.1 to 3,600; default 30.</value>
    [NumberOption(0.1, 3_600, Unit = "s")]
    public double TimeoutSeconds { get; init; } = 30;

    /// <summary>The piece in which a tensor travels.</summary>
    /// <value>Bytes, a power of two, 4,096 to 16,777,216; default 262,144.</value>
    [NumberOption(4_096, 1 << 24, Unit = "bytes", PowerOfTwo = true)]
    public int ChunkBytes { get; init; } = 262_144;

    /// <summary>The same as options of a transport.</summary>
    public TransportOptions ToTransportOptions() =>
        new() { Timeout = TimeSpan.FromSeconds(TimeoutSeconds), ChunkBytes = ChunkBytes };
}

/// <summary>Settings of the metrics page.</summary>
public sealed record MetricsSection
{
    /// <summary>Where the page listens. Anything but loopback shows it to the network.</summary>
    /// <value>An IPv4 or IPv6 address; default <c>127.0.0.1</c>.</value>
    [AddressOption]
    public string Address { get; init; } = "127.0.0.1";

    /// <summary>On which port.</summary>
    /// <value>0 to 65,535; null (the default) or 0: no page.</value>
    [NumberOption(0, 65_535)]
    public int? Port { get; init; }

    /// <summary>The most series on the page; what goes beyond is left out and counted.</summary>
    /// <value>100 to 1,000,000; default 10,000.</value>
    [NumberOption(100, 1_000_000)]
    public int MaxSeries { get; init; } = 10_000;
}

/// <summary>What a guardian that finds changes of a job's mode in its ledger makes of them.</summary>
public enum LedgerModes
{
    /// <summary>They hold on: whoever called the guard back before a restart is obeyed after it.</summary>
    Resume = 0,

    /// <summary>They are history: every job begins with the mode of the options.</summary>
    Ignore = 1,
}

/// <summary>Settings of the ledger.</summary>
public sealed record LedgerSection
{
    /// <summary>
    /// Where the ledger is: a file (also <c>sqlite:FILE</c>), or a PostgreSQL database (<c>postgres://user@host/database</c> or a connection
    /// string; its password is better left to PGPASSWORD or PGPASSFILE).
    /// </summary>
    /// <remarks>
    /// A guard that is embedded in a training runner lives and dies with its job: what it decided is of no use to anybody after, and a file
    /// nobody asked for would be in the way of the next run. A guard that outlives its jobs, or is to be started anew under a running one,
    /// needs a place.
    /// </remarks>
    /// <value>Up to 4,096 characters; default empty: in memory, gone with the process.</value>
    [LedgerLocationOption]
    public string Location { get; init; } = "";

    /// <summary>What becomes of the modes that jobs were put into while a guard ran on this ledger before.</summary>
    /// <value>Default <see cref="LedgerModes.Resume"/>.</value>
    [ChoiceOption]
    public LedgerModes Modes { get; init; } = LedgerModes.Resume;

    // Whoever prints options must not print a password.
    private bool PrintMembers(StringBuilder builder)
    {
        string place = LedgerLocation.TryParse(Location, out LedgerLocation? location, out _) ? location.ToString() : "";
        builder.Append(CultureInfo.InvariantCulture, $"{nameof(Location)} = {place}, {nameof(Modes)} = {Modes}");
        return true;
    }
}
