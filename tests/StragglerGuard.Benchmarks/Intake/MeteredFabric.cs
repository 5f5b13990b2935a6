using System.Threading.Channels;
using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.Benchmarks.Intake;

/// <summary>The guardian's end of a fabric that one sender fills: the queue that the fabrics between processes have, and how full it is.</summary>
internal sealed class MeteredFabric : IGuardianFabric
{
    /// <summary>Reports that may wait for the guardian, as between processes.</summary>
    public const int Capacity = ReportQueue.GuardianCapacity;

    private readonly ReportQueue _reports = new(Capacity);

    /// <summary>Reports that wait now.</summary>
    public int Waiting => _reports.Reader.Count;

    /// <summary>Reports that gave way.</summary>
    public long Dropped => _reports.Dropped;

    /// <summary>Hands a report over; the oldest that waits may give way.</summary>
    public void Enqueue(NodeReport report) => _reports.Enqueue(report);

    /// <inheritdoc/>
    public IGuardianPort OpenGuardian() => new Port(_reports.Reader);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _reports.Complete();
        return ValueTask.CompletedTask;
    }

    private sealed class Port(ChannelReader<NodeReport> reports) : IGuardianPort
    {
        public ChannelReader<NodeReport> Reports => reports;

        public long ReportsDropped => 0;

        public bool IsLeader => true;

        public void Offer(OfferedPlan offer, IReadOnlySet<NodeId> nodes)
        {
        }

        public void Dispose()
        {
        }
    }
}
