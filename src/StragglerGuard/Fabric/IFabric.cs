using System.Threading.Channels;
using StragglerGuard.Core;

namespace StragglerGuard.Fabric;

/// <summary>
/// What carries reports up to the one guardian and plans down to the agents of the nodes that they are for. Delivery is at most once and may lose, delay or repeat:
/// reports carry counters, offers are repeated until they are seen in force, and both are idempotent.
/// </summary>
public interface IFabric : IAgentFabric, IGuardianFabric
{
}

/// <summary>The agents' half of an <see cref="IFabric"/>.</summary>
public interface IAgentFabric : IAsyncDisposable
{
    /// <summary>Opens the way of one node's agent.</summary>
    /// <param name="node">The node that reports.</param>
    /// <param name="onOffer">Called on a thread of the fabric for every plan that comes down; must be quick and not throw.</param>
    IAgentPort OpenAgent(NodeId node, Action<OfferedPlan> onOffer);
}

/// <summary>The guardian's half of an <see cref="IFabric"/>.</summary>
public interface IGuardianFabric : IAsyncDisposable
{
    /// <summary>Opens the way of the one guardian.</summary>
    /// <exception cref="InvalidOperationException">A guardian is served here already.</exception>
    IGuardianPort OpenGuardian();
}

/// <summary>One agent's way to the guardian.</summary>
public interface IAgentPort : IDisposable
{
    /// <summary>Hands a report over without waiting. Where the way is jammed the oldest report gives way to the newest, counted.</summary>
    void Report(NodeReport report);

    /// <summary>Reports that gave way so far, or that were too large to send.</summary>
    long ReportsDropped { get; }

    /// <summary>
    /// Rises whenever another guardian may be the one that hears this agent: what is handed over after that reaches it, and it knows nothing of what the
    /// one before was told.
    /// </summary>
    long GuardiansMet { get; }

    /// <summary>Waits until everything that was handed over has left this process, or the time is over.</summary>
    /// <returns>Whether it has.</returns>
    ValueTask<bool> FlushAsync(TimeSpan timeout);
}

/// <summary>The guardian's way to the agents.</summary>
public interface IGuardianPort : IDisposable
{
    /// <summary>Reports in the order in which they arrived; completes when the fabric closes.</summary>
    ChannelReader<NodeReport> Reports { get; }

    /// <summary>Whether this guardian is the one that may decide. Always true in process.</summary>
    bool IsLeader { get; }

    /// <summary>Reports that came, and gave way to newer ones because the guardian was behind.</summary>
    long ReportsDropped { get; }

    /// <summary>
    /// Sends a plan to every agent of some nodes that is connected now, without waiting; to all agents of each, where a node has several. An agent
    /// of another node may get it, too, and ignores it.
    /// </summary>
    /// <param name="offer">The plan.</param>
    /// <param name="nodes">Whose agents are to have it; never changed once it is given. A name that no agent has is none.</param>
    void Offer(OfferedPlan offer, IReadOnlySet<NodeId> nodes);
}
