using System.Collections.Concurrent;
using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Agent;

/// <summary>A fabric whose reports are kept and whose plans come when the test says so.</summary>
internal sealed class HandDelivery : IAgentFabric
{
    private readonly ConcurrentQueue<NodeReport> _reports = new();
    private Action<OfferedPlan>? _onOffer;

    /// <summary>How many guardians the agent has met.</summary>
    public long GuardiansMet { get; set; }

    public IReadOnlyList<NodeReport> Reports => [.. _reports];

    public IAgentPort OpenAgent(NodeId node, Action<OfferedPlan> onOffer)
    {
        _onOffer = onOffer;
        return new Port(this);
    }

    /// <summary>The plan is on the control pages of the agent's ranks when this returns.</summary>
    public void Deliver(OfferedPlan offer) => _onOffer!(offer);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private sealed class Port(HandDelivery fabric) : IAgentPort
    {
        public long ReportsDropped => 0;

        public long GuardiansMet => fabric.GuardiansMet;

        public void Report(NodeReport report) => fabric._reports.Enqueue(report);

        public ValueTask<bool> FlushAsync(TimeSpan timeout) => ValueTask.FromResult(true);

        public void Dispose()
        {
        }
    }
}
