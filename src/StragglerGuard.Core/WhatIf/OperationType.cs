namespace StragglerGuard.Core.WhatIf;

/// <summary>What an operation of a trace does, in the terms of the OSDI'25 what-if paper.</summary>
public enum OperationType
{
    /// <summary>Forward pass of one micro-batch through one model chunk.</summary>
    ForwardCompute = 0,

    /// <summary>Backward pass of one micro-batch through one model chunk.</summary>
    BackwardCompute,

    /// <summary>Activations to the next stage.</summary>
    ForwardSend,

    /// <summary>Activations from the previous stage.</summary>
    ForwardReceive,

    /// <summary>Gradients to the previous stage.</summary>
    BackwardSend,

    /// <summary>Gradients from the next stage.</summary>
    BackwardReceive,

    /// <summary>Gathers sharded parameters from the data-parallel peers.</summary>
    ParamsAllGather,

    /// <summary>Sums and shards gradients over the data-parallel peers.</summary>
    GradsReduceScatter,

    /// <summary>Sums the gradients that don't overlap with the backward pass over the data-parallel peers.</summary>
    SeparateGradsAllReduce,

    /// <summary>Sums layer-norm gradients within the worker's tensor-parallel group.</summary>
    LayerNormGradsAllReduce,

    /// <summary>Sums embedding gradients between the first and the last stage.</summary>
    EmbeddingGradsAllReduce,

    /// <summary>Clips by the gradient norm of the whole job: all workers wait for each other.</summary>
    OptimizerClip,

    /// <summary>The optimizer's own step.</summary>
    Optimizer,

    /// <summary>A garbage collection of the host language.</summary>
    GarbageCollection,
}

/// <summary>The names that traces use, and what the what-if model has to know of each type.</summary>
public static class OperationTypes
{
    private static readonly string[] Names =
    [
        "forward-compute",
        "backward-compute",
        "forward-send",
        "forward-recv",
        "backward-send",
        "backward-recv",
        "params-all-gather",
        "grads-reduce-scatter",
        "separate-grads-all-reduce",
        "layernorm-grads-all-reduce",
        "embedding-grads-all-reduce",
        "optimizer-clip-main-grad",
        "optimizer",
        "gc",
    ];

    private static readonly byte[][] Utf8Names = [.. Names.Select(System.Text.Encoding.ASCII.GetBytes)];

    /// <summary>How many types there are; their values are 0 … this − 1.</summary>
    public static int Count => Names.Length;

    /// <summary>The name in a trace, for example <c>forward-compute</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a value of the enumeration.</exception>
    public static string NameOf(OperationType type)
    {
        ArgumentOutOfRangeException.ThrowIfNegative((int)type, nameof(type));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((int)type, Names.Length, nameof(type));
        return Names[(int)type];
    }

    /// <summary>Reads a name as it stands in a trace, in UTF-8.</summary>
    public static bool TryParse(ReadOnlySpan<byte> name, out OperationType type)
    {
        for (int i = 0; i < Utf8Names.Length; i++)
        {
            if (name.SequenceEqual(Utf8Names[i]))
            {
                type = (OperationType)i;
                return true;
            }
        }

        type = default;
        return false;
    }

    /// <summary>
    /// The heading a type is reported under: sends and receives of one direction count as one, as a pair can't be told apart by time.
    /// </summary>
    internal static string HeadingOf(OperationType type) => type switch
    {
        OperationType.ForwardSend or OperationType.ForwardReceive => "forward-pp-comm",
        OperationType.BackwardSend or OperationType.BackwardReceive => "backward-pp-comm",
        _ => NameOf(type),
    };

    /// <summary>Forward or backward pass: the work that a stage, a worker or a micro-batch can make long.</summary>
    internal static bool IsPass(OperationType type) => type is OperationType.ForwardCompute or OperationType.BackwardCompute;

    /// <summary>A send or receive between pipeline stages.</summary>
    internal static bool IsPipelineTransfer(OperationType type) =>
        type is >= OperationType.ForwardSend and <= OperationType.BackwardReceive;

    /// <summary>Whether the ideal is the median (communication: long tails are the rule) rather than the mean (compute).</summary>
    internal static bool IsCommunication(OperationType type) =>
        type is >= OperationType.ForwardSend and <= OperationType.OptimizerClip;

    /// <summary>Whether an operation ends only after its namesakes of all data-parallel replicas have started.</summary>
    internal static bool WaitsForReplicas(OperationType type) => type is OperationType.ParamsAllGather
        or OperationType.GradsReduceScatter or OperationType.SeparateGradsAllReduce or OperationType.OptimizerClip;
}
