using StragglerGuard.Core;
using StragglerGuard.Ledger;

namespace StragglerGuard.Actuators;

/// <summary>How a node stands after a reconciliation.</summary>
public enum ReconcileState
{
    /// <summary>As the ledger wants it.</summary>
    Settled = 0,

    /// <summary>Not yet as the ledger wants it: due at the next reconciliation.</summary>
    Due = 1,

    /// <summary>Someone else took the node out of service: it was left alone, and stays due until they take it back.</summary>
    HeldByOthers = 2,
}

/// <summary>How one node stands, and why.</summary>
/// <param name="Node">Which.</param>
/// <param name="Desired">What the ledger wants.</param>
/// <param name="State">How it stands.</param>
/// <param name="Reason">For people.</param>
public sealed record NodeStanding(NodeId Node, DesiredNode Desired, ReconcileState State, string Reason);

/// <summary>One action that was tried.</summary>
/// <param name="Round">0-based: how often all was looked at before.</param>
/// <param name="Node">Which node; empty where the reading of all of them failed.</param>
/// <param name="Kind">What was tried; null for the reading.</param>
/// <param name="ActionKey">The key it bore; empty for the reading.</param>
/// <param name="Pool">Where to, for a move.</param>
/// <param name="Outcome">How it went.</param>
public sealed record ActuationAttempt(int Round, NodeId Node, ActuationKind? Kind, string ActionKey, string? Pool, ActuationOutcome Outcome);

/// <summary>What a reconciliation did and where it left the nodes.</summary>
/// <param name="Nodes">One for each node of the desired state, ordered by name.</param>
/// <param name="Attempts">Everything that was tried, in order, failures included.</param>
public sealed record ReconcileReport(IReadOnlyList<NodeStanding> Nodes, IReadOnlyList<ActuationAttempt> Attempts)
{
    /// <summary>Whether every node is as the ledger wants it.</summary>
    public bool IsSettled => Nodes.All(node => node.State == ReconcileState.Settled);
}
