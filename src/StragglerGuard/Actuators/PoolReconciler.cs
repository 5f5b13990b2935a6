using StragglerGuard.Core;

namespace StragglerGuard.Actuators;

/// <summary>
/// Brings the nodes into the state that the ledger wants: reads what is, does the least that is missing, reads back, tries again what
/// failed. What could not be done within its rounds is reported and stays due for the next call, since the ledger still wants it.
/// </summary>
/// <remarks>
/// It holds no state: calling it again, after a crash or from a second guardian at the same time, changes nothing more. It touches no node
/// that it wasn't given, and none that someone else took out of service.
/// </remarks>
public sealed class PoolReconciler
{
    private readonly IPoolActuator _actuator;
    private readonly ReconcilerOptions _options;
    private readonly TimeProvider _time;
    private readonly Action<ActuationAttempt>? _attempted;

    /// <summary>Makes a reconciler over an actuator.</summary>
    /// <param name="actuator">Who acts.</param>
    /// <param name="options">How persistent it is; null: the defaults.</param>
    /// <param name="time">What its waits run on; null: the system's.</param>
    /// <param name="attempted">Called after everything that was tried, on the caller's flow, so that failures show before the last round; null: nobody.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public PoolReconciler(
        IPoolActuator actuator, ReconcilerOptions? options = null, TimeProvider? time = null, Action<ActuationAttempt>? attempted = null)
    {
        ArgumentNullException.ThrowIfNull(actuator);
        _options = options ?? new ReconcilerOptions();
        _options.ThrowIfInvalid();
        _actuator = actuator;
        _time = time ?? TimeProvider.System;
        _attempted = attempted;
    }

    /// <summary>Brings nodes into their desired state.</summary>
    /// <param name="desired">Node by node; a node that isn't in it is not touched.</param>
    /// <param name="cancellationToken">Gives up between two actions or during one; what is missing is still due.</param>
    /// <returns>What was tried and how each node stands.</returns>
    /// <exception cref="ArgumentException">An action key is malformed, a node or a pool has no name.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async ValueTask<ReconcileReport> ReconcileAsync(
        IReadOnlyDictionary<NodeId, DesiredNode> desired, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(desired);
        NodeId[] nodes = [.. desired.Keys.OrderBy(node => node.Value, StringComparer.Ordinal)];
        foreach (var node in nodes)
        {
            Check(node, desired[node]);
        }

        return await new Reconciliation(_actuator, _options, _time, _attempted, nodes, desired).RunAsync(cancellationToken).ConfigureAwait(false);
    }

    private static void Check(NodeId node, DesiredNode desired)
    {
        ArgumentException.ThrowIfNullOrEmpty(node.Value, nameof(desired));
        ArgumentNullException.ThrowIfNull(desired);
        DrainMark.ThrowIfNoKey(desired.ActionKey);
        if (desired is DesiredNode.Serve { Pool: "" })
        {
            throw new ArgumentException($"The pool of {node} has no name; null stands for any.", nameof(desired));
        }
    }
}
