using System.Globalization;

namespace StragglerGuard.Core.WhatIf;

/// <summary>Replays a recorded job as it was and as it would have been without this or that, and says what cost it its time.</summary>
/// <remarks>
/// The model is that of "Understanding Stragglers in Large Model Training Using What-if Analysis" (OSDI'25): operations of a step as a graph, one compute
/// stream, one data-parallel stream and four pipeline streams a worker; transfer = end − the latest start of the peers; ideal = mean for compute, median
/// for communication. S_w is exact for every worker; the paper bounds it by its replica's and its stage's.
/// </remarks>
public static class WhatIfAnalysis
{
    /// <summary>Judges a trace.</summary>
    /// <returns>The report, or why there is none: nothing whole to replay, or an order of operations that can't be.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="trace"/> is null.</exception>
    public static WhatIfOutcome Analyze(OperationTrace trace)
    {
        ArgumentNullException.ThrowIfNull(trace);
        (AlignedTrace? aligned, string? fault) = TraceAligner.Align(trace);
        if (aligned is null)
        {
            return new WhatIfOutcome(null, fault);
        }

        (DependencyGraph? graph, fault) = StepSchedule.Read(aligned);
        if (graph is null)
        {
            return new WhatIfOutcome(null, fault);
        }

        var replays = new TraceReplays(aligned, graph);
        var slowdowns = new SlowdownTables(replays);
        return slowdowns.IdealNs <= 0 || slowdowns.TotalNs <= 0
            ? new WhatIfOutcome(null, "no operation of the trace took any time")
            : new WhatIfOutcome(Report(replays, slowdowns), null);
    }

    private static WhatIfReport Report(TraceReplays replays, SlowdownTables slowdowns)
    {
        AlignedTrace trace = replays.Trace;
        var causes = new CauseModel(replays);
        CauseShare? main = causes.Shares.FirstOrDefault(share => share.LostShare >= CauseModel.LostShareMin);
        StragglerClass kind = main?.Class ?? StragglerClass.None;
        return new WhatIfReport
        {
            Slowdown = slowdowns.TotalNs / slowdowns.IdealNs,
            StepSeconds = slowdowns.TotalNs / 1e9,
            IdealStepSeconds = slowdowns.IdealNs / 1e9,
            SlowWorkerShare = slowdowns.SlowWorkerShare,
            LastStageShare = slowdowns.LastStageShare,
            ByOperation = slowdowns.ByOperation,
            ByReplica = slowdowns.ByReplica,
            ByStage = slowdowns.ByStage,
            Workers = slowdowns.Workers(causes.Passes),
            Steps = slowdowns.Steps,
            Class = kind,
            Reason = ReasonFor(kind, main, causes, slowdowns),
            Culprits = CulpritsOf(kind, causes.Passes, trace),
            Causes = causes.Shares,
            Advice = MitigationAdvice.For(replays, causes),
            Coverage = trace.Coverage,
        };
    }

    private static Culprit[] CulpritsOf(StragglerClass kind, PassTimes passes, AlignedTrace trace)
    {
        int stages = trace.Stages.Length;
        return kind switch
        {
            StragglerClass.Worker =>
            [
                .. Enumerable.Range(0, trace.WorkerCount)
                    .Where(passes.IsSlow)
                    .OrderByDescending(passes.RatioOf)
                    .Select(worker => new Culprit(
                        trace.Replicas[worker / stages],
                        trace.Stages[worker % stages],
                        trace.Ranks[worker] >= 0 ? trace.Ranks[worker] : null,
                        passes.RatioOf(worker))),
            ],
            StragglerClass.Stage =>
            [
                .. Enumerable.Range(0, stages)
                    .Where(passes.IsHeavy)
                    .OrderByDescending(passes.StageRatioOf)
                    .Select(stage => new Culprit(null, trace.Stages[stage], null, passes.StageRatioOf(stage))),
            ],
            _ => [],
        };
    }

    private static string ReasonFor(StragglerClass kind, CauseShare? main, CauseModel causes, SlowdownTables slowdowns)
    {
        FormattableString reason = kind switch
        {
            StragglerClass.Worker =>
                $"workers slower than their stage's other replicas cost {main!.LostShare:P0} of the step",
            StragglerClass.Stage =>
                $"stages that are heavier than the others in all replicas alike cost {main!.LostShare:P0} of the step",
            StragglerClass.Workload =>
                $"micro-batches of unequal work (forward–backward correlation {causes.Correlation:0.00}) cost {main!.LostShare:P0} of the step",
            StragglerClass.Fabric =>
                $"transfers above the median of their kind cost {main!.LostShare:P0} of the step",
            _ when slowdowns.TotalNs / slowdowns.IdealNs >= PassTimes.RatioMin =>
                $"none of worker, stage, workload and fabric costs {CauseModel.LostShareMin:P0} of the step; the most is lost in {slowdowns.ByOperation[0].Name}",
            _ => $"none of worker, stage, workload and fabric costs {CauseModel.LostShareMin:P0} of the step",
        };
        return reason.ToString(CultureInfo.InvariantCulture);
    }
}
