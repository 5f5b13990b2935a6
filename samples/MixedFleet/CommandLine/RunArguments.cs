using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using MixedFleet.Devices;
using MixedFleet.Training;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;

namespace MixedFleet.CommandLine;

/// <summary>The words of the command line, parsed but not yet held against files and each other.</summary>
internal sealed record RunArguments
{
    public string? Fleet { get; init; }

    public string? Text { get; init; }

    public string? Options { get; init; }

    public int? Steps { get; init; }

    public ulong Seed { get; init; }

    /// <summary>Null where it was not said.</summary>
    public int? MicroBatches { get; init; }

    public DeviceChoice Device { get; init; }

    public IReadOnlyList<string> Slow { get; init; } = [];

    public IReadOnlyList<string> Stall { get; init; } = [];

    public MitigationChoice Mitigate { get; init; } = MitigationChoice.Rebalance;

    public PolicyMode Mode { get; init; } = PolicyMode.Act;

    public string? Ledger { get; init; }

    public string? Checkpoint { get; init; }

    /// <summary>Null where it was not said.</summary>
    public int? CheckpointEvery { get; init; }

    /// <summary>Whether to go on from a checkpoint.</summary>
    public bool Resume { get; init; }

    /// <summary>From which; null where that of <see cref="Checkpoint"/> is meant.</summary>
    public string? ResumeFrom { get; init; }

    public bool Processes { get; init; }

    public FabricChoice Fabric { get; init; }

    public bool Json { get; init; }

    public int? MetricsPort { get; init; }

    /// <summary>Set by the launcher only: this process is one rank of a job.</summary>
    public bool RankProcess { get; init; }

    /// <summary>Set by the launcher only: this process is one of its guardians.</summary>
    public bool GuardianProcess { get; init; }
}

