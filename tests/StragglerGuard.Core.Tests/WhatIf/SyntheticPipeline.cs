using StragglerGuard.Core.WhatIf;

namespace StragglerGuard.Core.Tests.WhatIf;

/// <summary>
/// A made-up pipelined job that records its operations as a profiler would. It knows its own dependencies by formula (1F1B, or Megatron's interleaved
/// schedule) and resolves them one by one: the slow twin of the product's replay, which has to work them out from the recording.
/// </summary>
internal sealed class SyntheticPipeline
{
    private static readonly OperationType[] LastOfStep =
    [
        OperationType.GarbageCollection, OperationType.LayerNormGradsAllReduce, OperationType.EmbeddingGradsAllReduce,
        OperationType.GradsReduceScatter, OperationType.OptimizerClip, OperationType.Optimizer,
    ];

    public int Replicas { get; init; } = 2;

    public int Stages { get; init; } = 4;

    public int Chunks { get; init; } = 1;

    public int MicroBatches { get; init; } = 8;

    public int Steps { get; init; } = 4;

    /// <summary>Gradients of a chunk are reduced while other chunks still compute.</summary>
    public bool OverlapsGradients { get; init; }

    /// <summary>The own time of an operation, ns: (replica, stage, step, type, sequence, micro-batch).</summary>
    public required Func<int, int, int, OperationType, int, int, long> OwnNs { get; init; }

    /// <summary>Own times without waiting, where all are alike but for what <paramref name="factor"/> makes of passes.</summary>
    public static Func<int, int, int, OperationType, int, int, long> Plain(Func<int, int, int, OperationType, int, double>? factor = null) =>
        (replica, stage, step, type, _, microBatch) => type switch
        {
            OperationType.ForwardCompute => (long)(10_000_000 * (factor?.Invoke(replica, stage, step, type, microBatch) ?? 1)),
            OperationType.BackwardCompute => (long)(20_000_000 * (factor?.Invoke(replica, stage, step, type, microBatch) ?? 1)),
            OperationType.GarbageCollection => 0,
            OperationType.GradsReduceScatter or OperationType.ParamsAllGather => 5_000_000,
            _ => 1_000_000,
        };

    /// <summary>What the profilers of all workers record, shuffled by nothing: replica by replica, step by step.</summary>
    public OperationTrace Record() => Build(Operations());

    public static OperationTrace Build(IEnumerable<TraceOperation> operations)
    {
        var builder = new OperationTraceBuilder();
        foreach (TraceOperation operation in operations)
        {
            builder.Add(operation);
        }

        return builder.Build();
    }

    public List<TraceOperation> Operations()
    {
        var records = new List<TraceOperation>();
        for (int step = 0; step < Steps; step++)
        {
            records.AddRange(new Step(this, step, OwnNs).Record());
        }

        return records;
    }

    /// <summary>Mean step time, ns, with own times of the caller's choosing.</summary>
    public double MeanStepNs(Func<int, int, int, OperationType, int, int, long> ownNs) =>
        Enumerable.Range(0, Steps).Average(step => new Step(this, step, ownNs).EndNs());

    private (int Chunk, int MicroBatch) PassAt(int k, bool forward)
    {
        if (Chunks == 1)
        {
            return (0, k);
        }

        int turn = k / Stages % Chunks;
        return (forward ? turn : Chunks - 1 - turn, (k / (Stages * Chunks) * Stages) + (k % Stages));
    }

    private List<(bool Forward, int K)> ScheduleOf(int stage)
    {
        int passes = MicroBatches * Chunks;
        int ahead = Chunks == 1 ? Stages - 1 - stage : ((Stages - 1 - stage) * 2) + ((Chunks - 1) * Stages);
        ahead = Math.Min(ahead, passes);
        var schedule = new List<(bool, int)>();
        for (int k = 0; k < ahead; k++)
        {
            schedule.Add((true, k));
        }

        for (int k = ahead; k < passes; k++)
        {
            schedule.Add((true, k));
            schedule.Add((false, k - ahead));
        }

        for (int k = passes - ahead; k < passes; k++)
        {
            schedule.Add((false, k));
        }

        return schedule;
    }

    /// <summary>One step of all replicas.</summary>
    private sealed class Step(SyntheticPipeline job, int step, Func<int, int, int, OperationType, int, int, long> ownNs)
    {
        private readonly Dictionary<Key, long> _starts = [];
        private readonly Dictionary<Key, long> _ends = [];

        private readonly Dictionary<int, List<(bool Forward, int K)>> _schedules =
            Enumerable.Range(0, job.Stages).ToDictionary(stage => stage, job.ScheduleOf);

        public long EndNs() => All().Where(key => key.Type == OperationType.Optimizer).Max(End);

