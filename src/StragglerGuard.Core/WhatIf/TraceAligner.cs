using System.Runtime.InteropServices;

namespace StragglerGuard.Core.WhatIf;

/// <summary>Finds the largest part of a trace in which all replicas did the same in every step.</summary>
internal static class TraceAligner
{
    /// <summary>More stages than any pipeline has; nonsense must not cost hours.</summary>
    private const int StagesMax = 1024;

    private const int DuplicatesListed = 20;

    private const string NothingWhole =
        "no step is complete: in none did all replicas record the same operations (dp_rank, stage, step, optype, seq_id)";

    /// <summary>Aligns a trace.</summary>
    /// <returns>The aligned part, or null and the reason why there is none.</returns>
    public static (AlignedTrace? Aligned, string? Fault) Align(OperationTrace trace)
    {
        if (trace.Count == 0)
        {
            return (null, "the trace holds no operation");
        }

        var lanes = new Dictionary<(int Replica, long Step), int>();
        var operations = new Dictionary<(int Stage, int Type, int Sequence), int>();
        long[] keys = new long[trace.Count];
        int[] records = new int[trace.Count];
        for (int i = 0; i < keys.Length; i++)
        {
            int lane = NumberOf(lanes, (trace.Replica[i], trace.Step[i]));
            int operation = NumberOf(operations, (trace.Stage[i], trace.Type[i], trace.Sequence[i]));
            keys[i] = ((long)lane << 32) | (uint)operation;
            records[i] = i;
        }

        Array.Sort(keys, records);
        var duplicates = new List<int>();
        int unique = DropDuplicates(keys, records, duplicates);
        LaneRun[] runs = RunsOf(keys.AsSpan(0, unique), lanes.Count);
        ulong schedule = UsualSchedule(runs);
        (int Replica, long Step)[] owners = new (int, long)[lanes.Count];
        foreach (KeyValuePair<(int Replica, long Step), int> lane in lanes)
        {
            owners[lane.Value] = lane.Key;
        }

        int[] replicas = ReplicasToJudge(owners, runs, schedule);
        long[] steps = StepsToJudge(owners, runs, schedule, replicas);
        if (steps.Length == 0)
        {
            return (null, NothingWhole);
        }

        int stages = trace.Stage.Distinct().Take(StagesMax + 1).Count();
        if (stages > StagesMax)
        {
            return (null, $"the trace has more than {StagesMax} stages");
        }

        int[] replicasSkipped = [.. trace.Replica.Distinct().Except(replicas).Order()];
        int[][] recordsOfLane = new int[replicas.Length * steps.Length][];
        for (int replica = 0; replica < replicas.Length; replica++)
        {
            for (int step = 0; step < steps.Length; step++)
            {
                LaneRun run = runs[lanes[(replicas[replica], steps[step])]];
                recordsOfLane[(replica * steps.Length) + step] = records.AsSpan(run.Start, run.Length).ToArray();
            }
        }

        int judged = recordsOfLane.Length * recordsOfLane[0].Length;
        int stepsSeen = owners.Select(owner => owner.Step).Distinct().Count();
        var coverage = new TraceCoverage(
            trace.Count, judged, duplicates.Count, [.. duplicates.Order().Take(DuplicatesListed)], steps.Length, stepsSeen - steps.Length, replicasSkipped);
        return (Fill(trace, replicas, steps, recordsOfLane, coverage), null);
    }

    private static int NumberOf<TKey>(Dictionary<TKey, int> numbers, TKey key)
        where TKey : notnull
    {
        ref int number = ref CollectionsMarshal.GetValueRefOrAddDefault(numbers, key, out bool known);
        if (!known)
        {
            number = numbers.Count - 1;
        }

        return number;
    }

    /// <summary>Keeps the record that came first among those of one key; returns how many are left, at the front.</summary>
    private static int DropDuplicates(long[] keys, int[] records, List<int> duplicates)
    {
        int kept = 0;
        for (int i = 0; i < keys.Length; i++)
        {
            if (kept > 0 && keys[kept - 1] == keys[i])
            {
                duplicates.Add(Math.Max(records[kept - 1], records[i]));
                records[kept - 1] = Math.Min(records[kept - 1], records[i]);
                continue;
            }

            keys[kept] = keys[i];
            records[kept] = records[i];
            kept++;
        }

        return kept;
    }