/// <summary>The command line of the sample.</summary>
internal static class RunCommand
{
    /// <summary>Builds the command; <paramref name="run"/> is called with the words once they parse.</summary>
    public static RootCommand Build(Func<RunArguments, Task<int>> run)
    {
        var fleet = new Option<string?>("--fleet")
        {
            CustomParser = FileName,
            Description = "The fleet: a JSON file with a device class and a pace per rank, see config/fleets. Default: 2 × H100, 1 × H200, 1 × GB200.",
            HelpName = "FILE",
        };
        var text = new Option<string?>("--text")
        {
            CustomParser = FileName,
            Description = "Train on this file. Default: the text files of this repository.",
            HelpName = "FILE",
        };
        var options = new Option<string?>("--options")
        {
            CustomParser = FileName,
            Description = "The guard's options, see config/stragglerguard.json. --mode and --mitigate say what may be done, whatever the file says.",
            HelpName = "FILE",
        };
        var steps = new Option<int?>("--steps")
        {
            CustomParser = result => WholeNumber(result, RunPhases.StepsMin, RunPhases.StepsMax),
            Description = "Steps to train, 40 or more. Default: 240, or 60 past the last --slow that ends.",
            HelpName = "N",
        };
        var seed = new Option<ulong>("--seed")
        {
            CustomParser = result => WholeNumber(result, ulong.MinValue, ulong.MaxValue) ?? 0,
            Description = "Of the initial weights and the order of the samples.",
            DefaultValueFactory = _ => 1,
            HelpName = "N",
        };
        var microBatches = new Option<int?>("--micro-batches")
        {
            CustomParser = result => WholeNumber(result, 1, RunSettings.MicroBatchesMax),
            Description = "Micro-batches in a global batch, dealt to the ranks at every step. Default: 32; two a rank on an emulated device.",
            HelpName = "M",
        };
        var device = new Option<DeviceChoice?>("--device")
        {
            CustomParser = result => OneOf<DeviceChoice>(result),
            Description = "What ranks compute on: cpu, or ilgpu for the GPUs of this machine, shared where there are fewer than ranks; where there is none, " +
                "for ILGPU's simulator, which is slow. Default: cpu.",
            HelpName = "DEVICE",
        };
        var slow = new Option<string[]>("--slow")
        {
            Description = "Slow a rank by a factor for the steps FROM up to, not including, TO (repeatable; under 1 makes it faster).",
            HelpName = "RANK:FACTOR@FROM-TO",
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = false,
        };
        var stall = new Option<string[]>("--stall")
        {
            Description = "Stall a rank, or each by itself, in a share of its steps, drawn at random: all of such a step's micro-batches take " +
                "FACTOR times as long (repeatable; 1 to 1000).",
            HelpName = "RANK|all:PROBABILITY:FACTOR",
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = false,
        };
        var mitigate = new Option<MitigationChoice?>("--mitigate")
        {
            CustomParser = result => OneOf<MitigationChoice>(result),
            Description = "What the guard may do once it acts: auto, rebalance, deadline, backup, evict or none. With auto and evict the job goes on " +
                "without a rank that is lost. Default: rebalance.",
            HelpName = "KIND",
        };
        var mode = new Option<PolicyMode?>("--mode")
        {
            CustomParser = result => OneOf<PolicyMode>(result),
            Description = "The guard's mode once the observed steps are over: observe, advise or act. Default: act.",
            HelpName = "MODE",
        };
        var ledger = new Option<string?>("--ledger")
        {
            CustomParser = FileName,
            Description = "Keep what the guard decides in this file, or in this PostgreSQL database: postgres://user@host/database. Default: in memory.",
            HelpName = "FILE|postgres://…",
        };
        var checkpoint = new Option<string?>("--checkpoint")
        {
            CustomParser = FileName,
            Description = "Write the state of the training to this file now and then, and at the end; the one before it stays as FILE.previous.",
            HelpName = "FILE",
        };
        var checkpointEvery = new Option<int?>("--checkpoint-every")
        {
            CustomParser = result => WholeNumber(result, 1, RunPhases.StepsMax),
            Description = "Steps from one checkpoint to the next. Default: 50.",
            HelpName = "N",
        };
        var resume = new Option<string?>("--resume")
        {
            CustomParser = result => result.Tokens.Count == 0 ? null : FileName(result),
            Description = "Go on from a checkpoint: from FILE, or from that of --checkpoint. --steps counts those already done.",
            HelpName = "FILE",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var processes = new Option<bool>("--processes") { Description = "One OS process per rank, over TCP on loopback. Default: one thread per rank." };
        var fabric = new Option<FabricChoice?>("--fabric")
        {
            CustomParser = result => OneOf<FabricChoice>(result),
            Description = "Where the guardian is: inprocess, in this program, or akka, in three processes of their own that stand in for each other "
                + "(implies --processes; the guardians of --options, where its cluster.guardians names some). Default: inprocess.",
            HelpName = "FABRIC",
        };
        var json = new Option<bool>("--json") { Description = "End with the result as one JSON object on one line." };
        var metricsPort = new Option<int?>("--metrics-port")
        {
            CustomParser = result => WholeNumber(result, 0, RunSettings.PortMax),
            Description = "Serve Prometheus metrics on http://127.0.0.1:PORT/metrics while it runs; 0 takes a free port. Not with --fabric akka: there each guardian has a page, "
                + "where metrics.port in its file says.",
            HelpName = "PORT",
        };
        var rankProcess = new Option<bool>("--rank-process") { Hidden = true };
        var guardianProcess = new Option<bool>("--guardian-process") { Hidden = true };

        var command = new RootCommand(
            "Trains a byte-level language model data-parallel over ranks of different speed, with StragglerGuard embedded: " +
            "first it only observes an even deal, then it acts.")
        {
            fleet, text, options, steps, seed, microBatches, device, slow, stall, mitigate, mode, ledger, checkpoint, checkpointEvery, resume, processes,
            fabric, json, metricsPort, rankProcess, guardianProcess,
        };
        command.SetAction((result, _) => run(new RunArguments
        {
            Fleet = result.GetValue(fleet),
            Text = result.GetValue(text),
            Options = result.GetValue(options),
            Steps = result.GetValue(steps),
            Seed = result.GetValue(seed),
            MicroBatches = result.GetValue(microBatches),
            Device = result.GetValue(device) ?? DeviceChoice.Cpu,
            Slow = result.GetValue(slow) ?? [],
            Stall = result.GetValue(stall) ?? [],
            Mitigate = result.GetValue(mitigate) ?? MitigationChoice.Rebalance,
            Mode = result.GetValue(mode) ?? PolicyMode.Act,
            Ledger = result.GetValue(ledger),
            Checkpoint = result.GetValue(checkpoint),
            CheckpointEvery = result.GetValue(checkpointEvery),
            Resume = result.GetResult(resume) is not null,
            ResumeFrom = result.GetValue(resume),
            Processes = result.GetValue(processes) || result.GetValue(fabric) == FabricChoice.Akka,
            Fabric = result.GetValue(fabric) ?? FabricChoice.InProcess,
            Json = result.GetValue(json),
            MetricsPort = result.GetValue(metricsPort),
            RankProcess = result.GetValue(rankProcess),
            GuardianProcess = result.GetValue(guardianProcess),
        }));
        return command;
    }

    // The library's own message names a type of .NET where a user wants to read what the option takes.
    // Whether a number is within its range is seen later, together with everything else that is wrong.
    private static T? WholeNumber<T>(ArgumentResult result, T min, T max)
        where T : struct, IBinaryInteger<T>
    {
        string word = result.Tokens[^1].Value;
        if (T.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out T number))
        {
            return number;
        }

        result.AddError($"{NameOf(result)} {word}: must be a whole number from {min} to {max}");
        return null;
    }

    // Numbers, which the library would take for a name's value, are none of the words.
    private static T? OneOf<T>(ArgumentResult result)
        where T : struct, Enum
    {
        string word = result.Tokens[^1].Value;
        string[] words = [.. Enum.GetNames<T>().Select(name => name.ToLowerInvariant())];
        int index = Array.IndexOf(words, word);
        if (index >= 0)
        {
            return Enum.GetValues<T>()[index];
        }

        result.AddError($"{NameOf(result)} {word}: must be one of {string.Join(", ", words)}");
        return null;
    }

    private static string? FileName(ArgumentResult result)
    {
        string word = result.Tokens[^1].Value;
        if (string.IsNullOrWhiteSpace(word))
        {
            result.AddError($"{NameOf(result)}: the name of the file is empty");
        }

        return word;
    }

    private static string NameOf(ArgumentResult result) => ((OptionResult)result.Parent!).Option.Name;
}
