using StragglerGuard.Core.WhatIf;
using static StragglerGuard.Daemon.CommandLine.TerminalText;

namespace StragglerGuard.Daemon.Analysis;

/// <summary>A what-if report as a page: the heat maps per worker and per step.</summary>
internal static class WhatIfPage
{
    private const int RowsMax = 256;
    private const int StageColumnsMax = 128;
    private const int StepColumnsMax = 200;

    public static string Render(string name, WhatIfReport report)
    {
        var page = new PageWriter($"StragglerGuard: {name}");
        page.Paragraph(WhatIfText.Paragraph(report));
        page.Table(
        [
            ["", ""],
            ["Step", Say($"{report.StepSeconds:0.000} s")],
            ["Ideal step", Say($"{report.IdealStepSeconds:0.000} s")],
            ["Slowdown S", Say($"{report.Slowdown:0.000}")],
            ["Lost", Say($"{report.Waste:P1}")],
            ["M_W, part of the slowest workers", report.SlowWorkerShare is { } workers ? Say($"{workers:0.000}") : "-"],
            ["M_S, part of the last stage", report.LastStageShare is { } stage ? Say($"{stage:0.000}") : "-"],
            ["Judged", report.Coverage.ToString()],
        ]);
        if (report.Advice.Count > 0)
        {
            page.Heading("What to do");
            page.Table(new[] { (IReadOnlyList<string>)["Action", "Faster by", "Why"] }.Concat(report.Advice.Select(advice =>
                (IReadOnlyList<string>)[Mitigations.NameOf(advice.Action), Say($"×{advice.PredictedGain:0.000}"), advice.Reason])));
        }

        List<IGrouping<int, WorkerSlowdown>> replicas = Worst(report.Workers.GroupBy(worker => worker.Replica), row => row.Max(worker => worker.Slowdown));
        page.Heading("Slowdown by worker");
        page.Paragraph("How many times as long the job takes with this worker's own times and all others ideal."
            + LeftOut(report.ByReplica.Count - replicas.Count, "replicas"));
        WorkerMap(page, replicas, [.. report.ByStage.Select(stage => stage.Stage).Take(StageColumnsMax)]);

        List<WorkerSlowdown> rows = Worst(report.Workers, worker => worker.Slowdown);
        page.Heading("Slowdown by worker and step");
        page.Paragraph("The same step by step." + LeftOut(report.Workers.Count - rows.Count, "workers"));
        StepMap(page, report, rows);

        page.Heading("Slowdown by operation");
        page.Table(new[] { (IReadOnlyList<string>)["Operation", "Slowdown"] }.Concat(report.ByOperation.Select(operation =>
            (IReadOnlyList<string>)[operation.Name, Say($"{operation.Slowdown:0.000}")])));
        return page.End();
    }

    private static void WorkerMap(PageWriter page, List<IGrouping<int, WorkerSlowdown>> replicas, int[] stages)
    {
        page.BeginHeat("replica \\ stage", stages.Select(stage => Say($"{stage}")), narrow: false);
        foreach (IGrouping<int, WorkerSlowdown> replica in replicas)
        {
            page.BeginHeatRow(Say($"{replica.Key}"));
            var workers = replica.ToDictionary(worker => worker.Stage);
            foreach (int stage in stages)
            {
                if (workers.TryGetValue(stage, out WorkerSlowdown? worker))
                {
                    page.HeatCell(
                        HeatScale.OfSlowdown(worker.Slowdown), Say($"{worker.Slowdown:0.00}"),
                        Say($"replica {worker.Replica}, stage {worker.Stage}: {worker.Slowdown:0.0000}; own compute ×{worker.PeerRatio:0.000} of its peers"));
                }
                else
                {
                    page.HeatCell(0, "", "not recorded");
                }
            }

            page.EndHeatRow();
        }

        page.EndHeat();
    }

    private static void StepMap(PageWriter page, WhatIfReport report, List<WorkerSlowdown> rows)
    {
        int steps = report.Steps.Count;
        int perColumn = ((steps - 1) / StepColumnsMax) + 1;
        int columns = ((steps - 1) / perColumn) + 1;
        page.BeginHeat("worker \\ step", Enumerable.Range(0, columns).Select(column => column is 0 || column == columns - 1
            ? Say($"{report.Steps[Math.Min(steps - 1, column * perColumn)].Step}") : ""), narrow: true);
        Row(page, "whole job", report.Steps.Select(step => step.Slowdown).ToArray(), report, perColumn);
        foreach (WorkerSlowdown worker in rows)
        {
            Row(page, Say($"{worker.Replica} / {worker.Stage}"), worker.StepSlowdowns, report, perColumn);
        }

        page.EndHeat();
        if (perColumn > 1)
        {
            page.Paragraph(Say($"A column is {perColumn} steps and shows the worst of them."));
        }
    }

    private static void Row(PageWriter page, string name, IReadOnlyList<double> slowdowns, WhatIfReport report, int perColumn)
    {
        page.BeginHeatRow(name);
        for (int first = 0; first < slowdowns.Count; first += perColumn)
        {
            int worst = first;
            for (int step = first; step < Math.Min(slowdowns.Count, first + perColumn); step++)
            {
                worst = slowdowns[step] > slowdowns[worst] ? step : worst;
            }

            page.HeatCell(HeatScale.OfSlowdown(slowdowns[worst]), "", Say($"step {report.Steps[worst].Step}: {slowdowns[worst]:0.000}"));
        }

        page.EndHeatRow();
    }

    private static List<T> Worst<T>(IEnumerable<T> rows, Func<T, double> badness)
    {
        List<T> all = [.. rows];
        return all.Count <= RowsMax ? all : [.. all.OrderByDescending(badness).Take(RowsMax)];
    }

    private static string LeftOut(int count, string what) => count > 0 ? Say($" {count} {what} that slow the job down less are left out.") : "";
}
