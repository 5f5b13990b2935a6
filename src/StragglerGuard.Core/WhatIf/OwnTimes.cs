using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.WhatIf;

/// <summary>How long operations take by themselves, without waiting for peers, and how long each type would take ideally.</summary>
/// <remarks>
/// transfer = end − the latest start of those that finish together; what is recorded before that is waiting. Ideal = mean over all workers and steps for
/// compute, median for communication, by type (OSDI'25, section 3.3).
/// </remarks>
internal sealed class OwnTimes
{
    /// <summary>An end this long before a peer's start isn't clock noise but an error of the record: nothing was transferred then.</summary>
    private const long ClockErrorNs = 10_000_000;

    private OwnTimes(long[] ownNs, long[] idealNs)
    {
        OwnNs = ownNs;
        IdealNs = idealNs;
    }

    /// <summary>
    /// By operation · lanes + lane. May be slightly negative where clocks differ: cutting that off would make medians too long.
    /// </summary>
    public long[] OwnNs { get; }

    /// <summary>By operation; the same for all operations of one type.</summary>
    public long[] IdealNs { get; }

    public static OwnTimes Of(AlignedTrace trace, DependencyGraph graph)
    {
        long[] ownNs = (long[])trace.DurationNs.Clone();
        long[] latestNs = new long[trace.Lanes];
        for (int node = 0; node < graph.NodeCount; node++)
        {
            ReadOnlySpan<int> members = graph.MembersOf(node);
            bool waits = graph.WaitsForReplicas[node] && trace.Replicas.Length > 1;
            if (members.Length > 1 || waits)
            {
                LatestStarts(trace, members, waits, latestNs);
                TakeTransfers(trace, members, latestNs, ownNs);
            }
        }

        return new OwnTimes(ownNs, Ideals(trace, ownNs));
    }

    private static void LatestStarts(AlignedTrace trace, ReadOnlySpan<int> members, bool waits, long[] latestNs)
    {
        Array.Fill(latestNs, long.MinValue);
        foreach (int member in members)
        {
            LaneRows.RaiseTo(latestNs, trace.StartNs.AsSpan(member * trace.Lanes, trace.Lanes));
        }

        if (waits)
        {
            LaneRows.Level(latestNs, trace.Steps.Length);
        }
    }

    private static void TakeTransfers(AlignedTrace trace, ReadOnlySpan<int> members, long[] latestNs, long[] ownNs)
    {
        foreach (int member in members)
        {
            for (int lane = 0; lane < latestNs.Length; lane++)
            {
                int i = (member * latestNs.Length) + lane;
                long transferNs = trace.StartNs[i] + trace.DurationNs[i] - latestNs[lane];
                ownNs[i] = transferNs <= -ClockErrorNs ? 0 : transferNs;
            }
        }
    }

    private static long[] Ideals(AlignedTrace trace, long[] ownNs)
    {
        long[] idealNs = new long[trace.OperationCount];
        for (int type = 0; type < OperationTypes.Count; type++)
        {
            int[] operations = [.. Enumerable.Range(0, idealNs.Length).Where(operation => (int)trace.TypeOf[operation] == type)];
            if (operations.Length == 0)
            {
                continue;
            }

            long ideal = OperationTypes.IsCommunication((OperationType)type)
                ? MedianOf(ownNs, operations, trace.Lanes)
                : MeanOf(ownNs, operations, trace.Lanes);
            foreach (int operation in operations)
            {
                idealNs[operation] = ideal;
            }
        }

        return idealNs;
    }

    private static long MeanOf(long[] ownNs, int[] operations, int lanes)
    {
        double sum = 0;
        foreach (int operation in operations)
        {
            foreach (long ns in ownNs.AsSpan(operation * lanes, lanes))
            {
                sum += ns;
            }
        }

        return (long)Math.Round(sum / ((double)operations.Length * lanes));
    }

    private static long MedianOf(long[] ownNs, int[] operations, int lanes)
    {
        double[] values = new double[operations.Length * lanes];
        for (int i = 0; i < operations.Length; i++)
        {
            for (int lane = 0; lane < lanes; lane++)
            {
                values[(i * lanes) + lane] = ownNs[(operations[i] * lanes) + lane];
            }
        }

        return (long)Math.Round(OrderStatistics.Median(values));
    }
}
