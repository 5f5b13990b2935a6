using StragglerGuard.Core;

namespace StragglerGuard.Actuators;

/// <summary>
/// Takes nodes out of service, moves them between pools and takes them back, and says what it sees. What it is asked is the state to reach,
/// so that asking twice, or two guardians asking at once, changes nothing more.
/// </summary>
/// <remarks>
/// <para>A node is named as the actuator knows it: a machine for a scheduler or a webhook, a worker (<see cref="WorkerId.ToString"/>) within
/// a job. Each call carries an action key, from the sequence number of the ledger's entry that decided it: 1 to 64 letters, digits, dots,
/// underscores or dashes. The key goes with the action to whoever carries it out, and must be new for as long as they remember: where
/// several jobs or ledgers use one scheduler, the sequence number alone is not enough.</para>
/// <para>What goes wrong outside is a value with a reason; only a programmer's mistake (an empty name, a malformed key) and cancellation
/// throw. No call retries by itself: <see cref="PoolReconciler"/> does, within bounds. Safe for concurrent use.</para>
/// </remarks>
public interface IPoolActuator
{
    /// <summary>What it is called in logs.</summary>
    string Name { get; }

    /// <summary>Reads the present state of nodes.</summary>
    /// <param name="nodes">Which.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>One observation for each, in the order given; or why there is none.</returns>
    ValueTask<FleetObservation> ObserveAsync(IReadOnlyList<NodeId> nodes, CancellationToken cancellationToken);

    /// <summary>Takes a node out of service: no new work is placed on it.</summary>
    /// <param name="node">Which.</param>
    /// <param name="actionKey">The action's key; it becomes part of the reason that others see (<see cref="DrainMark"/>).</param>
    /// <param name="reason">For people.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How it went. A node that someone else took out of service stays as they left it, and is <see cref="ActuationStatus.AlreadySo"/>.</returns>
    ValueTask<ActuationOutcome> DrainAsync(NodeId node, string actionKey, string reason, CancellationToken cancellationToken);

    /// <summary>Makes a pool the only one that a node is in. Whether it is in service doesn't change.</summary>
    /// <param name="node">Which.</param>
    /// <param name="pool">Where to.</param>
    /// <param name="actionKey">The action's key.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How it went.</returns>
    ValueTask<ActuationOutcome> MoveAsync(NodeId node, string pool, string actionKey, CancellationToken cancellationToken);

    /// <summary>Takes back into service a node that StragglerGuard took out.</summary>
    /// <param name="node">Which.</param>
    /// <param name="actionKey">The action's key.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How it went. A node that someone else took out of service is <see cref="ActuationStatus.Refused"/>.</returns>
    ValueTask<ActuationOutcome> ReadmitAsync(NodeId node, string actionKey, CancellationToken cancellationToken);
}
