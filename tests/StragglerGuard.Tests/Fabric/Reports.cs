using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Fabric;

/// <summary>Reports and offers as examples.</summary>
internal static class Reports
{
    public static readonly JobId Job = new("job");

    public static RankEnrollment Enrollment(int rank = 0, int worldSize = 2, int generation = 0, int total = 16, string? job = null) => new(
        job is null ? Job : new JobId(job), new Generation(generation), new Rank(rank), worldSize,
        new WorkerId(new NodeId("node-a"), $"GPU-{rank}"), new DeviceClass("H100"), Stage: 0, total,
        MicroBatchesMin: 1, MicroBatchesMax: total);

    public static StepTiming Timing(int rank, long step) => new()
    {
        Rank = new Rank(rank),
        Step = step,
        StartNs = 1_000 * step,
        ComputeNs = 700,
        ArrivalNs = (1_000 * step) + 700,
        DepartureNs = (1_000 * step) + 800,
        WorkUnits = 8,
        Weight = 256,
    };

    public static NodeReport Report(long sequence, string node = "node-a", int records = 2) => new(
        new NodeId(node), sequence, SentNs: 5_000 * sequence,
        [
            new RankReport(
                Enrollment(), Enumerable.Range(0, records).Select(i => Timing(0, (sequence * records) + i)).ToArray(),
                Lost: 1, Torn: 2, SplitVotes: 3, Left: false),
        ]);

    public static OfferedPlan Offer(long epoch = 1, int generation = 0, params int[] microBatches) => new(
        Job, new Generation(generation), new JobPlan(new PlanEpoch(epoch), default, microBatches.Length == 0 ? [10, 6] : microBatches));

    public static IReadOnlySet<NodeId> Nodes(params string[] names) => names.Select(name => new NodeId(name)).ToHashSet();

    /// <summary>Two reports say the same, record by record.</summary>
    public static bool Same(NodeReport left, NodeReport right) =>
        left.Node == right.Node && left.Sequence == right.Sequence && left.SentNs == right.SentNs
        && left.Standby.SequenceEqual(right.Standby)
        && left.Ranks.Count == right.Ranks.Count
        && left.Ranks.Zip(right.Ranks).All(pair =>
            pair.First with { Timings = default, Failure = null } == pair.Second with { Timings = default, Failure = null }
            && pair.First.Failure?.Reason == pair.Second.Failure?.Reason
            && (pair.First.Failure?.Culprits ?? []).SequenceEqual(pair.Second.Failure?.Culprits ?? [])
            && pair.First.Timings.Span.SequenceEqual(pair.Second.Timings.Span));
}
