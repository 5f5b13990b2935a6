using System.CommandLine;
using System.CommandLine.Help;
using StragglerGuard.Daemon.Analysis;
using StragglerGuard.Daemon.Guardians;
using StragglerGuard.Daemon.History;
using StragglerGuard.Daemon.Judging;
using StragglerGuard.Daemon.Probing;
using StragglerGuard.Daemon.Simulation;

namespace StragglerGuard.Daemon.CommandLine;

/// <summary>The command line of <c>stragglerguard</c>.</summary>
internal static class ProgramCommands
{
    /// <summary>Runs the program.</summary>
    /// <param name="args">Its arguments.</param>
    /// <param name="output">Results.</param>
    /// <param name="error">Messages.</param>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static int Run(string[] args, TextWriter output, TextWriter error)
    {
        ParseResult words = Build(output, error).Parse(args);
        if (words.Errors.Count > 0)
        {
            foreach (var fault in words.Errors)
            {
                error.WriteLine(TerminalText.OneLine(fault.Message));
            }

            error.WriteLine("stragglerguard --help lists what it takes.");
            return ExitCodes.BadInput;
        }

        // Signals are a command's own to handle.
        return words.Invoke(new InvocationConfiguration
        {
            Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null,
        });
    }

    private static Command Build(TextWriter output, TextWriter error)
    {
        var help = new HelpOption();
        help.Action = new HelpWithExitCodes((HelpAction)help.Action!);

        // A RootCommand would call itself by the assembly's name.
        return new Command(
            "stragglerguard",
            "Finds the rank that holds a synchronous training job back, says why, and what could be won.\n\n"
            + "  stragglerguard replay timings.csv             judge recorded step times\n"
            + "  stragglerguard replay train.log               judge a Megatron-LM training log\n"
            + "  stragglerguard replay timings.csv --what-if   and tell what dealing the micro-batches anew would have won\n"
            + "  stragglerguard analyze operations.csv.gz      replay an operation trace without its stragglers\n"
            + "  stragglerguard analyze traces/                lags and last arrivers in PyTorch profiler traces, one file a rank\n"
            + "  stragglerguard history --follow               what the guardian decides, and why\n"
            + "  stragglerguard probe --ranks 4                measure this machine: matrix products, memory, links over loopback\n"
            + "  stragglerguard simulate scenario.json         what the guard would do to a fleet with these faults, in virtual time\n"
            + "  stragglerguard guardian --options FILE        one of several guardians that stand in for each other")
        {
            help,
            new VersionOption(),
            ReplayCommand.Build(output, error),
            AnalyzeCommand.Build(output, error),
            HistoryCommand.Build(output, error),
            ProbeCommand.Build(output, error),
            SimulateCommand.Build(output, error),
            GuardianCommand.Build(output, error),
        };
    }
}
