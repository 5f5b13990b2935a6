using System.CommandLine;
using System.Globalization;
using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Simulation;

namespace StragglerGuard.Daemon.Simulation;

/// <summary><c>stragglerguard simulate</c>: the guardian's own logic against a scenario of timed faults, in virtual time.</summary>
internal static class SimulateCommand
{
    public static Command Build(TextWriter output, TextWriter error)
    {
        var file = new Argument<string>("SCENARIO")
        {
            Description = "A virtual fleet and its faults, JSON; config/fleets/twelve-events.json and config/fleets/colossus-1.json are examples.",
        };
        var json = new Option<bool>("--json") { Description = "End with the result as one JSON object on one line." };
        Option<long?> seed = WholeNumber("--seed", "N", 0, int.MaxValue, "The seed of the noise, instead of the scenario's.");
        Option<long?> steps = WholeNumber("--steps", "N", 1, Scenario.StepsMax, "How many steps to run, instead of the scenario's length.");
        var command = new CommandWithNotes(
            "simulate",
            "Runs the guardian and its policy against a scenario, and prints throughput unguarded, guarded, bound (the best possible under each event) and ideal "
            + "(no event), and each decision. The same scenario and seed print the same.",
            [
                "Exit codes:",
                "  0  the scenario was played, whatever came of it",
                "  1  the result could not be written",
                "  2  arguments or the scenario can't be used; all of its faults at once, each with line, position and key",
            ])
        {
            file, json, seed, steps,
        };
        command.SetAction(words => Run(
            words.GetValue(file)!, words.GetValue(seed), words.GetValue(steps), words.GetValue(json), output, error));
        return command;
    }

    private static int Run(string path, long? seed, long? steps, bool json, TextWriter output, TextWriter error)
    {
        if (path.Length == 0)
        {
            error.WriteLine("SCENARIO is empty.");
            return ExitCodes.BadInput;
        }

        ScenarioOutcome outcome = ScenarioReader.ReadFile(path);
        if (outcome.Scenario is not { } scenario)
        {
            foreach (var fault in outcome.Errors)
            {
                error.WriteLine(TerminalText.Printable(fault.ToString()));
            }

            return ExitCodes.BadInput;
        }

        scenario = scenario with { Seed = seed ?? scenario.Seed };
        scenario = steps is null ? scenario : scenario with { Steps = steps, Hours = null };
        SimulationResult result = ScheduleSimulator.Play(scenario);
        foreach (string line in SimulateText.Lines(result))
        {
            output.WriteLine(TerminalText.Printable(line));
        }

        if (json)
        {
            output.WriteLine(SimulateJson.Line(result));
        }

        return ExitCodes.Judged;
    }

    private static Option<long?> WholeNumber(string name, string unit, long lowest, long highest, string description) => new(name)
    {
        Description = description,
        HelpName = unit,
        CustomParser = result =>
        {
            bool isNumber = long.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out long given);
            if (!isNumber || given < lowest || given > highest)
            {
                result.AddError(TerminalText.Say($"{name} takes a whole number of {lowest} … {highest}, not '{result.Tokens[0].Value}'."));
            }

            return given;
        },
    };
}
