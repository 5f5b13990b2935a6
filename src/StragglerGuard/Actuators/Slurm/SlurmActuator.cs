using StragglerGuard.Core;

namespace StragglerGuard.Actuators.Slurm;

/// <summary>
/// Drains and undrains nodes of a Slurm cluster and moves them between partitions that are pools, by Slurm's own commands. Works with
/// Slurm 22.05 and newer; needs the rights of an operator.
/// </summary>
/// <remarks>
/// <para>Every change is read, made, and read back. Slurm has no compare-and-set: a person who drains the same node, or changes the same
/// partition, in the milliseconds between our reading and our change is overwritten; one who does so later is left alone.</para>
/// <para>A node that is down counts as taken out by others: draining it would put our reason in the place of theirs, and <c>RESUME</c>
/// would bring it up. So a drain of ours is lifted by <c>UNDRAIN</c>, which leaves a node down that went down meanwhile.</para>
/// <para>A partition's nodes that were changed at run time are lost when the cluster is reconfigured or its controller starts with
/// <c>-c</c>: the next reconciliation moves the node again.</para>
/// </remarks>
public sealed class SlurmActuator : IPoolActuator, IDisposable
{
    private const int MoveTriesMax = 3;

    private readonly SlurmCommands _slurm;
    private readonly Dictionary<string, string> _partitionOfPool;
    private readonly Dictionary<string, string> _poolOfPartition;

    // Two moves of this process at once would each write the partition that the other had read.
    private readonly SemaphoreSlim _partitionGate = new(1, 1);

    /// <summary>Makes an actuator; nothing is run yet.</summary>
    /// <param name="options">How Slurm is reached and which partitions are pools.</param>
    /// <exception cref="ArgumentException">An option is out of range or a name is none.</exception>
    public SlurmActuator(SlurmActuatorOptions options)
        : this(options, new SlurmCommandRunner(options))
    {
    }

