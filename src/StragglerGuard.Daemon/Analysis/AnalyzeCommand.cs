using System.CommandLine;
using System.Text;
using StragglerGuard.Core.WhatIf;
using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Traces;

namespace StragglerGuard.Daemon.Analysis;

/// <summary><c>stragglerguard analyze</c>: what a trace shows, and what would have been won.</summary>
internal static class AnalyzeCommand
{
    private const string OperationsCsv = "operations-csv";
    private const string Kineto = "kineto";

    public static Command Build(TextWriter output, TextWriter error)
    {
        var trace = new Argument<string>("TRACE") { Description = "The trace: a file of operations, packed with gzip or not, or a folder of profiler traces." };
        var format = new Option<string?>("--format")
        {
            Description = "operations-csv (a line an operation: dp_rank, stage, step, optype, start_ts, duration and where known rank, seq_id, mc, mb_id, gmc) or "
                + "kineto (a folder of PyTorch profiler JSON files, one a rank). Where left out: kineto for a folder, operations-csv for a file.",
            HelpName = $"{OperationsCsv}|{Kineto}",
        };
        format.AcceptOnlyFromAmong(OperationsCsv, Kineto);
        var json = new Option<bool>("--json") { Description = "End with the result as one JSON object on one line." };
        var html = new Option<string?>("--html")
        {
            Description = "Write one self-contained page with the heat map per worker and per step.",
            HelpName = "FILE",
        };
        var command = new Command(
            "analyze",
            "Replays an operation trace as it was and as it would have been without this or that: what is slow, why, what to do, what it would win.\n"
            + "Of profiler traces: how late every rank was at every collective, without a clock shared between them.")
        {
            trace, format, json, html,
        };
        command.SetAction(words => Run(
            words.GetValue(trace)!, words.GetValue(format), words.GetValue(json), words.GetValue(html), output, error));
        return command;
    }

    private static int Run(string path, string? format, bool json, string? html, TextWriter output, TextWriter error)
    {
        if (path.Length == 0 || html?.Length == 0)
        {
            error.WriteLine(path.Length == 0 ? "TRACE is empty." : "--html: FILE is empty.");
            return ExitCodes.BadInput;
        }

        if ((format is null or Kineto) && File.Exists(path) && IsProfilerTrace(path))
        {
            error.WriteLine(TerminalText.Printable($"{path}: profiler traces are read as a folder, with one file a rank"));
            return ExitCodes.BadInput;
        }

        bool isFolder = (format ?? (Directory.Exists(path) ? Kineto : OperationsCsv)) == Kineto;
        AnalysisOutput? analysis = isFolder ? OfFolder(path, error) : OfOperations(path, error);
        if (analysis is null)
        {
            return ExitCodes.BadInput;
        }

        foreach (string line in analysis.Lines)
        {
            output.WriteLine(TerminalText.Printable(line));
        }

        if (html is not null && !TryWrite(html, analysis.Page(), error))
        {
            return ExitCodes.NotWritten;
        }

        if (json)
        {
            output.WriteLine(analysis.Json());
        }

        return ExitCodes.Judged;
    }

    private static AnalysisOutput? OfOperations(string path, TextWriter error)
    {
        OperationsReading reading = OperationsCsvReader.Read(path);
        if (reading.Trace is not { } trace)
        {
            error.WriteLine(TerminalText.Printable(reading.Fault!));
            return null;
        }

        WhatIfOutcome outcome = WhatIfAnalysis.Analyze(trace);
        if (outcome.Report is not { } report)
        {
            error.WriteLine(TerminalText.Printable(WithFirst($"{path}: {outcome.Fault}", reading.BadRecords)));
            return null;
        }

        TerminalText.WriteFaults(error, reading.BadRecordsWith(report.Coverage));
        string name = Path.GetFileName(path);
        return new AnalysisOutput(WhatIfText.Lines(name, report), () => AnalysisJson.Line(report), () => WhatIfPage.Render(name, report));
    }

    private static AnalysisOutput? OfFolder(string path, TextWriter error)
    {
        KinetoReading reading = KinetoReader.ReadFolder(path);
        if (reading.Fault is not null)
        {
            error.WriteLine(TerminalText.Printable(WithFirst(reading.Fault, reading.BadRecords)));
            return null;
        }

        TerminalText.WriteFaults(error, reading.BadRecords);
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(path));
        return new AnalysisOutput(CollectiveText.Lines(name, reading), () => AnalysisJson.Line(reading), () => CollectivePage.Render(name, reading));
    }

    // Where nothing can be judged one message says why; what was wrong first is likely the reason.
    private static string WithFirst(string fault, TraceFaults bad) =>
        bad.Count == 0 ? fault : TerminalText.Say($"{fault}; {bad.Count} bad records, the first: {bad.First[0]}");

    private static bool IsProfilerTrace(string path) =>
        path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".json.gz", StringComparison.OrdinalIgnoreCase);

    private static bool TryWrite(string path, string page, TextWriter error)
    {
        try
        {
            File.WriteAllText(path, page, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            error.WriteLine(TerminalText.Printable($"{path}: {exception.Message}"));
            return false;
        }
    }

    private sealed record AnalysisOutput(IEnumerable<string> Lines, Func<string> Json, Func<string> Page);
}
