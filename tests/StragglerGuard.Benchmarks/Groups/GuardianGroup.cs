using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Benchmarks.Printing;
using StragglerGuard.Benchmarks.Workloads;

namespace StragglerGuard.Benchmarks.Groups;

/// <summary>A record's whole way through the guardian, from report to policy, against copying the same records once.</summary>
internal sealed class GuardianGroup : IBenchmarkGroup
{
    /// <inheritdoc/>
    public string Name => "guardian";

    /// <inheritdoc/>
    public string Summary => "reports to frames to verdicts to policy, per rank, against a copy of the records";

    /// <inheritdoc/>
    public IEnumerable<Row> Measure(Effort effort)
    {
        yield return Compare(effort, ranks: 8, stepsPerReport: 32);
        yield return Compare(effort, ranks: 4_096, stepsPerReport: 2);
    }

    private static Row Compare(Effort effort, int ranks, int stepsPerReport)
    {
        var job = new ReportedJob(ranks, stepsPerReport);
        Series[] series = Interleaved.Run(
            effort,
            Contestant.Of(ranks * stepsPerReport, job.Judge, job.Advance),
            Contestant.Of(ranks * stepsPerReport, job.CopyRecords));
        job.ThrowUnlessJudged();
        double ns = series[0].MedianNs;
        double bytesPerFrame = series[0].BytesPerOperation * ranks;
        return Row.Of(
            $"guardian, one frame of {Quantity.Count(ranks)} ranks",
            $"{Quantity.Time(ns)} a rank, {Quantity.Time(ns * ranks)} a frame; {Quantity.Bytes(bytesPerFrame)} a frame",
            $"copy of the {ReportedJob.RecordBytes} B record", series[0], series[1]);
    }
}
