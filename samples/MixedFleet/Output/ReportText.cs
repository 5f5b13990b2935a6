using System.Globalization;

namespace MixedFleet.Output;

/// <summary>What was found and won, in words.</summary>
internal static class ReportText
{
    /// <param name="report">What came of the run.</param>
    /// <param name="isSlowed">Whether --slow was given.</param>
    /// <param name="isStalled">Whether --stall was given.</param>
    public static IEnumerable<string> Lines(RunReport report, bool isSlowed, bool isStalled)
    {
        yield return "";
        yield return "rank  class     micro-batches  per micro-batch   lag p50   lag p95   last   wait caused";
        foreach (RankLine rank in report.Ranks)
        {
            yield return Say(
                $"{rank.Rank,4}  {rank.DeviceClass,-8}  {rank.MicroBatches?.ToString(CultureInfo.InvariantCulture) ?? "unknown",13}  {Millis(rank.SecondsPerMicroBatch),12}{(rank.PaceEmulated ? " em" : "   ")}  {Millis(rank.LagP50Seconds),8}  {Millis(rank.LagP95Seconds),8}  {Percent(rank.LastShare),5}  {(rank.WaitCausedSeconds is { } wait ? Say($"{wait:0.00} s") : "unknown"),11}");
        }

        if (report.Ranks.Any(rank => rank.PaceEmulated))
        {
            yield return "      em: the pace is emulated; lag and wait over the last steps (up to 256)";
        }

        if (report.WaitKnownFromStep is { } known)
        {
            yield return Say($"      wait caused since step {known}: the guardian that judged the steps before is gone");
        }

        yield return "";
        yield return "Found";
        if (SlowestByClass(report) is { } slowest)
        {
            yield return slowest;
        }

        if (report.Verdicts.Count == 0)
        {
            yield return "  no fault: no rank became slower than its class or its own history says";
        }

        foreach (VerdictLine verdict in report.Verdicts)
        {
            yield return Say($"  step {verdict.Step}, certain at {verdict.RaisedAtStep}: {verdict.Reason}");
        }

        yield return "Decided";
        if (report.Plans.Count == 0)
        {
            yield return "  nothing: no other deal was worth it";
        }

        foreach (PlanLine plan in report.Plans)
        {
            double? graded = report.Mitigations.FirstOrDefault(taken => taken.Epoch == plan.Epoch)?.RealisedRatio;
            string realised = plan.RealisedStepSeconds is { } seconds ? Say($"{seconds * 1e3:0.0} ms")
                : graded is not null ? $"{Ratio(graded)} of the throughput before"
                : "unknown";
            string since = plan.EffectiveStep is { } first ? Say($"in force from {first}")
                : plan.InForceByStep is { } seen ? Say($"in force by step {seen} at the latest")
                : "in force from never";
            yield return Say(
                $"  epoch {plan.Epoch}: {KindOf(report, plan)}{string.Join(' ', plan.MicroBatches)} decided at step {plan.DecidedAtStep}, {since}; predicted {plan.PredictedStepSeconds * 1e3:0.0} ms a step, realised {realised}");
            yield return $"    {plan.Reason}";
        }

        foreach (string line in Graded(report))
        {
            yield return line;
        }

        ThroughputLine throughput = report.Throughput;
        yield return "Won";
        yield return Say(
            $"  unguarded {Rate(throughput.UnguardedSamplesPerSecond)} → guarded {Rate(throughput.GuardedSamplesPerSecond)}{(throughput is { UnguardedSamplesPerSecond: { } before, GuardedSamplesPerSecond: { } after } ? Say($": ×{after / before:0.00}") : "")}");
        if (isSlowed)
        {
            yield return "  --slow was in force for a part of this: what each deal won while it was needed stands under Decided";
        }

        if (isStalled)
        {
            yield return "  --stall was in force all the time: both figures are with the same kind of stalls";
        }

        if (report.Plans.Count == 0 && throughput.UnguardedSamplesPerSecond is not null)
        {
            yield return "  no plan was made: whatever the two differ by, the guard did not do it";
        }

        yield return throughput is { OptimumSamplesPerSecond: { } optimum, GuardedOverOptimum: { } share }
            ? Say($"  best integer deal for the configured paces{(isStalled ? ", under the same stalls" : "")}: {optimum:N0} samples/s; reached {share:P1}")
            : "  best integer deal: unknown";
        yield return Say(
            $"  loss {report.LossFirst:0.000} → {report.LossLast:0.000}; weights {(!report.WeightsIdenticalAcrossRanks ? "DIFFER BETWEEN RANKS" : report.Members.Length < report.Ranks.Count ? "identical bit for bit on all members" : "identical bit for bit on all ranks")}; gradient of an uneven deal against the even split, fp64: {Error(report.GradientMaxRelativeError)}");
    }

