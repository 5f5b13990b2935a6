using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using MixedFleet.Training;

namespace MixedFleet.CommandLine;

/// <summary>The words of the command line, parsed but not yet held against files and each other.</summary>
internal sealed record RunArguments
{
    public string? Fleet { get; init; }

    public string? Text { get; init; }

    public string? Options { get; init; }

    public int? Steps { get; init; }

    public ulong Seed { get; init; }

    public int MicroBatches { get; init; }

    public IReadOnlyList<string> Slow { get; init; } = [];

    public bool Processes { get; init; }

    public bool Json { get; init; }

    public int? MetricsPort { get; init; }

    /// <summary>Set by the launcher only: this process is one rank of a job.</summary>
    public bool RankProcess { get; init; }
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
            Description = "The guard's options, see config/stragglerguard.json. The phases of this sample set the mode, whatever the file says.",
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
        var microBatches = new Option<int>("--micro-batches")
        {
            CustomParser = result => WholeNumber(result, 1, RunSettings.MicroBatchesMax) ?? 0,
            Description = "Micro-batches in a global batch, dealt to the ranks at every step.",
            DefaultValueFactory = _ => 32,
            HelpName = "M",
        };
        var slow = new Option<string[]>("--slow")
        {
            Description = "Slow a rank by a factor for the steps FROM up to, not including, TO (repeatable; under 1 makes it faster).",
            HelpName = "RANK:FACTOR@FROM-TO",
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = false,
        };
        var processes = new Option<bool>("--processes") { Description = "One OS process per rank, over TCP on loopback. Default: one thread per rank." };
        var json = new Option<bool>("--json") { Description = "End with the result as one JSON object on one line." };
        var metricsPort = new Option<int?>("--metrics-port")
        {
            CustomParser = result => WholeNumber(result, 0, RunSettings.PortMax),
            Description = "Serve Prometheus metrics on http://127.0.0.1:PORT/metrics while it runs; 0 takes a free port.",
            HelpName = "PORT",
        };
        var rankProcess = new Option<bool>("--rank-process") { Hidden = true };

        var command = new RootCommand(
            "Trains a byte-level language model data-parallel over ranks of different speed, with StragglerGuard embedded: " +
            "first it only observes an even deal, then it acts.")
        {
            fleet, text, options, steps, seed, microBatches, slow, processes, json, metricsPort, rankProcess,
        };
        command.SetAction((result, _) => run(new RunArguments
        {
            Fleet = result.GetValue(fleet),
            Text = result.GetValue(text),
            Options = result.GetValue(options),
            Steps = result.GetValue(steps),
            Seed = result.GetValue(seed),
            MicroBatches = result.GetValue(microBatches),
            Slow = result.GetValue(slow) ?? [],
            Processes = result.GetValue(processes),
            Json = result.GetValue(json),
            MetricsPort = result.GetValue(metricsPort),
            RankProcess = result.GetValue(rankProcess),
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
