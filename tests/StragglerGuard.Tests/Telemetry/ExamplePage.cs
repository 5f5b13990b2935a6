using System.Buffers;
using System.Text;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Hosting;

namespace StragglerGuard.Tests.Telemetry;

/// <summary>A job with every kind of figure: known, unknown, zero, and labels that need escaping.</summary>
internal static class ExamplePage
{
    internal static string GoldenFile => RepositoryRoot.PathOf("tests", "StragglerGuard.Tests", "Telemetry", "example-job.prom");

    internal static JobMetricsSnapshot Snapshot(string job = "llm-7b")
    {
        var snapshot = new JobMetricsSnapshot(
            new JobId(job),
            [
                new RankLabels(new Rank(0), new DeviceClass("H100"), new NodeId("node-a")),
                new RankLabels(new Rank(1), new DeviceClass("GB200"), new NodeId("C:\\rack \"7\"\nleft")),
            ])
        {
            Step = 40_213,
            StepSeconds = 0.192,
            TransferSeconds = 1.25e-05,
            GuardianLatenessSeconds = 0.5,
            PredictedGain = 0.3125,
            EpochInForce = new PlanEpoch(3),
            Mode = PolicyMode.Act,
            RecordsAccepted = 80_425,
            RecordsLate = 1,
            RecordsOutOfOrder = 4,
            RecordsMissing = 1,
            FramesComplete = 40_212,
            FramesIncomplete = 1,
            RecordsLost = 7,
            RecordsTorn = 0,
            PlansProposed = 3,
            VotesSplit = 2,
        };
        snapshot.LagP50Seconds[0] = 0.004;
        snapshot.LagP95Seconds[0] = 0.0075;
        snapshot.LagP99Seconds[0] = 0.01;
        snapshot.LastArriverShare[0] = 0.75;
        snapshot.LastArriverShare[1] = 0.25;
        snapshot.WaitCausedSeconds[0] = 12.5;
        snapshot.SecondsPerMicroBatch[0] = 0.024;
        snapshot.SecondsPerMicroBatch[1] = 0.01;
        snapshot.MicroBatches[0] = 9;
        snapshot.MicroBatches[1] = 23;
        snapshot.Straggler[0] = 1;
        snapshot.Straggler[1] = 0;
        snapshot.Slowdown[0] = 2.03125;
        return snapshot;
    }

    internal static string Text(this TextExposition exposition)
    {
        var page = new ArrayBufferWriter<byte>();
        exposition.Write(page);
        return Encoding.UTF8.GetString(page.WrittenSpan);
    }
}
