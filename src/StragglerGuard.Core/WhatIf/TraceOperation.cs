namespace StragglerGuard.Core.WhatIf;

/// <summary>One operation of one worker, as a profiler recorded it.</summary>
/// <param name="Replica">Data-parallel rank of the worker, 0 or more.</param>
/// <param name="Stage">Pipeline stage of the worker, 0 or more.</param>
/// <param name="Rank">Global rank of the worker, or −1 where the trace doesn't say.</param>
/// <param name="Step">Training step, 0 or more.</param>
/// <param name="Type">What it does.</param>
/// <param name="StartNs">Start, ns on the clock of the trace; 0 may be the start of the step.</param>
/// <param name="DurationNs">Duration, ns, 0 … <see cref="OperationTrace.DurationNsMax"/>.</param>
/// <param name="Sequence">0-based among the operations of its type in the step on the worker, by start; −1 where unknown.</param>
/// <param name="Chunk">Model chunk within the stage, 0-based; −1 where it has none.</param>
/// <param name="MicroBatch">Micro-batch, 0-based; −1 where it has none.</param>
/// <param name="GlobalChunk">Model chunk within the model, 0-based; −1 where it has none.</param>
public readonly record struct TraceOperation(
    int Replica,
    int Stage,
    int Rank,
    long Step,
    OperationType Type,
    long StartNs,
    long DurationNs,
    int Sequence = -1,
    int Chunk = 0,
    int MicroBatch = -1,
    int GlobalChunk = -1);
