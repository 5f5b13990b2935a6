using System.Globalization;
using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Ledger;

namespace StragglerGuard.Daemon.History;

/// <summary>Writes entries as they come: a table for people, or one JSON object a line.</summary>
/// <param name="output">Where to.</param>
/// <param name="job">Only those of this job; null for all.</param>
/// <param name="json">Whether as JSON.</param>
internal sealed class HistoryPrinter(TextWriter output, string? job, bool json)
{
    private bool _begun;

    public void Print(LedgerEntry entry)
    {
        if (job is not null && entry.Decision.Job.Value != job)
        {
            return;
        }

        if (json)
        {
            output.WriteLine(LedgerEntryJson.Line(entry));
        }
        else
        {
            foreach (string line in Lines(entry))
            {
                output.WriteLine(TerminalText.Printable(line));
            }
        }

        _begun = true;
        output.Flush();
    }

    /// <summary>All is printed: says so where that was nothing.</summary>
    public void End()
    {
        if (!_begun && !json)
        {
            output.WriteLine(job is null ? "no decisions yet" : TerminalText.Printable($"no decisions about {job}"));
        }
    }

    private IEnumerable<string> Lines(LedgerEntry entry)
    {
        if (!_begun)
        {
            yield return "time (UTC)              number  job           step  kind";
        }

        LedgerDecision decision = entry.Decision;
        string at = entry.At.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture);
        yield return TerminalText.Say($"{at}  {entry.Sequence,6}  {decision.Job.Value,-10}  {decision.Step,6}  {LedgerEntryJson.KindOf(decision)}");
        foreach (string line in TerminalText.Wrapped(decision.Reason))
        {
            yield return "  " + line;
        }
    }
}
