using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Tests.PeersFail;

/// <summary>What other tools do with the same numbers, so that a test shows the failure that it guards against, and not only its absence.</summary>
internal static class PeerRules
{
    /// <summary>NVRx: best rank's median over own median; below 0.75 is a straggler.</summary>
    public static int[] ScoredBelow075(IReadOnlyList<double> medians)
    {
        double best = medians.Min();
        return [.. Enumerable.Range(0, medians.Count).Where(rank => best / medians[rank] < 0.75)];
    }

    /// <summary>Megatron's sniff test: further from the median than max(MAD, 10 % of it).</summary>
    public static int[] OutsideMadOrTenPercent(IReadOnlyList<double> values)
    {
        double median = Median(values);
        double mad = Median([.. values.Select(value => Math.Abs(value - median))]);
        return [.. Enumerable.Range(0, values.Count).Where(rank => Math.Abs(values[rank] - median) > Math.Max(mad, 0.1 * median))];
    }

    /// <summary>DLRover's check before training: longer than twice the median.</summary>
    public static int[] BeyondTwiceTheMedian(IReadOnlyList<double> values)
    {
        double median = Median(values);
        return [.. Enumerable.Range(0, values.Count).Where(rank => values[rank] > 2 * median)];
    }

    /// <summary>TraceML: the rank that waits least for the others is the culprit, one of them.</summary>
    public static int LeastWaiting(IReadOnlyList<double> waits) => Enumerable.Range(0, waits.Count).MinBy(rank => waits[rank]);

    public static double Median(IReadOnlyList<double> values) => OrderStatistics.Median([.. values]);
}
