using StragglerGuard.Core;

namespace StragglerGuard.Actuators;

/// <summary>What an actuator knows of a node's service.</summary>
public enum NodeReading
{
    /// <summary>The actuator knows no such node.</summary>
    Absent = 0,

    /// <summary>It takes orders for the node but has no reading of it: it can't look, and nothing was acknowledged yet.</summary>
    Unread = 1,

    /// <summary>In service.</summary>
    Serving = 2,

    /// <summary>Out of service: no new work is placed on it, whoever took it out, or because it is down.</summary>
    Drained = 3,
}

/// <summary>The present state of one node.</summary>
/// <param name="Node">Which.</param>
/// <param name="Reading">Whether it serves.</param>
/// <param name="Reason">Why it is out of service, in the words of whoever took it out; empty where none is known.</param>
/// <param name="Pools">The pools it is in: usually one, none or two while it is moved.</param>
public sealed record NodeObservation(NodeId Node, NodeReading Reading, string Reason, IReadOnlyList<string> Pools)
{
    /// <summary>Whether StragglerGuard took it out of service: the reason bears its mark.</summary>
    public bool IsDrainedByUs => Reading == NodeReading.Drained && DrainMark.IsOurs(Reason);

    /// <summary>Whether someone else took it out of service, or it left by itself.</summary>
    public bool IsDrainedByOthers => Reading == NodeReading.Drained && !DrainMark.IsOurs(Reason);

    /// <summary>The key of the action that took it out of service; null where StragglerGuard didn't.</summary>
    public string? ActionKey => IsDrainedByUs && DrainMark.TryReadKey(Reason, out var key) ? key : null;

    internal static NodeObservation Absent(NodeId node) => new(node, NodeReading.Absent, "", []);

    internal bool IsOnlyIn(string pool) => Pools.Count == 1 && Pools[0] == pool;
}

/// <summary>The present state of several nodes, or why it isn't known.</summary>
/// <param name="Nodes">One for each node asked about, in their order; null where the reading failed.</param>
/// <param name="Failure">Why it failed and whether to try again; null where it didn't.</param>
public sealed record FleetObservation(IReadOnlyList<NodeObservation>? Nodes, ActuationOutcome? Failure)
{
    internal static FleetObservation Of(IReadOnlyList<NodeObservation> nodes) => new(nodes, null);

    internal static FleetObservation Failed(ActuationOutcome failure) => new(null, failure);
}
