namespace StragglerGuard.Core.WhatIf;

/// <summary>Collects operations into an <see cref="OperationTrace"/>. One caller at a time.</summary>
public sealed class OperationTraceBuilder
{
    private const int InitialCapacity = 1024;

    private int _capacity;

    /// <summary>How many operations have been added.</summary>
    public int Count { get; private set; }

    internal int[] Replica { get; private set; } = [];

    internal int[] Stage { get; private set; } = [];

    internal int[] Rank { get; private set; } = [];

    internal long[] Step { get; private set; } = [];

    internal byte[] Type { get; private set; } = [];

    internal long[] StartNs { get; private set; } = [];

    internal long[] DurationNs { get; private set; } = [];

    internal int[] Sequence { get; private set; } = [];

    internal int[] Chunk { get; private set; } = [];

    internal int[] MicroBatch { get; private set; } = [];

    internal int[] GlobalChunk { get; private set; } = [];

    /// <summary>Adds one operation; any order will do.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A member is outside the range that <see cref="TraceOperation"/> gives for it.</exception>
    public void Add(in TraceOperation operation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(operation.Replica, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfNegative(operation.Stage, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfLessThan(operation.Rank, -1, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfNegative(operation.Step, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfNegative((int)operation.Type, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((int)operation.Type, OperationTypes.Count, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(operation.StartNs, OperationTrace.StartNsMax, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfLessThan(operation.StartNs, -OperationTrace.StartNsMax, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfNegative(operation.DurationNs, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(operation.DurationNs, OperationTrace.DurationNsMax, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfLessThan(operation.Sequence, -1, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfLessThan(operation.Chunk, -1, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfLessThan(operation.MicroBatch, -1, nameof(operation));
        ArgumentOutOfRangeException.ThrowIfLessThan(operation.GlobalChunk, -1, nameof(operation));
        if (Count == _capacity)
        {
            Grow();
        }

        int i = Count++;
        Replica[i] = operation.Replica;
        Stage[i] = operation.Stage;
        Rank[i] = operation.Rank;
        Step[i] = operation.Step;
        Type[i] = (byte)operation.Type;
        StartNs[i] = operation.StartNs;
        DurationNs[i] = operation.DurationNs;
        Sequence[i] = operation.Sequence;
        Chunk[i] = operation.Chunk;
        MicroBatch[i] = operation.MicroBatch;
        GlobalChunk[i] = operation.GlobalChunk;
    }

    /// <summary>
    /// Makes the trace of what has been added. Where any sequence number is unknown, all are numbered anew by start.
    /// </summary>
    public OperationTrace Build() => new(this);

    private void Grow()
    {
        _capacity = Math.Max(InitialCapacity, _capacity * 2);
        Replica = Enlarged(Replica);
        Stage = Enlarged(Stage);
        Rank = Enlarged(Rank);
        Step = Enlarged(Step);
        Type = Enlarged(Type);
        StartNs = Enlarged(StartNs);
        DurationNs = Enlarged(DurationNs);
        Sequence = Enlarged(Sequence);
        Chunk = Enlarged(Chunk);
        MicroBatch = Enlarged(MicroBatch);
        GlobalChunk = Enlarged(GlobalChunk);
    }

    private T[] Enlarged<T>(T[] column)
    {
        Array.Resize(ref column, _capacity);
        return column;
    }
}
