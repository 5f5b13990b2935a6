using StragglerGuard.Actuators;
using StragglerGuard.Core;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>A scheduler that outlives guardians, and remembers what was really done.</summary>
internal sealed class VirtualScheduler
{
    private readonly Lock _gate = new();
    private readonly Dictionary<NodeId, string> _drained = [];
    private readonly List<(NodeId Node, string Key, bool Drained)> _changes = [];

    /// <summary>Every change of a node, in order: which, by which action, and what it was then.</summary>
    public IReadOnlyList<(NodeId Node, string Key, bool Drained)> Changes
    {
        get
        {
            lock (_gate)
            {
                return [.. _changes];
            }
        }
    }

    public IReadOnlyList<NodeId> Drained
    {
        get
        {
            lock (_gate)
            {
                return [.. _drained.Keys.OrderBy(node => node.Value, StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>Out of service, as an action of before left it.</summary>
    public void Mark(NodeId node, string reason) => Do(() => _drained[node] = reason);

    /// <summary>The way of a mortal guardian to it.</summary>
    /// <param name="fate">The guardian's.</param>
    /// <param name="refuse">Why nothing is done now; null where it is.</param>
    public IPoolActuator For(Fate fate, Func<string?>? refuse = null) => new Actuator(this, fate, refuse ?? (() => null));

    private T Do<T>(Func<T> work)
    {
        lock (_gate)
        {
            return work();
        }
    }

    private sealed class Actuator(VirtualScheduler scheduler, Fate fate, Func<string?> refuse) : IPoolActuator
    {
        public string Name => "virtual";

        public ValueTask<FleetObservation> ObserveAsync(IReadOnlyList<NodeId> nodes, CancellationToken cancellationToken)
        {
            fate.ThrowIfDead();
            return ValueTask.FromResult(refuse() is { } reason
                ? new FleetObservation(null, new ActuationOutcome(ActuationStatus.RetryLater, reason))
                : new FleetObservation(
                    scheduler.Do<NodeObservation[]>(() => [.. nodes.Select(node => scheduler._drained.TryGetValue(node, out string? why)
                        ? new NodeObservation(node, NodeReading.Drained, why, [])
                        : new NodeObservation(node, NodeReading.Serving, "", []))]),
                    null));
        }

        public ValueTask<ActuationOutcome> DrainAsync(NodeId node, string actionKey, string reason, CancellationToken cancellationToken) =>
            Act(node, actionKey, drained: true, reason);

        public ValueTask<ActuationOutcome> MoveAsync(NodeId node, string pool, string actionKey, CancellationToken cancellationToken) =>
            throw new NotSupportedException("nothing moves here");

        public ValueTask<ActuationOutcome> ReadmitAsync(NodeId node, string actionKey, CancellationToken cancellationToken) =>
            Act(node, actionKey, drained: false, "");

        private ValueTask<ActuationOutcome> Act(NodeId node, string key, bool drained, string reason)
        {
            fate.Pass(FaultPoint.BeforeActuate);
            bool changed = scheduler.Do(() =>
            {
                bool changes = drained ? scheduler._drained.TryAdd(node, $"{DrainMark.Prefix}{key} {reason}") : scheduler._drained.Remove(node);
                if (changes)
                {
                    scheduler._changes.Add((node, key, drained));
                }

                return changes;
            });
            fate.Pass(FaultPoint.AfterActuate);
            return ValueTask.FromResult(new ActuationOutcome(changed ? ActuationStatus.Done : ActuationStatus.AlreadySo, reason));
        }
    }
}
