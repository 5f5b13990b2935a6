using StragglerGuard.Core;

namespace StragglerGuard.Actuators;

/// <summary>What an actuator calls the nodes of workers, and what is asked of it when they leave.</summary>
/// <param name="IsInJob">Whether a worker is a node of its own, since the runner itself is asked.</param>
/// <param name="Pools">The pools that it can move nodes to.</param>
internal sealed record NodeNaming(bool IsInJob, IReadOnlyCollection<string> Pools)
{
    private const string Unknown = "unknown";

    /// <summary>The node of a worker; null where nobody knows it.</summary>
    public NodeId? NodeOf(WorkerId worker) =>
        worker.Node.Value is null or "" or Unknown ? null : IsInJob ? new NodeId(worker.ToString()) : worker.Node;

    /// <summary>
    /// Whether there is anything to ask for when a worker leaves. One that leaves its job by the job's own vote waits to be taken back: its
    /// runner is to end only one that hangs.
    /// </summary>
    public bool IsAsked(bool isHung) => !IsInJob || isHung;

    /// <summary>From settings.</summary>
    public static NodeNaming Of(ActuatorsSection section) => new(
        section.Use == ActuatorChoice.InJob,
        section.Use == ActuatorChoice.Slurm ? PoolMapOptionAttribute.TryRead(section.Slurm.Pools)?.Keys.ToArray() ?? [] : []);
}
