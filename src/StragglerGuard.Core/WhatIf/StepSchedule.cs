namespace StragglerGuard.Core.WhatIf;

/// <summary>Reads from a recorded step what waits for what, after the OSDI'25 model, and which operations finish together.</summary>
/// <remarks>
/// <para>"Understanding Stragglers in Large Model Training Using What-if Analysis" (OSDI'25, section 3): a worker has one compute stream, one
/// data-parallel stream and four pipeline streams (forward and backward, send and receive), each in the order recorded.</para>
/// <para>Across streams: a send waits for its pass; a pass waits for its receive; a receive waits for the pass of its kind before that one; the first
/// backward transfers wait for the forward pass two before the first backward pass; the first forward pass of a chunk waits for the chunk's parameters;
/// a gradient reduction that overlaps waits for the last backward pass of its chunk; what follows the last pass runs one after the other.</para>
/// </remarks>
internal sealed class StepSchedule
{
    private const int LanesTried = 8;

    private readonly ReferenceLane _lane;
    private readonly PipelinePairing _pairing;
    private readonly List<int>[] _waits;

    private StepSchedule(ReferenceLane lane)
    {
        _lane = lane;
        _pairing = PipelinePairing.Of(lane);
        _waits = new List<int>[lane.OperationCount];
        for (int operation = 0; operation < _waits.Length; operation++)
        {
            _waits[operation] = [];
        }
    }

    /// <summary>Works out the dependencies from the first lane that gives a consistent picture.</summary>
    /// <returns>The graph, or null and what the first lane's fault was.</returns>
    public static (DependencyGraph? Graph, string? Fault) Read(AlignedTrace trace)
    {
        string? firstFault = null;
        for (int lane = 0; lane < Math.Min(LanesTried, trace.Lanes); lane++)
        {
            var schedule = new StepSchedule(new ReferenceLane(trace, lane));
            string? fault = schedule._pairing.Fault;
            DependencyGraph? graph = fault is null ? schedule.Build() : null;
            if (graph is not null)
            {
                return (graph, null);
            }

            firstFault ??= fault ?? "operations wait for each other in a circle";
        }

        return (null, $"the steps can't be replayed: {firstFault}");
    }

    private DependencyGraph? Build()
    {
        for (int stage = 0; stage < _lane.StageCount; stage++)
        {
            List<int> passes = _lane.ByStart(stage, OperationTypes.IsPass);
            ChainStreams(stage, passes);
            WaitForFirstBackward(stage, passes);
            WaitForParameters(stage, passes);
            ChainEndOfStep(stage, passes);
        }

        WaitAcrossPipelineStreams();
        int groups = GroupUp(out int[] groupOf, out bool[] waitsForReplicas);
        return DependencyGraph.Order(_waits, groupOf, groups, waitsForReplicas);
    }

    private void Chain(IEnumerable<int> operations)
    {
        int previous = -1;
        foreach (int operation in operations)
        {
            if (previous >= 0)
            {
                _waits[operation].Add(previous);
            }

            previous = operation;
        }
    }

    private void ChainStreams(int stage, List<int> passes)
    {
        Chain(passes);
        for (OperationType type = OperationType.ForwardSend; type <= OperationType.BackwardReceive; type++)
        {
            Chain(_lane.ByStart(stage, candidate => candidate == type));
        }

        Chain(_lane.ByStart(stage, type => type is OperationType.ParamsAllGather or OperationType.GradsReduceScatter));
    }

    private void WaitAcrossPipelineStreams()
    {
        for (int transfer = 0; transfer < _lane.OperationCount; transfer++)
        {
            int pass = _pairing.PassOf[transfer];
            if (pass < 0)
            {
                continue;
            }

            if (_lane.TypeOf(transfer) is OperationType.ForwardSend or OperationType.BackwardSend)
            {
                _waits[transfer].Add(pass);
                continue;
            }

            _waits[pass].Add(transfer);
            int before = _lane.Find(_lane.StageOf(pass), _lane.TypeOf(pass), _lane.SequenceOf(pass) - 1);
            if (before >= 0)
            {
                _waits[transfer].Add(before);
            }
        }
    }

