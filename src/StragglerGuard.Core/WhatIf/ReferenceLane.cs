namespace StragglerGuard.Core.WhatIf;

/// <summary>One lane of an aligned trace, by operation: the timeline from which the order of operations is read.</summary>
internal sealed class ReferenceLane
{
    private readonly AlignedTrace _trace;
    private readonly int _lane;
    private readonly Dictionary<(int Stage, OperationType Type, int Sequence), int> _indices;
    private readonly List<int>[] _ofStage;

    public ReferenceLane(AlignedTrace trace, int lane)
    {
        _trace = trace;
        _lane = lane;
        _indices = new Dictionary<(int, OperationType, int), int>(trace.OperationCount);
        _ofStage = [.. trace.Stages.Select(_ => new List<int>())];
        for (int operation = 0; operation < trace.OperationCount; operation++)
        {
            _ofStage[trace.StageOf[operation]].Add(operation);
            _indices[(trace.StageOf[operation], trace.TypeOf[operation], trace.SequenceOf[operation])] = operation;
        }
    }

    public int StageCount => _trace.Stages.Length;

    public int OperationCount => _trace.OperationCount;

    public OperationType TypeOf(int operation) => _trace.TypeOf[operation];

    public int SequenceOf(int operation) => _trace.SequenceOf[operation];

    public int ChunkOf(int operation) => _trace.ChunkOf[operation];

    public int StageOf(int operation) => _trace.StageOf[operation];

    public long StartNs(int operation) => _trace.StartNs[(operation * _trace.Lanes) + _lane];

    public long EndNs(int operation) => StartNs(operation) + _trace.DurationNs[(operation * _trace.Lanes) + _lane];

    /// <summary>How many model chunks every stage holds.</summary>
    public int ChunksPerStage() => 1 + Math.Max(0, _trace.ChunkOf.Max());

    /// <summary>The chunk's place in the model; from stage and chunk where the trace doesn't say.</summary>
    public int GlobalChunkOf(int operation)
    {
        int known = _trace.GlobalChunkOf[operation];
        return known >= 0 ? known : (Math.Max(0, ChunkOf(operation)) * StageCount) + StageOf(operation);
    }

    /// <summary>The operation of that stage, type and number, or −1.</summary>
    public int Find(int stage, OperationType type, int sequence) =>
        _indices.TryGetValue((stage, type, sequence), out int operation) ? operation : -1;

    /// <summary>A stage's operations of some types by start; ties by sequence, then by type.</summary>
    public List<int> ByStart(int stage, Func<OperationType, bool> isWanted)
    {
        List<int> found = _ofStage[stage].FindAll(operation => isWanted(TypeOf(operation)));
        found.Sort((a, b) =>
        {
            int order = StartNs(a).CompareTo(StartNs(b));
            order = order != 0 ? order : SequenceOf(a).CompareTo(SequenceOf(b));
            order = order != 0 ? order : TypeOf(a).CompareTo(TypeOf(b));
            return order != 0 ? order : a.CompareTo(b);
        });
        return found;
    }
}