        public IEnumerable<TraceOperation> Record() => All().Select(key =>
        {
            bool pass = key.Type is OperationType.ForwardCompute or OperationType.BackwardCompute;
            (int chunk, int microBatch) = pass ? job.PassAt(key.Sequence, key.Type == OperationType.ForwardCompute) : (-1, -1);
            chunk = key.Type is OperationType.GradsReduceScatter or OperationType.ParamsAllGather ? ChunkOfReduction(key) : chunk;
            return new TraceOperation(
                key.Replica,
                key.Stage,
                (key.Stage * job.Replicas) + key.Replica,
                100 + step,
                key.Type,
                Start(key),
                End(key) - Start(key),
                key.Sequence,
                chunk,
                microBatch,
                pass ? (chunk * job.Stages) + key.Stage : -1);
        });

        private int ChunkOfReduction(Key key) => key.Type == OperationType.ParamsAllGather ? key.Sequence : job.Chunks - 1 - key.Sequence;

        private IEnumerable<Key> All()
        {
            for (int replica = 0; replica < job.Replicas; replica++)
            {
                for (int stage = 0; stage < job.Stages; stage++)
                {
                    foreach (Key key in OfWorker(replica, stage))
                    {
                        yield return key;
                    }
                }
            }
        }

        private IEnumerable<Key> OfWorker(int replica, int stage)
        {
            int passes = job.MicroBatches * job.Chunks;
            for (int chunk = 0; chunk < job.Chunks; chunk++)
            {
                yield return new Key(replica, stage, OperationType.ParamsAllGather, chunk);
            }

            for (OperationType type = OperationType.ForwardCompute; type <= OperationType.BackwardReceive; type++)
            {
                for (int k = 0; k < passes; k++)
                {
                    var key = new Key(replica, stage, type, k);
                    if (job.Chunks > 1 || type <= OperationType.BackwardCompute || Peer(key) is not null)
                    {
                        yield return key;
                    }
                }
            }

            foreach (OperationType type in LastOfStep.Where(type => IsThere(type, stage)))
            {
                int count = type == OperationType.GradsReduceScatter ? job.Chunks : 1;
                for (int i = 0; i < count; i++)
                {
                    yield return new Key(replica, stage, type, i);
                }
            }

            if (job.OverlapsGradients)
            {
                yield return new Key(replica, stage, OperationType.SeparateGradsAllReduce, 0);
            }
        }

        private bool IsThere(OperationType type, int stage) =>
            type != OperationType.EmbeddingGradsAllReduce || stage == 0 || stage == job.Stages - 1;

        /// <summary>The other end of a transfer; null for one that isn't launched.</summary>
        private Key? Peer(Key key)
        {
            bool forward = key.Type is OperationType.ForwardSend or OperationType.ForwardReceive;
            bool send = key.Type is OperationType.ForwardSend or OperationType.BackwardSend;
            int stride = forward == send ? 1 : -1;
            (int chunk, int microBatch) = job.PassAt(key.Sequence, forward);
            int global = (chunk * job.Stages) + key.Stage + stride;
            if (global < 0 || global >= job.Chunks * job.Stages)
            {
                return null;
            }

            OperationType type = (forward, send) switch
            {
                (true, true) => OperationType.ForwardReceive,
                (true, false) => OperationType.ForwardSend,
                (false, true) => OperationType.BackwardReceive,
                (false, false) => OperationType.BackwardSend,
            };
            int there = Enumerable.Range(0, job.MicroBatches * job.Chunks).First(k => job.PassAt(k, forward) == (global / job.Stages, microBatch));
            return new Key(key.Replica, global % job.Stages, type, there);
        }

        private IEnumerable<Key> TogetherWith(Key key) => key.Type switch
        {
            >= OperationType.ForwardSend and <= OperationType.BackwardReceive => Peer(key) is { } peer ? [key, peer] : [key],
            OperationType.ParamsAllGather or OperationType.GradsReduceScatter or OperationType.SeparateGradsAllReduce =>
                Enumerable.Range(0, job.Replicas).Select(replica => key with { Replica = replica }),
            OperationType.EmbeddingGradsAllReduce => [key with { Stage = 0 }, key with { Stage = job.Stages - 1 }],
            OperationType.OptimizerClip =>
                from replica in Enumerable.Range(0, job.Replicas)
                from stage in Enumerable.Range(0, job.Stages)
                select key with { Replica = replica, Stage = stage },
            _ => [key],
        };

        private long End(Key key)
        {
            if (!_ends.TryGetValue(key, out long end))
            {
                int microBatch = key.Type switch
                {
                    OperationType.ForwardCompute => job.PassAt(key.Sequence, true).MicroBatch,
                    OperationType.BackwardCompute => job.PassAt(key.Sequence, false).MicroBatch,
                    _ => -1,
                };
                end = TogetherWith(key).Max(Start) + ownNs(key.Replica, key.Stage, step, key.Type, key.Sequence, microBatch);
                _ends[key] = end;
            }

            return end;
        }

