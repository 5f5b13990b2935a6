using System.CommandLine;
using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Hosting;

namespace StragglerGuard.Daemon.Guardians;

/// <summary><c>stragglerguard guardian</c>: one of several guardians that stand in for each other.</summary>
internal static class GuardianCommand
{
    public static Command Build(TextWriter output, TextWriter error)
    {
        var options = new Option<string>("--options")
        {
            Description = "The guard's options, see config/stragglerguard.json: cluster names this process and all guardians, ledger the one that they share.",
            Required = true,
            HelpName = "FILE",
        };
        var command = new CommandWithNotes(
            "guardian",
            "Runs one of several guardians that stand in for each other: one decides, another takes over when it is gone.",
            [
                "Signals:",
                "  SIGTERM and SIGINT: it hands over if it decides, tells the others, and leaves.",
                "",
                "Exit codes:",
                "  0  it left in order",
                "  1  it failed for a reason of its own; one message says which",
                "  2  arguments or options can't be used, or the port can't be had; a message for each fault says why",
            ])
        {
            options,
        };
        command.SetAction((words, _) => RunAsync(words.GetValue(options)!, output, error));
        return command;
    }

    private static async Task<int> RunAsync(string file, TextWriter output, TextWriter error)
    {
        OptionsOutcome outcome = OptionsReader.ReadFile(file);
        if (outcome.Options is not { } options)
        {
            foreach (OptionsError fault in outcome.Errors)
            {
                error.WriteLine(TerminalText.Printable(fault.ToString()));
            }

            return ExitCodes.BadInput;
        }

#if FULLSTACK
        return await GuardianRun.RunAsync(file, options, output, error).ConfigureAwait(false);
#else
        _ = options;
        await error.WriteLineAsync("guardian: this build was made without Akka.NET: build with -p:FullStack=true").ConfigureAwait(false);
        return ExitCodes.BadInput;
#endif
    }
}
