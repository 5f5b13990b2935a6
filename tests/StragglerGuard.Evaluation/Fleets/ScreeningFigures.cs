using System.Diagnostics;
using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;
using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Evaluation.Fleets;

/// <summary>What it takes to judge the whole of a very large fleet at every step, on one core.</summary>
internal sealed class ScreeningFigures : IFigureGroup
{
    private const int Ranks = 220_000;
    private const int WarmUpSteps = 40;
    private const double MsMax = 50;
    private const double BytesPerRankMax = 256;

    public string Name => "screening";

    public string Summary => "220,000 ranks: time, bytes kept and bytes allocated a step";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        string subject = $"{Ranks:#,0} ranks, CV 2 %";
        FleetShape shape = FleetShape.Equal(Ranks);
        var fleet = new SyntheticFleet(shape, new PaceNoise(0.02), seed: 21);
        var lag = new LagCalculator(Ranks);
        var sink = new DetectionEvents(1_024);

        long before = GC.GetTotalMemory(forceFullCollection: true);
        var detector = new JobDetector(shape.Cohorts);
        long kept = GC.GetTotalMemory(forceFullCollection: true) - before;

        int timed = isQuick ? 20 : 80;
        var ms = new List<double>();
        long allocated = 0;
        for (int step = 0; step < WarmUpSteps + timed; step++)
        {
            StepFrame frame = fleet.Next()!;
            LagSample sample = lag.Compute(frame, shape.ExitSkewNs);
            sink.Clear();
            long bytes = GC.GetAllocatedBytesForCurrentThread();
            long begin = Stopwatch.GetTimestamp();
            detector.Update(frame, sample, lag.LagNs, sink);
            double elapsed = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
            bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
            if (step >= WarmUpSteps)
            {
                ms.Add(elapsed);
                allocated += bytes;
            }
        }

        GC.KeepAlive(detector);
        ms.Sort();
        double median = ms[ms.Count / 2];
        yield return Figure.Of(
            subject, "time a step on one core", $"median {median:0.0} ms, {ms[0]:0.0}–{ms[^1]:0.0} ms over {timed} steps", "median ≤ 50 ms",
            median <= MsMax);
        double bytesPerRank = (double)kept / Ranks;
        yield return Figure.Of(subject, "kept a rank, everything of the job's detector", $"{bytesPerRank:0} B", "≤ 256 B", bytesPerRank <= BytesPerRankMax);
        yield return Figure.Of(subject, "allocated a step after warm-up", $"{allocated / timed} B", "0 B", allocated == 0);
    }
}