    /// <summary>What kept its promise, what was let be, and who is left.</summary>
    private static IEnumerable<string> Graded(RunReport report)
    {
        foreach (MitigationLine taken in report.Mitigations.Where(taken => taken.RealisedRatio is not null || taken.RolledBack))
        {
            yield return Say(
                $"  epoch {taken.Epoch} ({taken.Kind}): predicted {Ratio(taken.PredictedRatio)}, realised {Ratio(taken.RealisedRatio)}{(taken.RolledBack ? "; taken back" : "")}");
        }

        foreach (RefusalLine refused in report.Refused)
        {
            yield return Say($"  not done at step {refused.Step} ({refused.Kind}): {refused.Reason}");
        }

        if (report.Members.Length < report.Ranks.Count)
        {
            int[] away = [.. report.Ranks.Select(rank => rank.Rank).Except(report.Members)];
            yield return Say($"  members at the end: {Numbers(report.Members)}; not {Numbers(away)}");
        }

        if (report.WaitingMicroBatches > 0)
        {
            yield return Say($"  {report.WaitingMicroBatches} micro-batches that were dropped wait for the next step, or the run that goes on from the checkpoint");
        }
    }

    /// <summary>A change of the deal says nothing more; anything else says what it is.</summary>
    private static string KindOf(RunReport report, PlanLine plan) =>
        report.Mitigations.FirstOrDefault(taken => taken.Epoch == plan.Epoch) is { Kind: not "rebalance" } taken ? $"{taken.Kind}, deal " : "deal ";

    private static string Ratio(double? ratio) => ratio is { } known ? Say($"×{known:0.00}") : "unknown";

    /// <summary>Who sets the pace of an even deal in a mixed fleet; null where all are within 10 %, or something is unknown.</summary>
    private static string? SlowestByClass(RunReport report)
    {
        IReadOnlyList<RankLine> ranks = report.Ranks;
        if (ranks.Any(rank => rank.SecondsPerMicroBatch is null))
        {
            return null;
        }

        RankLine fastest = ranks.MinBy(rank => rank.SecondsPerMicroBatch)!;
        RankLine slowest = ranks.MaxBy(rank => rank.SecondsPerMicroBatch)!;
        double ratio = slowest.SecondsPerMicroBatch!.Value / fastest.SecondsPerMicroBatch!.Value;
        int[] alike = [.. ranks.Where(rank => rank.DeviceClass == slowest.DeviceClass).Select(rank => rank.Rank)];

        // Of a class in which all who are as slow were found at fault it can't be told.
        bool isByClass = ranks.Any(rank => alike.Contains(rank.Rank) && rank.SecondsPerMicroBatch * 1.1 >= slowest.SecondsPerMicroBatch
            && report.Verdicts.All(verdict => verdict.Rank != rank.Rank));
        return ratio < 1.1 || slowest.DeviceClass == fastest.DeviceClass
            ? null
            : Say(
                $"  {(alike.Length == 1 ? "rank" : "ranks")} {Numbers(alike)} ({slowest.DeviceClass}) {(alike.Length == 1 ? "holds" : "hold")} an even deal back: {slowest.SecondsPerMicroBatch * 1e3:0.0} ms per micro-batch, ×{ratio:0.00} of rank {fastest.Rank} ({fastest.DeviceClass}){(isByClass ? "; slow by class, not by fault" : "")}");
    }

    /// <summary>0–3, 7: runs of ranks in short.</summary>
    private static string Numbers(int[] ascending)
    {
        var runs = new List<string>();
        for (int first = 0; first < ascending.Length;)
        {
            int last = first;
            while (last + 1 < ascending.Length && ascending[last + 1] == ascending[last] + 1)
            {
                last++;
            }

            runs.Add(last - first < 2
                ? string.Join(", ", ascending[first..(last + 1)])
                : $"{ascending[first]}–{ascending[last]}");
            first = last + 1;
        }

        return string.Join(", ", runs);
    }

    private static string Millis(double? seconds) => seconds is { } known ? Say($"{known * 1e3:0.00} ms") : "unknown";

    private static string Rate(double? samplesPerSecond) =>
        samplesPerSecond is { } known ? Say($"{known:N0} samples/s") : "not measured in this run";

    private static string Percent(double? share) => share is { } known ? Say($"{known * 100:0} %") : "?";

    private static string Error(double? error) => error is { } known ? Say($"off by {known:0.0e-0}") : "not finite";

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
