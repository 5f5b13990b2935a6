using MixedFleet.CommandLine;
using MixedFleet.Data;
using MixedFleet.Fleet;
using MixedFleet.Model;
using StragglerGuard.Core;
using StragglerGuard.Hosting;

namespace MixedFleet.Training;

/// <summary>A run whose every part was found good.</summary>
/// <param name="Fleet">The ranks.</param>
/// <param name="Corpus">The text.</param>
/// <param name="Options">The guard's.</param>
/// <param name="Slowdowns">Who is slowed when.</param>
/// <param name="Phases">Steps, and what they are used for.</param>
/// <param name="MicroBatches">M, of a global batch.</param>
/// <param name="Seed">Of weights and samples.</param>
internal sealed record RunSettings(
    FleetDefinition Fleet,
    TextCorpus Corpus,
    StragglerGuardOptions Options,
    SlowdownSchedule Slowdowns,
    RunPhases Phases,
    int MicroBatches,
    ulong Seed)
{
    /// <summary>The largest global batch.</summary>
    public const int MicroBatchesMax = 65_536;

    /// <summary>The largest TCP port.</summary>
    public const int PortMax = 65_535;

    /// <summary>The job's name where no options file gives one.</summary>
    private const string JobName = "mixed-fleet";

    /// <summary>The agent's interval here: steps are short, and a plan should come down within one.</summary>
    private const int SampleAgentIntervalMs = 50;

    /// <summary>The model that is trained.</summary>
    public static ModelShape ModelShape { get; } = new();

    /// <summary>The job's name in reports and metrics.</summary>
    public JobId Job => new(Options.Job);

    /// <summary>Ranks of the job.</summary>
    public int WorldSize => Fleet.Ranks.Count;

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
        StragglerGuardOptions? options = ReadOptions(arguments.Options, errors);
        SlowdownSchedule? slowdowns = fleet is null ? null : Take(SlowdownSchedule.Parse(arguments.Slow, fleet), errors);
        if (arguments.Steps is < RunPhases.StepsMin or > RunPhases.StepsMax)
        {
            errors.Add($"--steps {arguments.Steps}: must be {RunPhases.StepsMin} to {RunPhases.StepsMax}");
        }

        int fewest = fleet?.Ranks.Count ?? 1;
        if (arguments.MicroBatches < fewest || arguments.MicroBatches > MicroBatchesMax)
        {
            errors.Add(
                $"--micro-batches {arguments.MicroBatches}: must be {fewest} to {MicroBatchesMax}" +
                (fleet is null ? "" : $"; the fleet has {fewest} ranks and the even deal gives each at least one"));
        }

        if (arguments.MetricsPort is < 0 or > PortMax)
        {
            errors.Add($"--metrics-port {arguments.MetricsPort}: must be 0 to {PortMax}");
        }

        if (errors.Count > 0 || fleet is null || corpus is null || options is null || slowdowns is null)
        {
            return Checked<RunSettings>.Bad(errors);
        }

        int steps = arguments.Steps ?? RunPhases.DefaultSteps(slowdowns.LastEnd);
        return Checked<RunSettings>.Good(new RunSettings(
            fleet, corpus, options, slowdowns, RunPhases.Of(steps), arguments.MicroBatches, arguments.Seed));
    }

    private static StragglerGuardOptions? ReadOptions(string? file, List<string> errors)
    {
        if (file is null)
        {
            return new StragglerGuardOptions { Job = JobName, Agent = new AgentSection { IntervalMs = SampleAgentIntervalMs } };
        }

        OptionsOutcome outcome = OptionsReader.ReadFile(file);
        errors.AddRange(outcome.Errors.Select(error => error.ToString()));
        return outcome.Options;
    }

    private static T? Take<T>(Checked<T> outcome, List<string> errors)
        where T : class
    {
        errors.AddRange(outcome.Errors);
        return outcome.Value;
    }
}
