using System.Collections.Immutable;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net.Sockets;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Probes;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core.Probing;
using StragglerGuard.Daemon.CommandLine;

namespace StragglerGuard.Daemon.Probing;

/// <summary><c>stragglerguard probe</c>: what this machine can do, by hand.</summary>
internal static class ProbeCommand
{
    private const double SecondsMin = 0.05;
    private const double SecondsMax = 60;
    private const int RanksMax = 32;

    public static Command Build(TextWriter output, TextWriter error)
    {
        var seconds = new Option<double>("--seconds")
        {
            Description = TerminalText.Say($"How long each of the probes goes on, a quarter of it to warm up: {SecondsMin} … {SecondsMax}."),
            DefaultValueFactory = _ => 0.5,
            CustomParser = ParseSeconds,
            HelpName = "S",
        };
        var ranks = new Option<int>("--ranks")
        {
            Description = TerminalText.Say($"Also form a group of N ranks in this process, over TCP on loopback, and measure its links: 2 … {RanksMax}."),
            CustomParser = ParseRanks,
            HelpName = "N",
        };
        var json = new Option<bool>("--json") { Description = "End with the result as one JSON object on one line." };
        var command = new CommandWithNotes(
            "probe",
            "Measures this machine: fp32 matrix products and memory bandwidth of its device and, with --ranks, latency and bandwidth of links.",
            [
                "Exit codes:",
                "  0  everything was measured, whatever was found",
                "  1  it could not be measured; one message says why",
                "  2  arguments can't be used; one message says why",
            ])
        {
            seconds, ranks, json,
        };
        command.SetAction(words => Run(words.GetValue(seconds), words.GetValue(ranks), words.GetValue(json), output, error));
        return command;
    }

    private static int Run(double seconds, int ranks, bool json, TextWriter output, TextWriter error)
    {
        var options = new ProbeOptions { TimeLimit = TimeSpan.FromSeconds(seconds) };
        ProbedMachine machine;
        try
        {
            using var device = new CpuDevice();
            var reading = new DeviceProbeReading(GemmRateProbe.Measure(device, options), MemoryBandwidthProbe.Measure(device, options));
            ImmutableArray<LinkReading> links = ranks == 0 ? [] : LoopbackLinks.Measure(ranks, options);
            machine = new ProbedMachine("cpu", device.Name, reading, ranks, options.PayloadBytes, links, new ProbeJudge().Links(links));
        }
        catch (Exception failure) when (failure is CollectiveException or SocketException or OutOfMemoryException)
        {
            error.WriteLine(TerminalText.OneLine($"The probe failed: {failure.Message}"));
            return ExitCodes.NotMeasured;
        }

        foreach (string line in ProbeText.Lines(machine))
        {
            output.WriteLine(TerminalText.Printable(line));
        }

        if (json)
        {
            output.WriteLine(ProbeJson.Line(machine));
        }

        return ExitCodes.Judged;
    }

    private static double ParseSeconds(ArgumentResult result)
    {
        bool isNumber = double.TryParse(result.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double given);
        if (!isNumber || given is not (>= SecondsMin and <= SecondsMax))
        {
            result.AddError(TerminalText.Say($"--seconds takes a number of {SecondsMin} … {SecondsMax}, not '{result.Tokens[0].Value}'."));
        }

        return given;
    }

    private static int ParseRanks(ArgumentResult result)
    {
        bool isNumber = int.TryParse(result.Tokens[0].Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out int given);
        if (!isNumber || given is < 2 or > RanksMax)
        {
            result.AddError(TerminalText.Say($"--ranks takes a whole number of 2 … {RanksMax}, not '{result.Tokens[0].Value}'."));
        }

        return given;
    }
}
