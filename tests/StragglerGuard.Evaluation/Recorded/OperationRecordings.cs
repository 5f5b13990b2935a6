using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using StragglerGuard.Core.WhatIf;
using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Traces;

namespace StragglerGuard.Evaluation.Recorded;

/// <summary>Operation traces with published figures: <c>NAME.csv.gz</c> beside <c>NAME.golden.json</c>.</summary>
internal sealed class OperationRecordings : IFigureGroup
{
    private const double Tolerance = 1e-3;
    private const double JudgedSecondsMax = 0.3;
    private const double ReadAndJudgedSecondsMax = 2;
    private const int Repetitions = 5;

    // What a figure's difference from the published one counts as where one of the two is missing.
    private const double Absent = double.PositiveInfinity;

    public string Name => "operations";

    public string Summary => "*.csv.gz with *.golden.json: what-if against the published figures";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        string[] golden = RecordedFolder.Files(data, "*.golden.json");
        return golden.Length == 0 ? [Figure.Skipped("*.golden.json", $"none in {data}")] : golden.SelectMany(Judge);
    }

    private static IEnumerable<Figure> Judge(string goldenPath)
    {
        string path = goldenPath.Replace(".golden.json", ".csv.gz", StringComparison.Ordinal);
        string name = Path.GetFileName(path);
        if (!File.Exists(path))
        {
            yield return Figure.Skipped(name, "the trace is not there");
            yield break;
        }

        long begin = Stopwatch.GetTimestamp();
        OperationsReading reading = OperationsCsvReader.Read(path);
        WhatIfOutcome? outcome = reading.Trace is { } trace ? WhatIfAnalysis.Analyze(trace) : null;
        double firstSeconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        if (outcome?.Report is not { } report)
        {
            yield return Figure.Of(name, "read and judged", $"{reading.Fault ?? outcome?.Fault}", "a report", false);
            yield break;
        }

        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(goldenPath));
        JsonElement golden = document.RootElement;
        yield return Compare(name, "S", report.Slowdown, golden, "S");
        yield return Compare(name, "M_W", report.SlowWorkerShare, golden, "M_W");
        yield return Compare(name, "M_S", report.LastStageShare, golden, "M_S");
        yield return Compare(name, "per replica", report.ByReplica.ToDictionary(row => Key(row.Replica), row => row.Slowdown), golden, "decompose_by_dp_rank");
        yield return Compare(name, "per stage", report.ByStage.ToDictionary(row => Key(row.Stage), row => row.Slowdown), golden, "decompose_by_stage");
        yield return Compare(name, "per operation", report.ByOperation.ToDictionary(row => row.Name, row => row.Slowdown), golden, "decompose_by_optype");
        yield return Compare(name, "per step", report.Steps.ToDictionary(row => Key(row.Step), row => row.Slowdown), golden, "step_slowdown");
        yield return Blame(name, report, golden);

        double[] seconds = [.. Enumerable.Range(0, Repetitions).Select(_ => Time(reading.Trace!))];
        yield return Figure.Of(
            name, "judged, S_w of all workers included", $"{seconds.Min():0.000} s (the first time {firstSeconds:0.00} s, reading included)",
            "≤ 0.3 s, first ≤ 2 s", seconds.Min() <= JudgedSecondsMax && firstSeconds <= ReadAndJudgedSecondsMax);
    }

    // Where one replica and one stage alone are slow by the published figures, the worker at their crossing is to blame.
    private static Figure Blame(string name, WhatIfReport report, JsonElement golden)
    {
        int replica = Worst(golden.GetProperty("decompose_by_dp_rank"));
        int stage = Worst(golden.GetProperty("decompose_by_stage"));
        string culprits = string.Join(", ", report.Culprits.Select(culprit => $"({culprit.Replica}, {culprit.Stage})"));
        return Figure.Of(
            name, "class and culprits", $"{report.Class} {culprits}", $"Worker ({replica}, {stage}) alone",
            report.Class == StragglerClass.Worker && report.Culprits is [var only] && only.Replica == replica && only.Stage == stage);
    }

    private static int Worst(JsonElement slowdowns) =>
        int.Parse(slowdowns.EnumerateObject().MaxBy(property => property.Value.GetDouble()).Name, CultureInfo.InvariantCulture);

    private static double Time(OperationTrace trace)
    {
        long begin = Stopwatch.GetTimestamp();
        WhatIfAnalysis.Analyze(trace);
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    private static Figure Compare(string name, string what, double? ours, JsonElement golden, string key)
    {
        double published = golden.GetProperty(key).GetDouble();
        double off = ours is { } value ? Math.Abs(value - published) : Absent;
        return Figure.Of(name, what, $"{ours:0.0000}, off by {off:0.0e+0}", "1e-3 of the published", off <= Tolerance);
    }

    private static Figure Compare(string name, string what, Dictionary<string, double> ours, JsonElement golden, string key)
    {
        Dictionary<string, double> published = golden.GetProperty(key).EnumerateObject()
            .ToDictionary(property => property.Name, property => property.Value.GetDouble());
        double off = published.Keys.Union(ours.Keys)
            .Max(row => published.TryGetValue(row, out double theirs) && ours.TryGetValue(row, out double value) ? Math.Abs(value - theirs) : Absent);
        return Figure.Of(name, what, $"{ours.Count} figures, off by {off:0.0e+0} at most", "1e-3 of the published", off <= Tolerance);
    }

    private static string Key(long value) => value.ToString(CultureInfo.InvariantCulture);
}
