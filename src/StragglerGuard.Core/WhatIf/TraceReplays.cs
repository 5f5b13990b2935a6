namespace StragglerGuard.Core.WhatIf;

/// <summary>Replays one trace under the questions that the what-if asks.</summary>
/// <remarks>
/// One replica's operations kept and all others ideal: all other replicas then run alike, so one of them stands for all. That replays every replica's
/// question in one pass of twice the lanes, and S_w for all workers in as many passes as there are stages, exactly.
/// </remarks>
internal sealed class TraceReplays
{
    private readonly StepReplay _job;
    private readonly StepReplay _oneReplica;

    public TraceReplays(AlignedTrace trace, DependencyGraph graph)
    {
        Trace = trace;
        Own = OwnTimes.Of(trace, graph);
        int[] last = [.. Operations(type => type == OperationType.Optimizer)];
        last = last.Length > 0 ? last : [.. Operations(_ => true)];
        _job = new StepReplay(graph, last, trace.Replicas.Length, trace.Steps.Length);
        _oneReplica = new StepReplay(graph, last, trace.Replicas.Length > 1 ? 2 : 1, trace.Lanes);
    }

    /// <summary>Tells whether an operation, in the replica of that index, keeps its own time.</summary>
    public delegate bool KeepsOwn(int operation, int replica);

    /// <summary>Writes what an operation takes in one replica, a time a step.</summary>
    public delegate void WriteDurations(int operation, int replica, ReadOnlySpan<long> ownNs, Span<long> durationsNs);

    public AlignedTrace Trace { get; }

    public OwnTimes Own { get; }

    /// <summary>By step: what the last replay of the whole job took.</summary>
    public ReadOnlySpan<long> StepNs => _job.StepNs;

    /// <summary>By replica · steps + step: what the last replay of one replica at a time took.</summary>
    public ReadOnlySpan<long> OneReplicaStepNs => _oneReplica.StepNs;

    public IEnumerable<int> Operations(Func<OperationType, bool> isWanted) =>
        Enumerable.Range(0, Trace.OperationCount).Where(operation => isWanted(Trace.TypeOf[operation]));

    /// <summary>An operation's own times in one replica, by step.</summary>
    public ReadOnlySpan<long> OwnOf(int operation, int replica) =>
        Own.OwnNs.AsSpan((operation * Trace.Lanes) + (replica * Trace.Steps.Length), Trace.Steps.Length);

    /// <summary>The mean step time, ns, where some operations keep their own time and the rest are ideal.</summary>
    public double Keeping(KeepsOwn keeps) => With((operation, replica, ownNs, durationsNs) =>
    {
        if (keeps(operation, replica))
        {
            ownNs.CopyTo(durationsNs);
        }
        else
        {
            durationsNs.Fill(Own.IdealNs[operation]);
        }
    });

    /// <summary>The mean step time, ns, with durations of the caller's making.</summary>
    public double With(WriteDurations write)
    {
        for (int operation = 0; operation < Trace.OperationCount; operation++)
        {
            for (int replica = 0; replica < Trace.Replicas.Length; replica++)
            {
                write(operation, replica, OwnOf(operation, replica), _job.DurationsOf(operation, replica));
            }
        }

        return _job.Run();
    }

    /// <summary>
    /// By replica: the mean step time, ns, where in that replica alone some operations keep their own time and all the rest of the job is ideal.
    /// </summary>
    public double[] KeepingOneReplica(Func<int, bool> keeps)
    {
        for (int operation = 0; operation < Trace.OperationCount; operation++)
        {
            Span<long> kept = _oneReplica.DurationsOf(operation, 0);
            if (keeps(operation))
            {
                Own.OwnNs.AsSpan(operation * Trace.Lanes, Trace.Lanes).CopyTo(kept);
            }
            else
            {
                kept.Fill(Own.IdealNs[operation]);
            }

            if (Trace.Replicas.Length > 1)
            {
                _oneReplica.DurationsOf(operation, 1).Fill(Own.IdealNs[operation]);
            }
        }

        _oneReplica.Run();
        double[] means = new double[Trace.Replicas.Length];
        for (int replica = 0; replica < means.Length; replica++)
        {
            double sum = 0;
            foreach (long ns in OneReplicaStepNs.Slice(replica * Trace.Steps.Length, Trace.Steps.Length))
            {
                sum += ns;
            }

            means[replica] = sum / Trace.Steps.Length;
        }

        return means;
    }
}
