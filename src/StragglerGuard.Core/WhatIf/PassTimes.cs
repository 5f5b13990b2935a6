using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.WhatIf;

/// <summary>Splits the mean time of every worker's passes into what its stage, its replica's workload and the worker itself account for.</summary>
/// <remarks>
/// mean pass = usual · stage factor · workload factor · worker factor. A stage is measured by the lower median of its replicas, so that slow workers up to
/// half of them leave it alone; a worker by its time over its stage's. Where the workload is known to be unequal, what all stages of a replica share is put
/// down to it; without that evidence, to the workers.
/// </remarks>
internal sealed class PassTimes
{
    /// <summary>The smallest slowdown that anybody is accused of.</summary>
    public const double RatioMin = 1.10;

    private static readonly OperationType[] Passes = [OperationType.ForwardCompute, OperationType.BackwardCompute];

    private readonly int _stages;
    private readonly int _replicas;

    // By pass type, then replica · stages + stage: mean time; by pass type, then stage: the stage's; by pass type: the usual.
    private readonly double[][] _workerNs;
    private readonly double[][] _stageNs;
    private readonly double[] _usualNs;
    private readonly double[] _workerRatio;
    private readonly double[] _stageRatio;
    private readonly double[] _replicaRatio;
    private readonly double[] _secondsPerMicroBatch;

    public PassTimes(TraceReplays replays, bool isWorkloadUnequal)
    {
        AlignedTrace trace = replays.Trace;
        _stages = trace.Stages.Length;
        _replicas = trace.Replicas.Length;
        int[,] counts = new int[Passes.Length, _stages];
        _workerNs = [.. Passes.Select((type, pass) => MeansOf(replays, type, pass, counts))];
        _stageNs = [.. _workerNs.Select(StageMedians)];
        _usualNs = [.. _stageNs.Select((ns, pass) => UsualOf(ns, pass, counts))];
        _secondsPerMicroBatch = new double[_replicas];

        double[] stageTotals = new double[_stages];
        double[] workerTotals = new double[_replicas * _stages];
        for (int stage = 0; stage < _stages; stage++)
        {
            for (int pass = 0; pass < Passes.Length; pass++)
            {
                stageTotals[stage] += counts[pass, stage] * _stageNs[pass][stage];
                for (int replica = 0; replica < _replicas; replica++)
                {
                    workerTotals[WorkerOf(replica, stage)] += counts[pass, stage] * _workerNs[pass][WorkerOf(replica, stage)];
                }
            }
        }

        int chunks = 1 + Math.Max(0, trace.ChunkOf.Max());
        MicroBatches = Math.Max(counts.Cast<int>().Max() / chunks, 1);
        FillMicroBatches = (_stages - 1.0) / chunks;
        for (int replica = 0; replica < _replicas; replica++)
        {
            _secondsPerMicroBatch[replica] = OrderStatistics.LargestOf(workerTotals.AsSpan(replica * _stages, _stages)) / MicroBatches / 1e9;
        }

        _stageRatio = [.. stageTotals.Select((total, stage) => Ratio(total, OthersMedian(stageTotals, stage)))];
        _workerRatio = [.. workerTotals.Select((total, worker) => Ratio(total, stageTotals[worker % _stages]))];
        _replicaRatio = new double[_replicas];
        Array.Fill(_replicaRatio, 1);
        if (isWorkloadUnequal && _stages > 1)
        {
            ShareOutWorkload();
        }
    }

    /// <summary>Micro-batches of a replica's step.</summary>
    public int MicroBatches { get; }

    /// <summary>What filling and emptying the pipeline costs a step, in micro-batches: (stages − 1)/chunks.</summary>
    public double FillMicroBatches { get; }

    /// <summary>By replica: compute time of its slowest stage for one micro-batch, s.</summary>
    public ReadOnlySpan<double> SecondsPerMicroBatch => _secondsPerMicroBatch;

    public bool AnyWorkerIsSlow => _replicas > 1 && Enumerable.Range(0, _workerRatio.Length).Any(IsSlow);

