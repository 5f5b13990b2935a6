using System.Threading.Channels;
using Akka.Actor;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>The guardian's half of the fabric: filled by <see cref="GuardianActor"/>, emptied by the guardian's own thread.</summary>
/// <param name="coordinator">Who hands plans to the agents.</param>
internal sealed class AkkaGuardianFabric(IActorRef coordinator) : IGuardianFabric
{
    private readonly IActorRef _coordinator = coordinator;
    private readonly ReportQueue _reports = new(ReportQueue.GuardianCapacity);
    private int _guardians;
    private volatile bool _isLeader = true;

    /// <summary>Reports that came and gave way to newer ones, because the guardian was behind.</summary>
    public long ReportsDropped => _reports.Dropped;

    /// <summary>Takes a report in, without waiting.</summary>
    public void Take(NodeReport report) => _reports.Enqueue(report);

    /// <summary>From now on nothing is decided here any more.</summary>
    public void HandOver() => _isLeader = false;

    /// <inheritdoc/>
    public IGuardianPort OpenGuardian() => Interlocked.CompareExchange(ref _guardians, 1, 0) == 0
        ? new GuardianPort(this)
        : throw new InvalidOperationException("this fabric serves a guardian already; a fabric has one");

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        HandOver();
        _reports.Complete();
        return ValueTask.CompletedTask;
    }

    private sealed class GuardianPort(AkkaGuardianFabric fabric) : IGuardianPort
    {
        private int _disposed;

        public ChannelReader<NodeReport> Reports => fabric._reports.Reader;

        public long ReportsDropped => fabric.ReportsDropped;

        public bool IsLeader => fabric._isLeader;

        public void Offer(OfferedPlan offer, IReadOnlySet<NodeId> nodes)
        {
            ArgumentNullException.ThrowIfNull(nodes);
            fabric._coordinator.Tell(new CoordinatorActor.ToNodes(new PlanOffered(offer), nodes), ActorRefs.NoSender);
        }

        public void Dispose()
        {
            // The place may be another guardian's by the second call.
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                Interlocked.Exchange(ref fabric._guardians, 0);
            }
        }
    }
}
