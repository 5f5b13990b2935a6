using StragglerGuard.Core;

namespace StragglerGuard.Actuators.InJob;

/// <summary>
/// Ends, starts and assigns workers of the job that this guard is embedded in, through its runner. A node's name is here a worker's:
/// <see cref="WorkerId.ToString"/>, <c>node/device</c>.
/// </summary>
public sealed class InJobActuator : IPoolActuator, IDisposable
{
    private readonly IJobMembership _membership;

    // The runner is promised one call at a time, and what is read must hold until it is acted upon.
    private readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>Makes an actuator over a runner.</summary>
    /// <param name="membership">The runner.</param>
    public InJobActuator(IJobMembership membership)
    {
        ArgumentNullException.ThrowIfNull(membership);
        _membership = membership;
    }

    /// <inheritdoc/>
    public string Name => "in-job";

    /// <inheritdoc/>
    public async ValueTask<FleetObservation> ObserveAsync(IReadOnlyList<NodeId> nodes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return FleetObservation.Of([.. nodes.Select(node => Find(node) is { } worker ? Describe(node, worker) : NodeObservation.Absent(node))]);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public ValueTask<ActuationOutcome> DrainAsync(NodeId node, string actionKey, string reason, CancellationToken cancellationToken)
    {
        var mark = DrainMark.Compose(actionKey, reason);
        return ActAsync(
            node,
            JobMembershipAbilities.EndWorker,
            worker => worker.IsRunning ? null : ActuationOutcome.AlreadySo($"ended: {worker.Reason}"),
            worker => _membership.EndAsync(worker.Worker, mark, cancellationToken),
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<ActuationOutcome> MoveAsync(NodeId node, string pool, string actionKey, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(pool);
        DrainMark.ThrowIfNoKey(actionKey);
        return ActAsync(
            node,
            JobMembershipAbilities.AssignPool,
            worker => worker.Pool == pool ? ActuationOutcome.AlreadySo($"in pool {pool}") : null,
            worker => _membership.AssignAsync(worker.Worker, pool, cancellationToken),
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<ActuationOutcome> ReadmitAsync(NodeId node, string actionKey, CancellationToken cancellationToken)
    {
        DrainMark.ThrowIfNoKey(actionKey);
        return ActAsync(
            node,
            JobMembershipAbilities.StartWorker,
            worker => worker.IsRunning ? ActuationOutcome.AlreadySo("runs")
                : DrainMark.IsOurs(worker.Reason) ? null
                : ActuationOutcome.Refused($"{node} was not ended by StragglerGuard: \"{worker.Reason}\""),
            worker => _membership.StartAsync(worker.Worker, cancellationToken),
            cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();

    private static NodeObservation Describe(NodeId node, JobWorker worker) => new(
        node,
        worker.IsRunning ? NodeReading.Serving : NodeReading.Drained,
        worker.IsRunning ? "" : worker.Reason,
        worker.Pool is null ? [] : [worker.Pool]);

    private JobWorker? Find(NodeId node) => _membership.Workers.FirstOrDefault(worker => worker.Worker.ToString() == node.Value);

    private async ValueTask<ActuationOutcome> ActAsync(
        NodeId node,
        JobMembershipAbilities needed,
        Func<JobWorker, ActuationOutcome?> settled,
        Func<JobWorker, ValueTask<ActuationOutcome>> act,
        CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(node.Value, nameof(node));
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Find(node) is not { } worker)
            {
                return ActuationOutcome.Refused($"the job has no worker {node}");
            }

            return settled(worker)
                ?? (_membership.Abilities.HasFlag(needed)
                    ? await act(worker).ConfigureAwait(false)
                    : ActuationOutcome.Refused($"the job's runner has not the ability {needed}"));
        }
        finally
        {
            _gate.Release();
        }
    }
}