    private void WaitForFirstBackward(int stage, List<int> passes)
    {
        int first = passes.FindIndex(pass => _lane.TypeOf(pass) == OperationType.BackwardCompute);
        if (first < 2)
        {
            return;
        }

        foreach (OperationType type in new[] { OperationType.BackwardReceive, OperationType.BackwardSend })
        {
            int transfer = _lane.Find(stage, type, 0);
            if (transfer >= 0)
            {
                _waits[transfer].Add(passes[first - 2]);
            }
        }
    }

    private void WaitForParameters(int stage, List<int> passes)
    {
        List<int> gathers = _lane.ByStart(stage, type => type == OperationType.ParamsAllGather);
        gathers.Sort((a, b) => _lane.SequenceOf(b).CompareTo(_lane.SequenceOf(a)));
        var served = new HashSet<int>();
        foreach (int gather in gathers.Where(gather => served.Add(_lane.ChunkOf(gather))))
        {
            int first = passes.FindIndex(pass =>
                _lane.TypeOf(pass) == OperationType.ForwardCompute && _lane.ChunkOf(pass) == _lane.ChunkOf(gather));
            if (first >= 0)
            {
                _waits[passes[first]].Add(gather);
            }
        }
    }

    private void ChainEndOfStep(int stage, List<int> passes)
    {
        List<int> scatters = _lane.ByStart(stage, type => type == OperationType.GradsReduceScatter);
        int separate = _lane.Find(stage, OperationType.SeparateGradsAllReduce, 0);
        int last = passes.Count == 0 ? -1 : passes.MaxBy(_lane.EndNs);
        int collection = _lane.Find(stage, OperationType.GarbageCollection, 0);
        List<int> chain = [last, collection, _lane.Find(stage, OperationType.LayerNormGradsAllReduce, 0)];
        chain.Add(_lane.Find(stage, OperationType.EmbeddingGradsAllReduce, 0));
        if (separate >= 0)
        {
            WaitForGradients(passes, scatters);
            chain.Add(separate);
        }
        else
        {
            chain.AddRange(scatters);
        }

        chain.Add(_lane.Find(stage, OperationType.OptimizerClip, 0));
        chain.Add(_lane.Find(stage, OperationType.Optimizer, 0));
        chain.RemoveAll(operation => operation < 0);
        Chain(chain);
        int next = chain.FindIndex(operation => operation != last && operation != collection);
        if (separate >= 0 && scatters.Count > 0 && next >= 0)
        {
            _waits[chain[next]].Add(scatters[^1]);
        }
    }

    /// <summary>Overlapping reductions: the first of each chunk waits for the chunk's last backward pass.</summary>
    private void WaitForGradients(List<int> passes, List<int> scatters)
    {
        var served = new HashSet<int>();
        foreach (int scatter in scatters.OrderBy(_lane.SequenceOf).Where(scatter => served.Add(_lane.ChunkOf(scatter))))
        {
            List<int> backward = passes.FindAll(pass =>
                _lane.TypeOf(pass) == OperationType.BackwardCompute && _lane.ChunkOf(pass) == _lane.ChunkOf(scatter));
            if (backward.Count > 0)
            {
                _waits[scatter].Add(backward.MaxBy(_lane.EndNs));
            }
        }
    }

    private int GroupUp(out int[] groupOf, out bool[] waitsForReplicas)
    {
        groupOf = new int[_lane.OperationCount];
        Array.Fill(groupOf, -1);
        var waits = new List<bool>();
        int embedding = -1;
        int clip = -1;
        for (int operation = 0; operation < groupOf.Length; operation++)
        {
            if (groupOf[operation] >= 0)
            {
                continue;
            }

            OperationType type = _lane.TypeOf(operation);
            ref int shared = ref type == OperationType.EmbeddingGradsAllReduce ? ref embedding : ref clip;
            bool isShared = type is OperationType.EmbeddingGradsAllReduce or OperationType.OptimizerClip && _lane.SequenceOf(operation) == 0;
            if (isShared && shared >= 0)
            {
                groupOf[operation] = shared;
                continue;
            }

            int group = waits.Count;
            waits.Add(OperationTypes.WaitsForReplicas(type));
            groupOf[operation] = group;
            if (isShared)
            {
                shared = group;
            }

            int peer = _pairing.PeerOf[operation];
            if (peer >= 0)
            {
                groupOf[peer] = group;
            }
        }

        waitsForReplicas = [.. waits];
        return waits.Count;
    }
}
