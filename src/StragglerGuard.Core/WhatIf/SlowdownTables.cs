namespace StragglerGuard.Core.WhatIf;

/// <summary>The paper's figures for one trace: S, S_t, S_w, M_W and M_S, by everything they are asked by.</summary>
internal sealed class SlowdownTables
{
    /// <summary>How many times an operation of a lane may be replayed for <see cref="WorkerSlowdown.GainIfIdeal"/>: a fraction of a second.</summary>
    private const long GainReplaysMax = 200_000_000;

    /// <summary>The workers that M_W turns ideal, per cent of all, rounded up.</summary>
    private const int SlowWorkersPercent = 3;

    private readonly TraceReplays _replays;
    private readonly double[] _byReplica;
    private readonly double[] _byStage;

    public SlowdownTables(TraceReplays replays)
    {
        _replays = replays;
        IdealNs = replays.Keeping((_, _) => false);
        TotalNs = replays.Keeping((_, _) => true);
        Steps = [.. Trace.Steps.Select((step, i) => new StepSlowdown(step, replays.StepNs[i] / 1e9, replays.StepNs[i] / IdealNs))];
        _byReplica = replays.KeepingOneReplica(_ => true);
        _byStage = new double[Trace.Stages.Length];
        for (int stage = 0; stage < _byStage.Length; stage++)
        {
            _byStage[stage] = replays.Keeping((operation, _) => Trace.StageOf[operation] == stage);
        }

        ByReplica = [.. Trace.Replicas.Select((replica, i) => new ReplicaSlowdown(replica, _byReplica[i] / IdealNs))];
        ByStage = [.. Trace.Stages.Select((stage, i) => new StageSlowdown(stage, _byStage[i] / IdealNs))];
        ByOperation = OperationSlowdowns();
        int last = _byStage.Length - 1;
        LastStageShare = ShareWonWithout((operation, _) => Trace.StageOf[operation] == last);
        HashSet<int> slowest = SlowestWorkers();
        SlowWorkerShare = ShareWonWithout((operation, replica) => slowest.Contains(WorkerOf(operation, replica)));
    }

    public double IdealNs { get; }

    public double TotalNs { get; }

    public double? SlowWorkerShare { get; }

    public double? LastStageShare { get; }

    public IReadOnlyList<OperationSlowdown> ByOperation { get; }

    public IReadOnlyList<ReplicaSlowdown> ByReplica { get; }

    public IReadOnlyList<StageSlowdown> ByStage { get; }

    public IReadOnlyList<StepSlowdown> Steps { get; }

    private AlignedTrace Trace => _replays.Trace;

    public IReadOnlyList<WorkerSlowdown> Workers(PassTimes passes)
    {
        int stages = Trace.Stages.Length;
        int steps = Trace.Steps.Length;
        double[] means = new double[Trace.WorkerCount];
        double[][] bySteps = new double[Trace.WorkerCount][];
        for (int stage = 0; stage < stages; stage++)
        {
            double[] ofReplica = _replays.KeepingOneReplica(operation => Trace.StageOf[operation] == stage);
            for (int replica = 0; replica < ofReplica.Length; replica++)
            {
                int worker = (replica * stages) + stage;
                means[worker] = ofReplica[replica];
                bySteps[worker] = new double[steps];
                for (int step = 0; step < steps; step++)
                {
                    bySteps[worker][step] = _replays.OneReplicaStepNs[(replica * steps) + step] / IdealNs;
                }
            }
        }

        double?[] gains = GainsIfIdeal(means);
        return
        [
            .. means.Select((ns, worker) => new WorkerSlowdown(
                Trace.Replicas[worker / stages],
                Trace.Stages[worker % stages],
                Trace.Ranks[worker],
                ns / IdealNs,
                gains[worker],
                passes.RatioOf(worker),
                bySteps[worker])),
        ];
    }

    private int WorkerOf(int operation, int replica) => (replica * Trace.Stages.Length) + Trace.StageOf[operation];

    private double?[] GainsIfIdeal(double[] slowdownsNs)
    {
        double?[] gains = new double?[slowdownsNs.Length];
        long operations = (long)Trace.OperationCount * Trace.Lanes;
        int affordable = (int)Math.Clamp(GainReplaysMax / operations, 1, gains.Length);
        int[] slowestFirst = [.. Enumerable.Range(0, gains.Length).OrderByDescending(worker => slowdownsNs[worker])];
        foreach (int worker in slowestFirst.AsSpan(0, affordable))
        {
            gains[worker] = TotalNs / _replays.Keeping((operation, replica) => WorkerOf(operation, replica) != worker);
        }

        return gains;
    }

    private IReadOnlyList<OperationSlowdown> OperationSlowdowns()
    {
        string[] headings = [.. Trace.TypeOf.Select(OperationTypes.HeadingOf)];
        return
        [
            .. headings.Distinct()
                .Select(heading => new OperationSlowdown(heading, _replays.Keeping((operation, _) => headings[operation] == heading) / IdealNs))
                .OrderByDescending(row => row.Slowdown)
                .ThenBy(row => row.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>M of a set of operations: (T − T without their slowness)/(T − T_ideal).</summary>
    private double? ShareWonWithout(TraceReplays.KeepsOwn isIdeal) => TotalNs > IdealNs
        ? (TotalNs - _replays.Keeping((operation, replica) => !isIdeal(operation, replica))) / (TotalNs - IdealNs)
        : null;

    private HashSet<int> SlowestWorkers()
    {
        int count = ((Trace.WorkerCount * SlowWorkersPercent) + 99) / 100;
        int stages = Trace.Stages.Length;
        return
        [
            .. Enumerable.Range(0, Trace.WorkerCount)
                .OrderByDescending(worker => Math.Min(_byReplica[worker / stages], _byStage[worker % stages]))
                .ThenBy(worker => Trace.Ranks[worker])
                .ThenBy(worker => worker)
                .Take(count),
        ];
    }
}
