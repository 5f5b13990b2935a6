namespace StragglerGuard.Core.WhatIf;

/// <summary>Every operation of one job over some steps, in columns. Immutable; the order of the records carries no meaning.</summary>
public sealed class OperationTrace
{
    /// <summary>The longest operation that is believed: a day, in ns.</summary>
    public const long DurationNsMax = 86_400L * 1_000_000_000L;

    /// <summary>The largest start that is believed, either side of 0, in ns: about 146 years, so that ends can't overflow.</summary>
    public const long StartNsMax = long.MaxValue / 2;

    internal OperationTrace(OperationTraceBuilder builder)
    {
        Count = builder.Count;
        Replica = builder.Replica.AsSpan(0, Count).ToArray();
        Stage = builder.Stage.AsSpan(0, Count).ToArray();
        Rank = builder.Rank.AsSpan(0, Count).ToArray();
        Step = builder.Step.AsSpan(0, Count).ToArray();
        Type = builder.Type.AsSpan(0, Count).ToArray();
        StartNs = builder.StartNs.AsSpan(0, Count).ToArray();
        DurationNs = builder.DurationNs.AsSpan(0, Count).ToArray();
        Sequence = builder.Sequence.AsSpan(0, Count).ToArray();
        Chunk = builder.Chunk.AsSpan(0, Count).ToArray();
        MicroBatch = builder.MicroBatch.AsSpan(0, Count).ToArray();
        GlobalChunk = builder.GlobalChunk.AsSpan(0, Count).ToArray();
        SequenceNumbering.FillIn(this);
    }

    /// <summary>How many operations there are.</summary>
    public int Count { get; }

    internal int[] Replica { get; }

    internal int[] Stage { get; }

    internal int[] Rank { get; }

    internal long[] Step { get; }

    internal byte[] Type { get; }

    internal long[] StartNs { get; }

    internal long[] DurationNs { get; }

    internal int[] Sequence { get; }

    internal int[] Chunk { get; }

    internal int[] MicroBatch { get; }

    internal int[] GlobalChunk { get; }

    /// <summary>One record.</summary>
    /// <param name="index">0 … <see cref="Count"/> − 1, in the order in which the records were added.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such record.</exception>
    public TraceOperation this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            return new TraceOperation(
                Replica[index],
                Stage[index],
                Rank[index],
                Step[index],
                (OperationType)Type[index],
                StartNs[index],
                DurationNs[index],
                Sequence[index],
                Chunk[index],
                MicroBatch[index],
                GlobalChunk[index]);
        }
    }
}
