using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Agent;

/// <summary>A job whose ranks are threads with fake work and real collectives; each rank is a node with an agent of its own.</summary>
internal sealed class GuardedRanks : IDisposable
{
    public const int MicroBatches = 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public GuardedRanks(int worldSize, int ringSlots = 4096, int generation = 0)
    {
        // An interval that is never over: agents drain when a rank leaves, or when they are disposed.
        var options = new AgentSection { IntervalMs = 60_000, RingSlots = ringSlots };
        Group = InProcessGroup.Create(worldSize);
        Fabrics = [.. Enumerable.Range(0, worldSize).Select(_ => new HandDelivery())];
        Agents = [.. Fabrics.Select((fabric, rank) => new NodeAgent(fabric, new NodeId($"node-{rank}"), options))];
        Devices = [.. Group.Transports.Select(_ => new CpuDevice())];
        Communicators = [.. Group.Transports.Select((transport, rank) => new Communicator(transport, Devices[rank]))];
        Guards = [.. Agents.Select((agent, rank) => agent.Join(
            Enrollment(rank, worldSize) with { Generation = new Generation(generation) }, Communicators[rank]))];
    }

    public InProcessGroup Group { get; }

    public IReadOnlyList<HandDelivery> Fabrics { get; }

    public IReadOnlyList<NodeAgent> Agents { get; }

    public IReadOnlyList<CpuDevice> Devices { get; }

    public IReadOnlyList<Communicator> Communicators { get; }

    public IReadOnlyList<RankGuard> Guards { get; }

    public int WorldSize => Guards.Count;

    public static RankEnrollment Enrollment(int rank, int worldSize) => new(
        new JobId("job"), new Generation(0), new Rank(rank), worldSize, new WorkerId(new NodeId($"node-{rank}"), $"GPU-{rank}"),
        new DeviceClass("H100"), Stage: 0, MicroBatches, MicroBatchesMin: 0, MicroBatchesMax: MicroBatches);

    /// <summary>Weight of a rank in a step: small integers, so that sums are exact.</summary>
    public static double Weight(int rank, long step) => 1 + (rank * 7) + (step % 5);

    /// <summary>Takes steps on every rank.</summary>
    /// <param name="steps">How many.</param>
    /// <param name="beforeStep">Called on each rank's thread before it begins a step.</param>
    /// <returns>Per rank, per step: what the rank was dealt, and the total weight.</returns>
    public IReadOnlyList<IReadOnlyList<Taken>> Run(int steps, Action<int, int>? beforeStep = null)
    {
        var taken = Enumerable.Range(0, WorldSize).Select(_ => new List<Taken>(steps)).ToArray();
        RunThreads(rank =>
        {
            for (int step = 0; step < steps; step++)
            {
                beforeStep?.Invoke(rank, step);
                MicroBatchRange work = Guards[rank].BeginStep();
                PlanEpoch epoch = Guards[rank].Plan.Epoch;
                taken[rank].Add(new Taken(work, epoch, Guards[rank].Vote(Weight(rank, work.Step))));
            }
        });
        return taken;
    }

    /// <summary>Runs one thread a rank; a rank that fails ends the group, and its failure is thrown.</summary>
    public void RunThreads(Action<int> body)
    {
        var failures = new Exception?[WorldSize];
        var threads = Enumerable.Range(0, WorldSize).Select(rank => new Thread(() =>
        {
            try
            {
                body(rank);
            }
            catch (Exception e)
            {
                failures[rank] = e;
                Group.Transports[rank].Abort(e.Message);
            }
        })
        { IsBackground = true }).ToArray();
        Array.ForEach(threads, thread => thread.Start());
        threads.Select((thread, rank) => thread.Join(Patience) ? -1 : rank).Where(rank => rank >= 0)
            .Should().BeEmpty("these ranks should have come back");
        var first = failures.FirstOrDefault(e => e is not null and not CollectiveException) ?? failures.FirstOrDefault(e => e is not null);
        if (first is not null)
        {
            throw new InvalidOperationException($"A rank failed: {first.Message}", first);
        }
    }

    public void Dispose()
    {
        foreach (var part in Guards.Concat<IDisposable>(Agents).Concat(Communicators).Concat(Devices).Concat(Group.Transports))
        {
            part.Dispose();
        }
    }

    internal sealed record Taken(MicroBatchRange Work, PlanEpoch Epoch, double TotalWeight);
}
