using System.Globalization;
using MixedFleet.Checkpoints;
using MixedFleet.Cluster;
using MixedFleet.CommandLine;
using MixedFleet.Data;
using MixedFleet.Devices;
using MixedFleet.Fleet;
using MixedFleet.Model;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace MixedFleet.Training;

/// <summary>A run whose every part was found good.</summary>
/// <param name="Fleet">The ranks.</param>
/// <param name="Corpus">The text.</param>
/// <param name="Options">The guard's.</param>
/// <param name="Slowdowns">Who is slowed when.</param>
/// <param name="Stalls">Who stalls at random.</param>
/// <param name="Phases">Steps, and what they are used for.</param>
/// <param name="MicroBatches">M, of a global batch.</param>
/// <param name="Seed">Of weights and samples.</param>
internal sealed record RunSettings(
    FleetDefinition Fleet,
    TextCorpus Corpus,
    StragglerGuardOptions Options,
    SlowdownSchedule Slowdowns,
    StallSchedule Stalls,
    RunPhases Phases,
    int MicroBatches,
    ulong Seed)
{
    /// <summary>The largest global batch.</summary>
    public const int MicroBatchesMax = 65_536;

    private const int MicroBatchesDefault = 32;

    /// <summary>Of a rank whose device is emulated.</summary>
    private const int EmulatedMicroBatchesPerRank = 2;

    private const int CheckpointEveryDefault = 50;

    /// <summary>The largest TCP port.</summary>
    public const int PortMax = 65_535;

    /// <summary>The job's name where no options file gives one.</summary>
    private const string JobName = "mixed-fleet";

    /// <summary>The agent's interval here: steps are short, and a plan should come down within one.</summary>
    private const int SampleAgentIntervalMs = 50;

    /// <summary>What it costs to form the groups of an emulated fleet anew: threads and loopback are quick at it, real fleets are not.</summary>
    private const double SampleRegroupSeconds = 0.5;

    /// <summary>The model that is trained.</summary>
    public static ModelShape ModelShape { get; } = new();

    /// <summary>The job's name in reports and metrics.</summary>
    public JobId Job => new(Options.Job);

    /// <summary>Ranks of the job.</summary>
    public int WorldSize => Fleet.Ranks.Count;

    /// <summary>What the guard may do in phase two.</summary>
    public MitigationChoice Mitigation => Options.Mitigation.Allowed;

    /// <summary>Whether the job's membership may change in phase two: a rank that is lost need not be the end then.</summary>
    public bool MayRegroup => GuardedMode == PolicyMode.Act && Mitigation is MitigationChoice.Auto or MitigationChoice.Evict;

    /// <summary>The file that the options came from; null where they are the sample's.</summary>
    public string? OptionsFile { get; init; }

    /// <summary>What ranks compute on; the run's to dispose.</summary>
    public RankDevices Devices { get; init; } = RankDevices.OfHost;

    /// <summary>The guard's mode in phase two, as asked for.</summary>
    public PolicyMode Mode { get; init; } = PolicyMode.Act;

    /// <summary>The guard's mode in phase two: where nothing may be done, it only looks.</summary>
    public PolicyMode GuardedMode => Mitigation == MitigationChoice.None ? PolicyMode.Observe : Mode;

    /// <summary>Where decisions are kept; empty: in memory.</summary>
    public string LedgerPath => Options.Ledger.Location;

    /// <summary>Where checkpoints are written; null: none are.</summary>
    public string? CheckpointPath { get; init; }

    /// <summary>Steps from one checkpoint to the next, 1 or more.</summary>
    public int CheckpointEvery { get; init; } = CheckpointEveryDefault;

    /// <summary>The state that the run goes on from; null where it begins.</summary>
    public TrainingState? ResumedFrom { get; init; }

    /// <summary>The plan that the run begins with: the checkpoint's, or the even deal.</summary>
    public JobPlan StartPlan => ResumedFrom?.Plan ?? JobPlan.Even(MicroBatches, WorldSize);

    /// <summary>The name of a slot's device on its node.</summary>
    public string DeviceOf(int slot) => FormattableString.Invariant($"{Fleet.Ranks[slot].DeviceClass}-{slot}");

    /// <summary>What a checkpoint of this job belongs to.</summary>
    public TrainingIdentity Identity => IdentityOf(Fleet, Corpus, MicroBatches, Seed);

    /// <summary>Holds every argument and file against each other. All errors at once, each naming where it stands.</summary>
    public static Checked<RunSettings> From(RunArguments arguments)
    {
        var errors = new List<string>();
        FleetDefinition? fleet = arguments.Fleet is { } fleetFile
            ? Take(FleetFile.Read(fleetFile), errors)
            : FleetFile.ReadDefault();
        TextCorpus? corpus = Take(
            arguments.Text is { } text
                ? TextCorpus.FromFile(text, ModelShape.ContextBytes)
                : TextCorpus.FromRepository(ModelShape.ContextBytes),
            errors);
        StragglerGuardOptions? options = ReadOptions(arguments, errors);
        SlowdownSchedule? slowdowns = fleet is null ? null : Take(SlowdownSchedule.Parse(arguments.Slow, fleet), errors);
        StallSchedule? stalls = fleet is null ? null : Take(StallSchedule.Parse(arguments.Stall, fleet, arguments.Seed), errors);
        if (arguments.Steps is < RunPhases.StepsMin or > RunPhases.StepsMax)
        {
            errors.Add($"--steps {arguments.Steps}: must be {RunPhases.StepsMin} to {RunPhases.StepsMax}");
        }

        int fewest = fleet?.Ranks.Count ?? 1;
        RankDevices devices = RankDevices.Open(arguments.Device, fewest, errors);
        int microBatches = arguments.MicroBatches ?? (devices.IsEmulated ? EmulatedMicroBatchesPerRank * fewest : MicroBatchesDefault);
        if (microBatches < fewest || microBatches > MicroBatchesMax)
        {
            errors.Add(
                $"--micro-batches {microBatches}: must be {fewest} to {MicroBatchesMax}" +
                (fleet is null ? "" : $"; the fleet has {fewest} ranks and the even deal gives each at least one"));
        }

        if (arguments.MetricsPort is < 0 or > PortMax)
        {
            errors.Add($"--metrics-port {arguments.MetricsPort}: must be 0 to {PortMax}");
        }

        CheckFiles(arguments, errors);
        CheckFabric(arguments, options, errors);
        int steps = arguments.Steps ?? RunPhases.DefaultSteps(slowdowns?.LastEnd, devices.IsEmulated);
        TrainingState? resumed = fleet is null || corpus is null ? null : ReadCheckpoint(arguments, fleet, corpus, microBatches, steps, errors);
        if (errors.Count > 0 || fleet is null || corpus is null || options is null || slowdowns is null || stalls is null)
        {
            devices.Dispose();
            return Checked<RunSettings>.Bad(errors);
        }

        return Checked<RunSettings>.Good(new RunSettings(
            fleet, corpus, options, slowdowns, stalls, RunPhases.Of(steps, (int)(resumed?.NextStep ?? 0)), microBatches, arguments.Seed)
        {
            OptionsFile = arguments.Options,
            Devices = devices,
            Mode = arguments.Mode,
            CheckpointPath = arguments.Checkpoint,
            CheckpointEvery = arguments.CheckpointEvery ?? CheckpointEveryDefault,
            ResumedFrom = resumed,
        });
    }

    private static TrainingIdentity IdentityOf(FleetDefinition fleet, TextCorpus corpus, int microBatches, ulong seed) =>
        TrainingIdentity.Of(ModelShape, seed, corpus.Fingerprint, microBatches, fleet.Ranks.Count);

    private static void CheckFiles(RunArguments arguments, List<string> errors)
    {
        LedgerLocation? ledger = null;
        if (arguments.Ledger is { } place && !LedgerLocation.TryParse(place, out ledger, out string reason))
        {
            // As it was typed it may hold a password.
            errors.Add($"--ledger: {reason}");
        }

        foreach ((string option, string? file) in new[] { ("--checkpoint", arguments.Checkpoint), ("--ledger", ledger?.FilePath) })
        {
            if (file is not null && BoundedFile.FindFaultOfNew(file) is { } fault)
            {
                errors.Add($"{option} {file}: {fault}");
            }
        }

        if (arguments.CheckpointEvery is { } every)
        {
            if (every is < 1 or > RunPhases.StepsMax)
            {
                errors.Add($"--checkpoint-every {every}: must be 1 to {RunPhases.StepsMax}");
            }

            if (arguments.Checkpoint is null)
            {
                errors.Add($"--checkpoint-every {every}: says how often, but there is no --checkpoint FILE that says where to");
            }
        }
    }

    private static void CheckFabric(RunArguments arguments, StragglerGuardOptions? options, List<string> errors)
    {
        if (arguments.Fabric != FabricChoice.Akka)
        {
            return;
        }

        if (ClusterParts.WhyLeftOut is { } reason)
        {
            errors.Add($"--fabric akka: {reason}");
        }

        bool isRunning = options is { Cluster.Guardians.Length: > 0 };
        if (arguments.MetricsPort is { } port)
        {
            errors.Add($"--metrics-port {port}: with --fabric akka every guardian has a page of its own: " + (isRunning
                ? "say metrics.port in the file of each"
                : "start guardians yourself (stragglerguard guardian), each with metrics.port in its file, and name them in --options (cluster.guardians)"));
        }

        if (isRunning && arguments.Ledger is { } ledger)
        {
            errors.Add($"--ledger {ledger}: the guardians that {arguments.Options} names (cluster.guardians) have a ledger of their own");
        }
        else if (!isRunning && options?.Metrics.Port is > 0)
        {
            errors.Add($"{arguments.Options}: metrics.port: three guardians on one machine can't serve their pages on one port; leave it out");
        }
    }

    private static TrainingState? ReadCheckpoint(
        RunArguments arguments, FleetDefinition fleet, TextCorpus corpus, int microBatches, int steps, List<string> errors)
    {
        if (!arguments.Resume)
        {
            return null;
        }

        if ((arguments.ResumeFrom ?? arguments.Checkpoint) is not { } file)
        {
            errors.Add("--resume: from which checkpoint? Say --resume FILE, or --checkpoint FILE");
            return null;
        }

        TrainingState? state = Take(
            CheckpointFile.Read(file, IdentityOf(fleet, corpus, microBatches, arguments.Seed)), errors);
        if (state is not null && state.NextStep >= steps)
        {
            errors.Add($"--resume {file}: {state.NextStep} steps are done, and --steps {steps} asks for no more");
        }

        return state;
    }

    /// <summary>The options of the file, or the sample's; the command line says what may be done.</summary>
    private static StragglerGuardOptions? ReadOptions(RunArguments arguments, List<string> errors)
    {
        StragglerGuardOptions? options;
        if (arguments.Options is { } file)
        {
            OptionsOutcome outcome = OptionsReader.ReadFile(file);
            errors.AddRange(outcome.Errors.Select(error => error.ToString()));
            options = outcome.Options;
        }
        else
        {
            options = new StragglerGuardOptions
            {
                Job = JobName,
                Agent = new AgentSection { IntervalMs = SampleAgentIntervalMs },
                Mitigation = new MitigationSection { RegroupSeconds = SampleRegroupSeconds },
            };
        }

        if (options is null)
        {
            return null;
        }

        // The phases of this run set the mode, whatever an earlier one had left in the ledger; a guardian that takes over finds it there.
        bool hasSeveral = arguments.Fabric == FabricChoice.Akka;
        LedgerSection ledger = options.Ledger with
        {
            Location = arguments.Ledger ?? options.Ledger.Location,
            Modes = hasSeveral ? LedgerModes.Resume : LedgerModes.Ignore,
        };
        // A ledger outlives its run, and what it has of another run's job is none of this one's business.
        string job = ledger.Location.Length == 0 && !hasSeveral
            ? options.Job
            : string.Create(CultureInfo.InvariantCulture, $"{options.Job} {DateTime.UtcNow:yyyyMMdd-HHmmss}-{Environment.ProcessId}");
        return options with { Job = job, Ledger = ledger, Mitigation = options.Mitigation with { Allowed = arguments.Mitigate } };
    }

    private static T? Take<T>(Checked<T> outcome, List<string> errors)
        where T : class
    {
        errors.AddRange(outcome.Errors);
        return outcome.Value;
    }
}