    internal SlurmActuator(SlurmActuatorOptions options, ICommandRunner runner)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.ThrowIfInvalid();
        _slurm = new SlurmCommands(runner);
        _partitionOfPool = new Dictionary<string, string>(options.Pools, StringComparer.Ordinal);
        _poolOfPartition = options.Pools.ToDictionary(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public string Name => "slurm";

    /// <inheritdoc/>
    public async ValueTask<FleetObservation> ObserveAsync(IReadOnlyList<NodeId> nodes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        var (known, failure) = await _slurm.ReadNodesAsync(cancellationToken).ConfigureAwait(false);
        return failure is not null
            ? FleetObservation.Failed(failure)
            : FleetObservation.Of([.. nodes.Select(node => known.TryGetValue(node.Value, out var read) ? Describe(read) : NodeObservation.Absent(node))]);
    }

    /// <inheritdoc/>
    public async ValueTask<ActuationOutcome> DrainAsync(NodeId node, string actionKey, string reason, CancellationToken cancellationToken)
    {
        var mark = DrainMark.Compose(actionKey, reason);
        var (before, failure) = await ReadAsync(node, cancellationToken).ConfigureAwait(false);
        if (before is null)
        {
            return failure!;
        }

        if (before.IsDrained || before.IsDown)
        {
            return ActuationOutcome.AlreadySo($"{(before.IsDrained ? "drained" : "down")}: {before.Reason}");
        }

        failure = await UpdateAsync([$"NodeName={node.Value}", "State=DRAIN", $"Reason={mark}"], cancellationToken).ConfigureAwait(false);
        if (failure is not null)
        {
            return failure;
        }

        (var after, failure) = await ReadAsync(node, cancellationToken).ConfigureAwait(false);
        return after is null ? failure!
            : after.IsDrained ? ActuationOutcome.Done($"drained: {after.Reason}")
            : ActuationOutcome.RetryLater($"{node} was drained and is not: someone undrained it meanwhile");
    }

    /// <inheritdoc/>
    public async ValueTask<ActuationOutcome> ReadmitAsync(NodeId node, string actionKey, CancellationToken cancellationToken)
    {
        DrainMark.ThrowIfNoKey(actionKey);
        var (before, failure) = await ReadAsync(node, cancellationToken).ConfigureAwait(false);
        if (before is null)
        {
            return failure!;
        }

        if (!before.IsDrained)
        {
            return before.IsDown
                ? ActuationOutcome.Refused($"{node} is down, and not by StragglerGuard: \"{before.Reason}\"")
                : ActuationOutcome.AlreadySo("not drained");
        }

        if (!DrainMark.IsOurs(before.Reason))
        {
            return ActuationOutcome.Refused($"{node} was drained by someone else: \"{before.Reason}\"");
        }

        failure = await UpdateAsync([$"NodeName={node.Value}", "State=UNDRAIN"], cancellationToken).ConfigureAwait(false);
        if (failure is not null)
        {
            return failure;
        }

        (var after, failure) = await ReadAsync(node, cancellationToken).ConfigureAwait(false);
        return after is null ? failure!
            : !after.IsDrained ? ActuationOutcome.Done(after.IsDown ? "undrained, but it is down" : "undrained")
            : ActuationOutcome.RetryLater($"{node} was undrained and is drained: {after.Reason}");
    }

    /// <inheritdoc/>
    public async ValueTask<ActuationOutcome> MoveAsync(NodeId node, string pool, string actionKey, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(pool);
        DrainMark.ThrowIfNoKey(actionKey);
        if (!_partitionOfPool.TryGetValue(pool, out var target))
        {
            return ActuationOutcome.Refused($"no partition is set for the pool {pool}");
        }

        await _partitionGate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            for (var attempt = 0; ; attempt++)
            {
                var (read, failure) = await ReadAsync(node, cancellationToken).ConfigureAwait(false);
                if (read is null)
                {
                    return failure!;
                }

                string[] others = [.. read.Partitions.Where(partition => partition != target && _poolOfPartition.ContainsKey(partition))];
                var isInTarget = read.Partitions.Contains(target);
                if (isInTarget && others.Length == 0)
                {
                    return attempt == 0 ? ActuationOutcome.AlreadySo($"in partition {target}") : ActuationOutcome.Done($"moved to partition {target}");
                }

                if (attempt == MoveTriesMax)
                {
                    return ActuationOutcome.RetryLater($"{node} was moved to partition {target} and is not only there: someone else changes the partitions");
                }

                // In first, out second: a node in no partition is invisible to sinfo and to people.
                failure = isInTarget ? null : await EditAsync(target, node.Value, isIn: true, cancellationToken).ConfigureAwait(false);
                foreach (var other in others)
                {
                    failure ??= await EditAsync(other, node.Value, isIn: false, cancellationToken).ConfigureAwait(false);
                }

                if (failure is not null)
                {
                    return failure;
                }
            }
        }
        finally
        {
            _partitionGate.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _partitionGate.Dispose();

    private NodeObservation Describe(SlurmNode node) => new(
        new NodeId(node.Name),
        node.IsDrained || node.IsDown ? NodeReading.Drained : NodeReading.Serving,
        node.IsDrained ? node.Reason : node.IsDown ? $"down: {node.Reason}" : "",
        [.. node.Partitions.Where(_poolOfPartition.ContainsKey).Select(partition => _poolOfPartition[partition])]);

    /// <summary>One node, from the list of all: a name that Slurm would read as a pattern or as every node is found in no list.</summary>
    private async ValueTask<(SlurmNode? Node, ActuationOutcome? Failure)> ReadAsync(NodeId node, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(node.Value, nameof(node));
        if (!SlurmNames.IsName(node.Value))
        {
            return (null, ActuationOutcome.Refused($"'{node}' is no name of a single node"));
        }

        var (nodes, failure) = await _slurm.ReadNodesAsync(cancellationToken).ConfigureAwait(false);
        if (failure is not null)
        {
            return (null, failure);
        }

        return nodes.TryGetValue(node.Value, out var read) ? (read, null) : (null, ActuationOutcome.Refused($"Slurm knows no node {node}"));
    }

    private async ValueTask<ActuationOutcome?> UpdateAsync(string[] arguments, CancellationToken cancellationToken) =>
        (await _slurm.RunAsync("scontrol", ["update", .. arguments], cancellationToken).ConfigureAwait(false)).Failure;

    /// <summary>Puts a node into a partition or takes it out. Slurm only takes the whole list, so that it is read first.</summary>
    /// <returns>Why it failed; null where it didn't.</returns>
    private async ValueTask<ActuationOutcome?> EditAsync(string name, string node, bool isIn, CancellationToken cancellationToken)
    {
        var reply = await _slurm.RunAsync("scontrol", ["--all", "--oneliner", "show", "partition", name], cancellationToken).ConfigureAwait(false);
        if (reply.Failure is not null)
        {
            // Of show, unlike of update, Slurm says only that it found nothing.
            return reply.Failure.Reason.Contains("not found", StringComparison.Ordinal)
                ? ActuationOutcome.Refused($"Slurm knows no partition {name}")
                : reply.Failure;
        }

        if (SlurmText.Partition(reply.Output) is not { } partition)
        {
            return ActuationOutcome.RetryLater($"the record of partition {name} can't be read");
        }

        var (names, failure) = await _slurm.ExpandAsync(partition.NodeList, cancellationToken).ConfigureAwait(false);
        if (failure is not null)
        {
            return failure;
        }

        if (names.Count != partition.NodeCount)
        {
            return ActuationOutcome.Refused(
                $"partition {name} lists {names.Count} names for {partition.NodeCount} nodes, such as of node sets: its list can't be changed safely");
        }

        var changed = isIn ? names.Append(node) : names.Where(other => other != node);
        return await UpdateAsync([$"PartitionName={name}", $"Nodes={SlurmNames.Compress(changed)}"], cancellationToken).ConfigureAwait(false);
    }
}
