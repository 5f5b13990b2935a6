using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.WhatIf;

/// <summary>
/// Tells micro-batches of unequal work from unsteady hardware: the work of a micro-batch makes its forward and its backward pass long alike, whatever
/// disturbs a device hits one of them.
/// </summary>
/// <remarks>
/// Per worker, Pearson's correlation of forward and backward times of the same micro-batch (OSDI'25, section 5.3), after the means of each step and of each
/// place in the step are taken off: a worker that is slow for some steps, or a chunk that is heavier than another, would correlate without any workload.
/// </remarks>
internal static class WorkloadEvidence
{
    /// <summary>Correlation from which the workload is held to explain the variation.</summary>
    public const double CorrelationMin = 0.95;

    private const int PairsMin = 3;

    /// <summary>The median of the workers' correlations, −1 … 1; null where no worker has enough passes to tell.</summary>
    public static double? Correlation(TraceReplays replays)
    {
        AlignedTrace trace = replays.Trace;
        var correlations = new List<double>();
        for (int stage = 0; stage < trace.Stages.Length; stage++)
        {
            List<(int Forward, int Backward)> pairs = PairsOf(trace, stage);
            for (int replica = 0; replica < trace.Replicas.Length; replica++)
            {
                if (Correlation(replays, pairs, replica) is double correlation)
                {
                    correlations.Add(correlation);
                }
            }
        }

        return correlations.Count == 0 ? null : OrderStatistics.Median([.. correlations]);
    }

    private static List<(int Forward, int Backward)> PairsOf(AlignedTrace trace, int stage)
    {
        var backward = new Dictionary<(int Chunk, int MicroBatch), int>();
        for (int operation = 0; operation < trace.OperationCount; operation++)
        {
            if (trace.StageOf[operation] == stage && trace.TypeOf[operation] == OperationType.BackwardCompute)
            {
                backward[NameOf(trace, operation)] = operation;
            }
        }

        var pairs = new List<(int, int)>();
        for (int operation = 0; operation < trace.OperationCount; operation++)
        {
            if (trace.StageOf[operation] == stage && trace.TypeOf[operation] == OperationType.ForwardCompute
                && backward.TryGetValue(NameOf(trace, operation), out int partner))
            {
                pairs.Add((operation, partner));
            }
        }

        return pairs;
    }

    private static (int Chunk, int MicroBatch) NameOf(AlignedTrace trace, int operation) =>
        (trace.ChunkOf[operation], trace.MicroBatchOf[operation] >= 0 ? trace.MicroBatchOf[operation] : trace.SequenceOf[operation]);

    private static double? Correlation(TraceReplays replays, List<(int Forward, int Backward)> pairs, int replica)
    {
        if (pairs.Count < PairsMin)
        {
            return null;
        }

        double[] forward = Centred(replays, [.. pairs.Select(pair => pair.Forward)], replica);
        double[] backward = Centred(replays, [.. pairs.Select(pair => pair.Backward)], replica);
        double product = 0, forwardSquare = 0, backwardSquare = 0;
        for (int i = 0; i < forward.Length; i++)
        {
            product += forward[i] * backward[i];
            forwardSquare += forward[i] * forward[i];
            backwardSquare += backward[i] * backward[i];
        }

        double scale = Math.Sqrt(forwardSquare) * Math.Sqrt(backwardSquare);
        return scale > 0 ? product / scale : null;
    }

    private static double[] Centred(TraceReplays replays, int[] operations, int replica)
    {
        int steps = replays.Trace.Steps.Length;
        double[] values = new double[operations.Length * steps];
        double[] ofStep = new double[steps];
        double[] ofOperation = new double[operations.Length];
        double total = 0;
        for (int i = 0; i < operations.Length; i++)
        {
            ReadOnlySpan<long> ownNs = replays.OwnOf(operations[i], replica);
            for (int step = 0; step < steps; step++)
            {
                double value = ownNs[step];
                values[(i * steps) + step] = value;
                ofStep[step] += value / operations.Length;
                ofOperation[i] += value / steps;
                total += value / values.Length;
            }
        }

        for (int i = 0; i < operations.Length; i++)
        {
            for (int step = 0; step < steps; step++)
            {
                // With one step there is nothing to tell a heavy place from a heavy micro-batch by.
                double expected = steps > 1 ? ofStep[step] + ofOperation[i] - total : total;
                values[(i * steps) + step] -= expected;
            }
        }

        return values;
    }
}
