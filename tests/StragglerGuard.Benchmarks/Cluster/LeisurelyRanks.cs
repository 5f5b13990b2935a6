using System.Diagnostics;
using StragglerGuard.Agent;
using StragglerGuard.Benchmarks.Workloads;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>
/// A node's ranks with a step a second and nothing to compute in it: rings, ballots and guards are the product's, so that all that their process
/// takes is the guard's.
/// </summary>
internal sealed class LeisurelyRanks : IDisposable
{
    private const int StepsPerSecond = 1;

    private readonly InProcessGroup _group;
    private readonly CpuDevice _device = new();
    private readonly Communicator[] _communicators;
    private readonly RankGuard[] _guards;
    private readonly Thread[] _threads;
    private readonly ManualResetEventSlim _over = new();

    /// <summary>Starts them.</summary>
    /// <param name="agent">Of their node.</param>
    /// <param name="node">Which.</param>
    /// <param name="ranks">How many, 1 or more: a job of their own.</param>
    public LeisurelyRanks(NodeAgent agent, NodeId node, int ranks)
    {
        _group = InProcessGroup.Create(ranks);
        _communicators = [.. _group.Transports.Select(transport => new Communicator(transport, _device))];
        _guards = [.. _communicators.Select(communicator => agent.Join(
            RankEnrollment.DataParallel(ReportingFleet.JobOf(0), node, new DeviceClass("H100"), communicator, ranks), communicator))];
        _threads = [.. Enumerable.Range(0, ranks).Select(rank => new Thread(() => Live(rank)) { Name = $"rank-{rank}", IsBackground = true })];
        Array.ForEach(_threads, thread => thread.Start());
    }

    /// <summary>The step that runs.</summary>
    public long Step => _guards[0].NextStep;

    /// <inheritdoc/>
    public void Dispose()
    {
        _over.Set();
        Array.ForEach(_threads, thread => thread.Join());
        Array.ForEach(_guards, guard => guard.Dispose());
        Array.ForEach(_communicators, communicator => communicator.Dispose());
        _device.Dispose();
        _over.Dispose();
    }

    private void Live(int rank)
    {
        RankGuard guard = _guards[rank];
        var clock = Stopwatch.StartNew();
        double weight;
        do
        {
            MicroBatchRange work = guard.BeginStep();
            double leftSeconds = ((double)(work.Step + 1) / StepsPerSecond) - clock.Elapsed.TotalSeconds;

            // One that takes no part tells the others that the job is over: all end after the same step.
            weight = guard.Vote(_over.Wait(TimeSpan.FromSeconds(Math.Max(0, leftSeconds))) ? 0 : work.Count);
        }
        while (weight == _guards.Length);
        guard.Complete();
    }
}
