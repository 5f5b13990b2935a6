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

        var attempts = new List<ActuationAttempt>();
        var standings = new NodeStanding[nodes.Length];
        var refused = new HashSet<NodeId>();
        for (var round = 0; nodes.Length > 0; round++)
        {
            // After the last round that may act, what it did is still read back.
            var mayAct = round < _options.Rounds;
            var result = await RunRoundAsync(round, mayAct, nodes, desired, standings, refused, attempts, cancellationToken)
                .ConfigureAwait(false);
            if (!mayAct || (round + 1 == _options.Rounds ? !result.HasActed : !result.IsWorthAnother))
            {
                break;
            }

            // What was first done is read back at once; what failed, or was done and is not to be seen, is given time.
            if (round + 1 < _options.Rounds && (result.HasFailed || (round > 0 && result.HasActed)))
            {
                var delay = DelayAfter(round, result.RetryAfter);
                if (delay > _options.LongestDelay)
                {
                    break;
                }

                await Task.Delay(delay, _time, cancellationToken).ConfigureAwait(false);
            }
        }

        return new ReconcileReport(standings, attempts);
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

    private async ValueTask<RoundResult> RunRoundAsync(
        int round,
        bool mayAct,
        NodeId[] nodes,
        IReadOnlyDictionary<NodeId, DesiredNode> desired,
        NodeStanding[] standings,
        HashSet<NodeId> refused,
        List<ActuationAttempt> attempts,
        CancellationToken cancellationToken)
    {
        var observation = await _actuator.ObserveAsync(nodes, cancellationToken).ConfigureAwait(false);
        if (observation.Nodes is not { } observed)
        {
            var failure = observation.Failure!;
            Note(new ActuationAttempt(round, new NodeId(""), null, "", null, failure), attempts);
            for (var i = 0; i < nodes.Length; i++)
            {
                standings[i] = new NodeStanding(nodes[i], desired[nodes[i]], ReconcileState.Due, $"not read: {failure.Reason}");
            }

            return new RoundResult(HasActed: false, HasFailed: failure.Status == ActuationStatus.RetryLater, failure.RetryAfter);
        }

        var result = default(RoundResult);
        for (var i = 0; i < nodes.Length; i++)
        {
            var step = ReconcileStep.For(observed[i], desired[nodes[i]]);
            if (step.Actions.Count > 0 && (!mayAct || refused.Contains(nodes[i])))
            {
                // Not tried again: why it failed says more than what is missing.
                standings[i] = standings[i] with { State = ReconcileState.Due };
                continue;
            }

            standings[i] = new NodeStanding(nodes[i], desired[nodes[i]], step.State, step.Reason);

            foreach (var kind in step.Actions)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var attempt = await ActAsync(round, nodes[i], kind, desired[nodes[i]], cancellationToken).ConfigureAwait(false);
                Note(attempt, attempts);
                result = result.With(attempt.Outcome);
                standings[i] = standings[i] with { Reason = $"{kind}: {attempt.Outcome.Reason}" };
                if (attempt.Outcome.Status == ActuationStatus.Refused)
                {
                    refused.Add(nodes[i]);
                }

                if (!attempt.Outcome.Succeeded)
                {
                    break;
                }
            }
        }

        return result;
    }

    private async ValueTask<ActuationAttempt> ActAsync(
        int round, NodeId node, ActuationKind kind, DesiredNode desired, CancellationToken cancellationToken)
    {
        var key = desired.ActionKey;
        var pool = kind == ActuationKind.Move ? ((DesiredNode.Serve)desired).Pool : null;
        var outcome = kind switch
        {
            ActuationKind.Drain => await _actuator.DrainAsync(node, key, ((DesiredNode.Drained)desired).Reason, cancellationToken).ConfigureAwait(false),
            ActuationKind.Move => await _actuator.MoveAsync(node, pool!, key, cancellationToken).ConfigureAwait(false),
            _ => await _actuator.ReadmitAsync(node, key, cancellationToken).ConfigureAwait(false),
        };
        return new ActuationAttempt(round, node, kind, key, pool, outcome);
    }

    private void Note(ActuationAttempt attempt, List<ActuationAttempt> attempts)
    {
        attempts.Add(attempt);
        _attempted?.Invoke(attempt);
    }

    private TimeSpan DelayAfter(int round, TimeSpan? asked)
    {
        // Doubling in ticks would overflow long before the hundredth round.
        var grown = _options.FirstDelay * Math.Pow(2, Math.Min(round, 30));
        var delay = grown < _options.LongestDelay ? grown : _options.LongestDelay;
        return asked is { } wait && wait > delay ? wait : delay;
    }

    /// <summary>What a round came to.</summary>
    private readonly record struct RoundResult(bool HasActed, bool HasFailed, TimeSpan? RetryAfter)
    {
        /// <summary>A refusal alone isn't: nothing would be different.</summary>
        public bool IsWorthAnother => HasActed || HasFailed;

        public RoundResult With(ActuationOutcome outcome) => new(
            HasActed || outcome.Succeeded,
            HasFailed || outcome.Status == ActuationStatus.RetryLater,
            outcome.RetryAfter > (RetryAfter ?? TimeSpan.Zero) ? outcome.RetryAfter : RetryAfter);
    }
}
