using System.Collections.Immutable;
using System.Threading.Channels;
using StragglerGuard.Core;

namespace StragglerGuard.Fabric;

/// <summary>The fabric of a guard whose agents and guardian share one process.</summary>
public sealed class InProcessFabric : IFabric
{
    private readonly ReportQueue _reports;
    private ImmutableList<AgentPort> _agents = [];
    private int _guardians;
    private long _guardiansMet;

    /// <summary>Builds a fabric.</summary>
    /// <param name="reportsPending">Reports that may wait for the guardian, 1 or more; the oldest gives way.</param>
    public InProcessFabric(int reportsPending = 1024)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(reportsPending, 1);
        _reports = new ReportQueue(reportsPending);
    }

    /// <inheritdoc/>
    public IAgentPort OpenAgent(NodeId node, Action<OfferedPlan> onOffer)
    {
        ArgumentNullException.ThrowIfNull(onOffer);
        var port = new AgentPort(this, node, onOffer);
        ImmutableInterlocked.Update(ref _agents, static (agents, added) => agents.Add(added), port);
        return port;
    }

    /// <inheritdoc/>
    public IGuardianPort OpenGuardian()
    {
        if (Interlocked.CompareExchange(ref _guardians, 1, 0) != 0)
        {
            throw new InvalidOperationException("this fabric serves a guardian already; a fabric has one");
        }

        Interlocked.Increment(ref _guardiansMet);
        return new GuardianPort(this);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _reports.Complete();
        return ValueTask.CompletedTask;
    }

    private sealed class AgentPort(InProcessFabric fabric, NodeId node, Action<OfferedPlan> onOffer) : IAgentPort
    {
        public NodeId Node => node;

        public long ReportsDropped => fabric._reports.Dropped;

        public long GuardiansMet => Interlocked.Read(ref fabric._guardiansMet);

        public void Report(NodeReport report) => fabric._reports.Enqueue(report);

        public void Deliver(OfferedPlan offer) => onOffer(offer);

        public ValueTask<bool> FlushAsync(TimeSpan timeout) => ValueTask.FromResult(true);

        public void Dispose() => ImmutableInterlocked.Update(ref fabric._agents, static (agents, gone) => agents.Remove(gone), this);
    }

    private sealed class GuardianPort(InProcessFabric fabric) : IGuardianPort
    {
        private int _disposed;

        public ChannelReader<NodeReport> Reports => fabric._reports.Reader;

        public long ReportsDropped => fabric._reports.Dropped;

        public bool IsLeader => true;

        public void Offer(OfferedPlan offer, IReadOnlySet<NodeId> nodes)
        {
            ArgumentNullException.ThrowIfNull(nodes);
            foreach (AgentPort agent in fabric._agents)
            {
                if (nodes.Contains(agent.Node))
                {
                    agent.Deliver(offer);
                }
            }
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
