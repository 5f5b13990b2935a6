using System.CommandLine;
using System.Runtime.InteropServices;
using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Ledger;

namespace StragglerGuard.Daemon.History;

/// <summary><c>stragglerguard history</c>: what was decided, and why; also while it is being decided.</summary>
internal static class HistoryCommand
{
    private static readonly TimeSpan FollowEvery = TimeSpan.FromMilliseconds(500);

    public static Command Build(TextWriter output, TextWriter error)
    {
        var ledger = new Option<string>("--ledger")
        {
            Description = "The ledger: a file, or a database as postgres://user@host/database or Host=…;Database=…;Username=… "
                + "(its password best in PGPASSWORD or PGPASSFILE).",
            DefaultValueFactory = _ => LedgerLocation.DefaultPath,
            HelpName = "FILE|URI",
        };
        var job = new Option<string?>("--job") { Description = "Only what was decided about this job.", HelpName = "J" };
        var json = new Option<bool>("--json") { Description = "One JSON object a line, an entry each." };
        var follow = new Option<bool>("--follow") { Description = "Stay, and print what is decided from now on, too, until interrupted." };
        var command = new CommandWithNotes(
            "history",
            "Prints the decisions that a ledger holds, the oldest first. The guardian may go on writing it.",
            [
                "Damage:",
                "  A ledger that fails its check is shown up to the entry where it does; what to do with it is said on stderr.",
                "",
                "Exit codes:",
                "  0  all entries were printed",
                "  1  they could not be written",
                "  2  arguments or the ledger can't be used, or the ledger is damaged; one message says why",
            ])
        {
            ledger, job, json, follow,
        };
        command.SetAction(words =>
        {
            var printer = new HistoryPrinter(output, words.GetValue(job), words.GetValue(json));
            return Run(words.GetValue(ledger)!, words.GetValue(follow), printer, error);
        });
        return command;
    }

    private static int Run(string place, bool follow, HistoryPrinter printer, TextWriter error)
    {
        if (!follow)
        {
            return Follow(place, printer, error, static () => false);
        }

        using var stop = new ManualResetEventSlim();
        using PosixSignalRegistration interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration ended = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return Follow(place, printer, error, () => !stop.Wait(FollowEvery));

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Set();
        }
    }

    /// <summary>Prints the entries, and those that come later for as long as it is told to go on.</summary>
    /// <param name="place">The ledger.</param>
    /// <param name="printer">Where they go.</param>
    /// <param name="error">Where messages go.</param>
    /// <param name="goOn">Waits for a while; false: no more.</param>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    internal static int Follow(string place, HistoryPrinter printer, TextWriter error, Func<bool> goOn)
    {
        if (!LedgerLocation.TryParse(place, out LedgerLocation? location, out string reason))
        {
            return Refuse("--ledger: " + reason);
        }

        try
        {
            using DurableLedgerReader ledger = location.OpenRead();
            long shown = 0;
            do
            {
                foreach (LedgerEntry entry in ledger.Read(shown + 1))
                {
                    printer.Print(entry);
                    shown = entry.Sequence;
                }

                if (ledger.LastSequence < shown)
                {
                    return Refuse(TerminalText.Say($"{ledger.Name} now ends at entry {ledger.LastSequence}, and entry {shown} was shown: an older copy was put back."));
                }
            }
            while (goOn());

            printer.End();
            return ExitCodes.Judged;
        }
        catch (LedgerDamagedException damage)
        {
            return ShowIntact(location, damage);
        }
        catch (LedgerException fault)
        {
            return Refuse(fault.Message);
        }
        catch (IOException fault)
        {
            error.WriteLine(TerminalText.Printable($"The decisions could not be written: {fault.Message}"));
            return ExitCodes.NotWritten;
        }

        int ShowIntact(LedgerLocation damaged, LedgerDamagedException damage)
        {
            try
            {
                foreach (LedgerEntry entry in damaged.ReadIntact().Entries)
                {
                    printer.Print(entry);
                }
            }
            catch (LedgerException)
            {
                // Nothing of it can be read: the message says so.
            }

            return Refuse(damage.Message);
        }

        int Refuse(string message)
        {
            error.WriteLine(TerminalText.OneLine(message));
            return ExitCodes.BadInput;
        }
    }
}