        private long Start(Key key)
        {
            if (!_starts.TryGetValue(key, out long start))
            {
                start = Before(key).Select(End).DefaultIfEmpty(0).Max();
                _starts[key] = start;
            }

            return start;
        }

        private IEnumerable<Key> Before(Key key)
        {
            List<(bool Forward, int K)> schedule = _schedules[key.Stage];
            Key Pass((bool Forward, int K) pass) =>
                key with { Type = pass.Forward ? OperationType.ForwardCompute : OperationType.BackwardCompute, Sequence = pass.K };
            if (key.Type is OperationType.ForwardCompute or OperationType.BackwardCompute)
            {
                return BeforePass(key, schedule, Pass);
            }

            if (key.Type is >= OperationType.ForwardSend and <= OperationType.BackwardReceive)
            {
                return BeforeTransfer(key, schedule, Pass);
            }

            return key.Type == OperationType.ParamsAllGather ? key.Sequence > 0 ? [key with { Sequence = key.Sequence - 1 }] : [] : BeforeEnd(key, schedule, Pass);
        }

        private IEnumerable<Key> BeforePass(Key key, List<(bool Forward, int K)> schedule, Func<(bool, int), Key> pass)
        {
            bool forward = key.Type == OperationType.ForwardCompute;
            int place = schedule.IndexOf((forward, key.Sequence));
            if (place > 0)
            {
                yield return pass(schedule[place - 1]);
            }

            Key receive = key with { Type = forward ? OperationType.ForwardReceive : OperationType.BackwardReceive };
            if (job.Chunks > 1 || Peer(receive) is not null)
            {
                yield return receive;
            }

            int chunk = job.PassAt(key.Sequence, forward).Chunk;
            if (forward && Enumerable.Range(0, key.Sequence).All(k => job.PassAt(k, true).Chunk != chunk))
            {
                yield return new Key(key.Replica, key.Stage, OperationType.ParamsAllGather, chunk);
            }
        }

        private static IEnumerable<Key> BeforeTransfer(Key key, List<(bool Forward, int K)> schedule, Func<(bool, int), Key> pass)
        {
            bool forward = key.Type is OperationType.ForwardSend or OperationType.ForwardReceive;
            bool send = key.Type is OperationType.ForwardSend or OperationType.BackwardSend;
            if (key.Sequence > 0)
            {
                yield return key with { Sequence = key.Sequence - 1 };
            }

            if (send)
            {
                yield return pass((forward, key.Sequence));
            }
            else if (key.Sequence > 0)
            {
                yield return pass((forward, key.Sequence - 1));
            }

            int firstBackward = schedule.FindIndex(entry => !entry.Forward);
            if (!forward && key.Sequence == 0 && firstBackward >= 2)
            {
                yield return pass(schedule[firstBackward - 2]);
            }
        }

        private IEnumerable<Key> BeforeEnd(Key key, List<(bool Forward, int K)> schedule, Func<(bool, int), Key> pass)
        {
            Key Of(OperationType type, int sequence = 0) => new(key.Replica, key.Stage, type, sequence);
            int lastReduction = job.Chunks - 1;
            if (key.Type == OperationType.GradsReduceScatter)
            {
                yield return key.Sequence > 0 ? key with { Sequence = key.Sequence - 1 } : Of(OperationType.ParamsAllGather, job.Chunks - 1);
                if (job.OverlapsGradients)
                {
                    int chunk = ChunkOfReduction(key);
                    yield return pass(schedule.Last(entry => !entry.Forward && job.PassAt(entry.K, false).Chunk == chunk));
                    yield break;
                }
            }

            List<OperationType> chain = [.. LastOfStep.Where(type => IsThere(type, key.Stage))];
            if (job.OverlapsGradients)
            {
                chain[chain.IndexOf(OperationType.GradsReduceScatter)] = OperationType.SeparateGradsAllReduce;
            }

            int place = chain.IndexOf(key.Type);
            if (place == 0)
            {
                yield return pass(schedule[^1]);
            }
            else if (key.Type != OperationType.GradsReduceScatter || key.Sequence == 0)
            {
                yield return Of(chain[place - 1], chain[place - 1] == OperationType.GradsReduceScatter ? lastReduction : 0);
            }

            if (job.OverlapsGradients && key.Type == OperationType.LayerNormGradsAllReduce)
            {
                yield return Of(OperationType.GradsReduceScatter, lastReduction);
            }
        }
    }

    private sealed record Key(int Replica, int Stage, OperationType Type, int Sequence);
}
