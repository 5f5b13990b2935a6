using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace StragglerGuard.Daemon.CommandLine;

/// <summary>The usual help, then what becomes of bad records and what the exit status says.</summary>
internal sealed class HelpWithExitCodes(HelpAction usual) : SynchronousCommandLineAction
{
    /// <summary>Help is wanted whatever else is wrong.</summary>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        int result = usual.Invoke(parseResult);
        TextWriter output = parseResult.InvocationConfiguration.Output;
        if (parseResult.CommandResult.Command is CommandWithNotes own)
        {
            foreach (string note in own.Notes)
            {
                output.WriteLine(note);
            }

            return result;
        }

        output.WriteLine("Bad records:");
        output.WriteLine("  Named with file and line on stderr and left out; the others are judged.");
        output.WriteLine();
        output.WriteLine("Exit codes:");
        output.WriteLine("  0  the input was judged, whatever was found in it");
        output.WriteLine("  1  the result could not be written");
        output.WriteLine("  2  arguments or input can't be used; one message says why");
        return result;
    }
}
