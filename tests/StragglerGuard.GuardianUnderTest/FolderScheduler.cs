using StragglerGuard.Actuators;
using StragglerGuard.Core;
using StragglerGuard.Tests.Guardian.Durability;

namespace StragglerGuard.GuardianUnderTest;

/// <summary>A scheduler that outlives guardians: a node is out of service while there is a file of its name; every change is a line of a log.</summary>
internal sealed class FolderScheduler(string folder, Fate fate) : IPoolActuator
{
    public string Name => "folder";

    public ValueTask<FleetObservation> ObserveAsync(IReadOnlyList<NodeId> nodes, CancellationToken cancellationToken) =>
        ValueTask.FromResult(new FleetObservation(
            [.. nodes.Select(node => File.Exists(PathOf(node))
                ? new NodeObservation(node, NodeReading.Drained, File.ReadAllText(PathOf(node)), [])
                : new NodeObservation(node, NodeReading.Serving, "", []))],
            null));

    public ValueTask<ActuationOutcome> DrainAsync(NodeId node, string actionKey, string reason, CancellationToken cancellationToken)
    {
        fate.Pass(FaultPoint.BeforeActuate);
        File.WriteAllText(PathOf(node), $"{DrainMark.Prefix}{actionKey} {reason}");
        return Done(node, actionKey, drained: true);
    }

    public ValueTask<ActuationOutcome> MoveAsync(NodeId node, string pool, string actionKey, CancellationToken cancellationToken) =>
        throw new NotSupportedException("nothing moves here");

    public ValueTask<ActuationOutcome> ReadmitAsync(NodeId node, string actionKey, CancellationToken cancellationToken)
    {
        fate.Pass(FaultPoint.BeforeActuate);
        File.Delete(PathOf(node));
        return Done(node, actionKey, drained: false);
    }

    private ValueTask<ActuationOutcome> Done(NodeId node, string actionKey, bool drained)
    {
        File.AppendAllText(Path.Combine(folder, "changes.log"), $"{node} {actionKey} {(drained ? "drained" : "back")}\n");
        fate.Pass(FaultPoint.AfterActuate);
        return ValueTask.FromResult(new ActuationOutcome(ActuationStatus.Done, drained ? "out of service" : "in service"));
    }

    private string PathOf(NodeId node) => Path.Combine(folder, $"{node}.drained");
}
