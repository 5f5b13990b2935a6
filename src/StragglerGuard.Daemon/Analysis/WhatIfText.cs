using StragglerGuard.Core.WhatIf;
using StragglerGuard.Daemon.CommandLine;
using static StragglerGuard.Daemon.CommandLine.TerminalText;

namespace StragglerGuard.Daemon.Analysis;

/// <summary>A what-if report for a terminal: a short table, a heat map in characters, one paragraph.</summary>
internal static class WhatIfText
{
    private const int OperationsShown = 6;
    private const int RowsShown = 32;
    private const int ColumnsShown = 64;
    private const int CulpritsShown = 6;

    public static IEnumerable<string> Lines(string name, WhatIfReport report)
    {
        yield return Say($"{name}: {report.Coverage}");
        yield return "";
        yield return Say($"step         {report.StepSeconds,8:0.000} s");
        yield return Say($"ideal step   {report.IdealStepSeconds,8:0.000} s");
        yield return Say($"slowdown S   {report.Slowdown,8:0.000}    {report.Waste:P1} of the time is lost");
        yield return Say($"M_W          {Share(report.SlowWorkerShare),8}    of that, the slowest workers' part");
        yield return Say($"M_S          {Share(report.LastStageShare),8}    of that, the last stage's part");
        yield return "";
        yield return "slowdown by operation";
        foreach (OperationSlowdown operation in report.ByOperation.Take(OperationsShown))
        {
            yield return Say($"  {operation.Name,-28}  {operation.Slowdown:0.000}");
        }

        yield return "";
        foreach (string line in HeatMap(report))
        {
            yield return line;
        }

        yield return "";
        foreach (string line in Wrapped(Paragraph(report)))
        {
            yield return line;
        }
    }

    /// <summary>What is slow, why, what to do, what it would win.</summary>
    public static string Paragraph(WhatIfReport report)
    {
        string what = report.Class switch
        {
            StragglerClass.None => "Nothing that is known costs this job enough to matter. ",
            StragglerClass.Worker => Say($"Slow: {Culprits(report)}. "),
            StragglerClass.Stage => Say($"Too much work: {Culprits(report)}. "),
            StragglerClass.Workload => "The work is unequal, the hardware is not to blame. ",
            _ => "Transfers take longer than is usual for their kind; no worker is to blame. ",
        };
        string why = Say($"Why: {Sentence(report.Reason)} ");
        string lost = Say($"The job takes {report.Slowdown:0.00} times as long as it need. ");
        if (report.Advice.Count == 0)
        {
            return what + why + lost + "Nothing to do that would win enough.";
        }

        Advice first = report.Advice[0];
        string more = string.Join("; ", report.Advice.Skip(1).Select(advice => Say($"{Words(advice.Action)} ×{advice.PredictedGain:0.00}")));
        return what + why + lost + Say($"What to do: {Words(first.Action)}: {Sentence(first.Reason)} It would make the job {first.PredictedGain:0.00} times as fast.")
            + (more.Length > 0 ? Say($" Or: {more}.") : "");
    }

    private static IEnumerable<string> HeatMap(WhatIfReport report)
    {
        int[] stages = [.. report.ByStage.Select(stage => stage.Stage).Take(ColumnsShown)];
        var rows = report.Workers.GroupBy(worker => worker.Replica)
            .Select(row => (Replica: row.Key, Worst: row.Max(worker => worker.Slowdown), Workers: row.ToDictionary(worker => worker.Stage)))
            .ToList();
        int left = rows.Count - RowsShown;
        if (left > 0)
        {
            rows = [.. rows.OrderByDescending(row => row.Worst).Take(RowsShown).OrderBy(row => row.Replica)];
        }

        yield return Say($"slowdown by worker (rows: replicas, columns: stages; {HeatScale.Shades} from 1.00 to 2.00 and beyond)");
        foreach ((int replica, double worst, Dictionary<int, WorkerSlowdown> workers) in rows)
        {
            string cells = string.Concat(stages.Select(stage =>
                workers.TryGetValue(stage, out WorkerSlowdown? worker) ? new string(HeatScale.Shade(HeatScale.OfSlowdown(worker.Slowdown)), 2) : "  "));
            yield return Say($"  {replica,5} {cells}  {worst:0.00}");
        }

        if (left > 0)
        {
            yield return Say($"  and {left} replicas that slow the job down less");
        }
    }

    private static string Culprits(WhatIfReport report)
    {
        string named = string.Join("; ", report.Culprits.Take(CulpritsShown).Select(culprit =>
            (culprit.Replica is { } replica ? Say($"replica {replica}, ") : "") + Say($"stage {culprit.Stage}")
            + (culprit.Rank is { } rank ? Say($", rank {rank}") : "") + Say($" (×{culprit.Ratio:0.00} of its peers)")));
        return report.Culprits.Count > CulpritsShown ? Say($"{named}; and {report.Culprits.Count - CulpritsShown} more") : named;
    }

    private static string Words(Mitigation action) => Mitigations.NameOf(action).Replace('-', ' ');

    private static string Sentence(string text) => text.EndsWith('.') ? text : text + ".";

    private static string Share(double? share) => share is { } known ? Say($"{known:0.000}") : "-";
}