    public bool AnyStageIsHeavy => _stages > 1 && Enumerable.Range(0, _stages).Any(IsHeavy);

    public int WorkerOf(int replica, int stage) => (replica * _stages) + stage;

    /// <summary>The worker's compute time over its stage's, without what is put down to the workload.</summary>
    public double RatioOf(int worker) => _workerRatio[worker];

    /// <summary>The stage's compute time over the lower median of the others'.</summary>
    public double StageRatioOf(int stage) => _stageRatio[stage];

    public bool IsSlow(int worker) => _workerRatio[worker] >= RatioMin;

    public bool IsHeavy(int stage) => _stageRatio[stage] >= RatioMin;

    /// <summary>What a pass of that kind usually takes, ns: the mean of the stages.</summary>
    public double UsualNs(OperationType type) => _usualNs[PassOf(type)];

    /// <summary>How much longer than usual the stage's passes of that kind take.</summary>
    public double StageFactor(OperationType type, int stage) => Ratio(_stageNs[PassOf(type)][stage], _usualNs[PassOf(type)]);

    /// <summary>How much longer than its stage's the passes of a slow worker take; 1 for one that isn't.</summary>
    public double WorkerFactor(OperationType type, int replica, int stage)
    {
        int worker = WorkerOf(replica, stage);
        return IsSlow(worker) ? Ratio(_workerNs[PassOf(type)][worker], _stageNs[PassOf(type)][stage]) / _replicaRatio[replica] : 1;
    }

    private static int PassOf(OperationType type) => type == OperationType.ForwardCompute ? 0 : 1;

    private static double Ratio(double time, double over) => time > 0 && over > 0 ? time / over : 1;

    private static double OthersMedian(double[] totals, int stage)
    {
        double[] others = [.. totals.Where((_, other) => other != stage)];
        return others.Length == 0 ? totals[stage] : OrderStatistics.LowerMedian(others);
    }

    private static double UsualOf(double[] stageNs, int pass, int[,] counts)
    {
        double sum = 0;
        int count = 0;
        for (int stage = 0; stage < stageNs.Length; stage++)
        {
            sum += counts[pass, stage] * stageNs[stage];
            count += counts[pass, stage];
        }

        return count == 0 ? 0 : sum / count;
    }

    private double[] MeansOf(TraceReplays replays, OperationType type, int pass, int[,] counts)
    {
        double[] sums = new double[_replicas * _stages];
        foreach (int operation in replays.Operations(candidate => candidate == type))
        {
            int stage = replays.Trace.StageOf[operation];
            counts[pass, stage]++;
            for (int replica = 0; replica < _replicas; replica++)
            {
                foreach (long ns in replays.OwnOf(operation, replica))
                {
                    sums[WorkerOf(replica, stage)] += ns;
                }
            }
        }

        for (int worker = 0; worker < sums.Length; worker++)
        {
            sums[worker] /= Math.Max(1, counts[pass, worker % _stages]) * (double)replays.Trace.Steps.Length;
        }

        return sums;
    }

    private double[] StageMedians(double[] workerNs)
    {
        double[] medians = new double[_stages];
        double[] ofStage = new double[_replicas];
        for (int stage = 0; stage < _stages; stage++)
        {
            for (int replica = 0; replica < _replicas; replica++)
            {
                ofStage[replica] = workerNs[WorkerOf(replica, stage)];
            }

            medians[stage] = OrderStatistics.LowerMedian(ofStage);
        }

        return medians;
    }

    private void ShareOutWorkload()
    {
        double[] ofReplica = new double[_stages];
        for (int replica = 0; replica < _replicas; replica++)
        {
            _workerRatio.AsSpan(replica * _stages, _stages).CopyTo(ofReplica);
            _replicaRatio[replica] = Math.Max(1, OrderStatistics.LowerMedian(ofReplica));
            for (int stage = 0; stage < _stages; stage++)
            {
                _workerRatio[WorkerOf(replica, stage)] /= _replicaRatio[replica];
            }
        }
    }
}
