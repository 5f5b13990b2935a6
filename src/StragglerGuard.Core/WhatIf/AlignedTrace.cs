namespace StragglerGuard.Core.WhatIf;

/// <summary>
/// The part of a trace in which every replica did the same operations in every step, as matrices: a row for each operation of a replica's step,
/// a column ("lane") for each replica and step.
/// </summary>
/// <remarks>
/// Replicas and steps repeat one schedule, so its dependencies are worked out once and replayed over all lanes at once. Lanes of one replica lie
/// together: lane = replica · steps + step.
/// </remarks>
internal sealed class AlignedTrace
{
    public required int[] Replicas { get; init; }

    public required int[] Stages { get; init; }

    public required long[] Steps { get; init; }

    /// <summary>Global rank by replica · stages + stage; −1 where unknown.</summary>
    public required int[] Ranks { get; init; }

    public required TraceCoverage Coverage { get; init; }

    /// <summary>Stage, as an index into <see cref="Stages"/>, by operation.</summary>
    public required int[] StageOf { get; init; }

    public required OperationType[] TypeOf { get; init; }

    public required int[] SequenceOf { get; init; }

    public required int[] ChunkOf { get; init; }

    public required int[] GlobalChunkOf { get; init; }

    public required int[] MicroBatchOf { get; init; }

    /// <summary>By operation · lanes + lane.</summary>
    public required long[] StartNs { get; init; }

    /// <summary>By operation · lanes + lane, as recorded: waiting included.</summary>
    public required long[] DurationNs { get; init; }

    public int OperationCount => TypeOf.Length;

    public int Lanes => Replicas.Length * Steps.Length;

    public int WorkerCount => Replicas.Length * Stages.Length;
}