    private static LaneRun[] RunsOf(ReadOnlySpan<long> keys, int lanes)
    {
        var runs = new LaneRun[lanes];
        int start = 0;
        while (start < keys.Length)
        {
            int lane = (int)(keys[start] >> 32);
            int end = start;
            ulong schedule = 14_695_981_039_346_656_037;
            while (end < keys.Length && (int)(keys[end] >> 32) == lane)
            {
                schedule = Mixed(schedule ^ (uint)keys[end]);
                end++;
            }

            runs[lane] = new LaneRun(start, end - start, schedule);
            start = end;
        }

        return runs;
    }

    /// <summary>The finaliser of splitmix64: a fixed hash, the same in every process.</summary>
    private static ulong Mixed(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    /// <summary>The schedule that most lanes followed; among equals the one with the most operations: a cut-off file leaves shorter ones.</summary>
    private static ulong UsualSchedule(LaneRun[] runs) =>
        runs.GroupBy(run => run.Schedule)
            .OrderByDescending(group => group.Count())
            .ThenByDescending(group => group.First().Length)
            .ThenBy(group => group.First().Start)
            .First().Key;

    private static int[] ReplicasToJudge((int Replica, long Step)[] owners, LaneRun[] runs, ulong schedule)
    {
        var wholeSteps = new SortedDictionary<int, int>();
        for (int lane = 0; lane < runs.Length; lane++)
        {
            int whole = runs[lane].Schedule == schedule ? 1 : 0;
            wholeSteps[owners[lane].Replica] = wholeSteps.GetValueOrDefault(owners[lane].Replica) + whole;
        }

        int most = wholeSteps.Values.Max();
        return [.. wholeSteps.Where(replica => replica.Value > 0 && replica.Value * 2 >= most).Select(replica => replica.Key)];
    }

    private static long[] StepsToJudge((int Replica, long Step)[] owners, LaneRun[] runs, ulong schedule, int[] replicas)
    {
        var judged = new HashSet<int>(replicas);
        var wholeIn = new SortedDictionary<long, int>();
        for (int lane = 0; lane < runs.Length; lane++)
        {
            if (runs[lane].Schedule == schedule && judged.Contains(owners[lane].Replica))
            {
                wholeIn[owners[lane].Step] = wholeIn.GetValueOrDefault(owners[lane].Step) + 1;
            }
        }

        return [.. wholeIn.Where(step => step.Value == replicas.Length).Select(step => step.Key)];
    }

    private static AlignedTrace Fill(OperationTrace trace, int[] replicas, long[] steps, int[][] recordsOfLane, TraceCoverage coverage)
    {
        int[] first = recordsOfLane[0];
        int lanes = recordsOfLane.Length;
        int[] stages = [.. first.Select(record => trace.Stage[record]).Distinct().Order()];
        long[] startNs = new long[first.Length * lanes];
        long[] durationNs = new long[first.Length * lanes];
        int[] ranks = new int[replicas.Length * stages.Length];
        Array.Fill(ranks, -1);
        int[] stageOf = [.. first.Select(record => Array.BinarySearch(stages, trace.Stage[record]))];
        for (int operation = 0; operation < first.Length; operation++)
        {
            for (int lane = 0; lane < lanes; lane++)
            {
                int record = recordsOfLane[lane][operation];
                startNs[(operation * lanes) + lane] = trace.StartNs[record];
                durationNs[(operation * lanes) + lane] = trace.DurationNs[record];
            }

            for (int replica = 0; replica < replicas.Length; replica++)
            {
                ranks[(replica * stages.Length) + stageOf[operation]] = trace.Rank[recordsOfLane[replica * steps.Length][operation]];
            }
        }

        return new AlignedTrace
        {
            Replicas = replicas,
            Stages = stages,
            Steps = steps,
            Ranks = ranks,
            Coverage = coverage,
            StageOf = stageOf,
            TypeOf = [.. first.Select(record => (OperationType)trace.Type[record])],
            SequenceOf = [.. first.Select(record => trace.Sequence[record])],
            ChunkOf = [.. first.Select(record => trace.Chunk[record])],
            GlobalChunkOf = [.. first.Select(record => trace.GlobalChunk[record])],
            MicroBatchOf = [.. first.Select(record => trace.MicroBatch[record])],
            StartNs = startNs,
            DurationNs = durationNs,
        };
    }

    /// <summary>The records of one replica and step, as a range of the sorted records, and a hash of which operations they are.</summary>
    private readonly record struct LaneRun(int Start, int Length, ulong Schedule);
}
