using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Benchmarks.Printing;
using StragglerGuard.Benchmarks.Workloads;
using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Benchmarks.Groups;

/// <summary>A detector's update per rank, of a healthy job with noise, against reading the same bytes once.</summary>
internal sealed class DetectionGroup : IBenchmarkGroup
{
    private const double NsPerRankMax = 200;
    private const int RanksPerTurn = 8_192;

    private long _seen;

    /// <inheritdoc/>
    public string Name => "detection";

    /// <inheritdoc/>
    public string Summary => "detector update per rank, against one pass over the same bytes";

    /// <inheritdoc/>
    public IEnumerable<Row> Measure(Effort effort) =>
        new[] { 8, 512, 4_096 }.SelectMany(ranks => new[] { Compare(effort, ranks), CompareWhole(effort, ranks) });

    /// <summary>All that the guardian judges of a frame: slowness, fabric, creep, spikes, attendance, stages, the destructive gate.</summary>
    private Row CompareWhole(Effort effort, int ranks)
    {
        var detector = new JobDetector([.. Enumerable.Repeat(new RankCohort(0, new DeviceClass("H100")), ranks)]);
        var events = new DetectionEvents(capacity: ranks + 1);
        var batch = new FrameBatch(ranks, RanksPerTurn / ranks);
        var lag = new LagCalculator(ranks);
        Series[] series = Interleaved.Run(
            effort,
            Contestant.Of(RanksPerTurn, () => Judge(detector, lag, batch, events), batch.Advance),
            Contestant.Of(RanksPerTurn, () => _seen += batch.SumOfBytesRead()));
        double ns = series[0].MedianNs;
        double bytes = series[0].BytesPerOperation;
        return Row.Of(
            $"whole detection with lags, {Quantity.Count(ranks)} ranks",
            $"{Quantity.Time(ns)} a rank; {Quantity.Bytes(bytes)}",
            $"sum of the same {FrameBatch.BytesReadPerRank} B a rank", series[0], series[1]);
    }

    private static void Judge(JobDetector detector, LagCalculator lags, FrameBatch batch, DetectionEvents events)
    {
        foreach (StepFrame frame in batch.Frames)
        {
            events.Clear();
            LagSample lag = lags.Compute(frame, exitSkewNs: 0);
            detector.Update(frame, in lag, lags.LagNs, events);
        }
    }

    private Row Compare(Effort effort, int ranks)
    {
        var detector = new SlownessDetector([.. Enumerable.Repeat(new RankCohort(0, new DeviceClass("H100")), ranks)]);
        var events = new DetectionEvents(capacity: ranks + 1);
        var batch = new FrameBatch(ranks, RanksPerTurn / ranks);
        Series[] series = Interleaved.Run(
            effort,
            Contestant.Of(RanksPerTurn, () => Update(detector, batch, events), batch.Advance),
            Contestant.Of(RanksPerTurn, () => _seen += batch.SumOfBytesRead()));
        double ns = series[0].MedianNs;
        double bytes = series[0].BytesPerOperation;
        return Row.Of(
            $"detector update, {Quantity.Count(ranks)} ranks",
            $"{Quantity.Time(ns)} a rank; {Quantity.Bytes(bytes)}",
            $"sum of the same {FrameBatch.BytesReadPerRank} B a rank", series[0], series[1]) with
        {
            Target = new Target("≤ 200 ns a rank, 0 B", ns <= NsPerRankMax && bytes == 0),
        };
    }

    private static void Update(SlownessDetector detector, FrameBatch batch, DetectionEvents events)
    {
        foreach (StepFrame frame in batch.Frames)
        {
            events.Clear();
            detector.Update(frame, events);
        }
    }
}
