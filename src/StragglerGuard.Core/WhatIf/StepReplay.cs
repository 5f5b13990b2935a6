namespace StragglerGuard.Core.WhatIf;

/// <summary>Replays the dependencies of a step over many lanes at once, for durations of the caller's choosing.</summary>
/// <remarks>
/// The order of evaluation is worked out once; a replay is one pass over flat arrays: start = the latest end of all that the members of a node wait for,
/// end = start + the member's own time. Lanes come in blocks that wait for each other where a node waits for replicas. A replay allocates nothing.
/// </remarks>
internal sealed class StepReplay
{
    private readonly DependencyGraph _graph;
    private readonly int[] _lastOperations;
    private readonly long[] _endNs;
    private readonly long[] _launchNs;
    private readonly int _lanes;
    private readonly int _blockLength;

    /// <summary>Prepares replays.</summary>
    /// <param name="graph">What waits for what.</param>
    /// <param name="lastOperations">The operations that end the step, 1 or more.</param>
    /// <param name="blocks">Blocks of lanes, 1 or more: lane i of all blocks is one step of one job.</param>
    /// <param name="blockLength">Lanes in a block, 1 or more.</param>
    public StepReplay(DependencyGraph graph, int[] lastOperations, int blocks, int blockLength)
    {
        _graph = graph;
        _lastOperations = lastOperations;
        _blockLength = blockLength;
        _lanes = blocks * blockLength;
        _endNs = new long[graph.Members.Length * _lanes];
        _launchNs = new long[_lanes];
        DurationsNs = new long[_endNs.Length];
        StepNs = new long[blockLength];
    }

    /// <summary>By operation · lanes + lane: what the next replay runs with. The caller's to fill.</summary>
    public long[] DurationsNs { get; }

    /// <summary>By lane of a block: how long the step took in the last replay.</summary>
    public long[] StepNs { get; }

    /// <summary>The durations of one operation in one block.</summary>
    public Span<long> DurationsOf(int operation, int block) =>
        DurationsNs.AsSpan((operation * _lanes) + (block * _blockLength), _blockLength);

    /// <summary>Replays the step.</summary>
    /// <returns>The mean of <see cref="StepNs"/>.</returns>
    public double Run()
    {
        for (int node = 0; node < _graph.NodeCount; node++)
        {
            Array.Clear(_launchNs);
            foreach (int before in _graph.DependenciesOf(node))
            {
                LaneRows.RaiseTo(_launchNs, _endNs.AsSpan(before * _lanes, _lanes));
            }

            if (_graph.WaitsForReplicas[node])
            {
                LaneRows.Level(_launchNs, _blockLength);
            }

            foreach (int member in _graph.MembersOf(node))
            {
                int row = member * _lanes;
                LaneRows.Add(_launchNs, DurationsNs.AsSpan(row, _lanes), _endNs.AsSpan(row, _lanes));
            }
        }

        return Finish();
    }

    private double Finish()
    {
        Array.Clear(StepNs);
        foreach (int operation in _lastOperations)
        {
            for (int lane = 0; lane < _lanes; lane += _blockLength)
            {
                LaneRows.RaiseTo(StepNs, _endNs.AsSpan((operation * _lanes) + lane, _blockLength));
            }
        }

        double sum = 0;
        foreach (long ns in StepNs)
        {
            sum += ns;
        }

        return sum / StepNs.Length;
    }
}
