using StragglerGuard.Core;
using StragglerGuard.Ledger;

namespace StragglerGuard.Actuators;

/// <summary>One reconciliation: its rounds of reading and acting, and what came of them so far.</summary>
internal sealed class Reconciliation(
    IPoolActuator actuator,
    ReconcilerOptions options,
    TimeProvider time,
    Action<ActuationAttempt>? attempted,
    NodeId[] nodes,
    IReadOnlyDictionary<NodeId, DesiredNode> desired)
{
    private readonly List<ActuationAttempt> _attempts = [];
    private readonly NodeStanding[] _standings = new NodeStanding[nodes.Length];
    private readonly HashSet<NodeId> _refused = [];
    private readonly HashSet<(NodeId, ActuationKind)> _done = [];

    internal async ValueTask<ReconcileReport> RunAsync(CancellationToken cancellationToken)
    {
        for (var round = 0; nodes.Length > 0; round++)
        {
            // After the last round that may act, what it did is still read back.
            var mayAct = round < options.Rounds;
            var result = await RunRoundAsync(round, mayAct, cancellationToken).ConfigureAwait(false);
            if (!mayAct || (round + 1 == options.Rounds ? !result.HasActed : !result.IsWorthAnother))
            {
                break;
            }

            // What was done is read back at once; what failed, or was done before and undone, is given time.
            if (round + 1 < options.Rounds && (result.HasFailed || result.HasRepeated))
            {
                var delay = DelayAfter(round, result.RetryAfter);
                if (delay > options.LongestDelay)
                {
                    break;
                }

                await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
            }
        }

        return new ReconcileReport(_standings, _attempts);
    }

    private async ValueTask<RoundResult> RunRoundAsync(int round, bool mayAct, CancellationToken cancellationToken)
    {
        var observation = await actuator.ObserveAsync(nodes, cancellationToken).ConfigureAwait(false);
        if (observation.Nodes is not { } observed)
        {
            var failure = observation.Failure!;
            Note(new ActuationAttempt(round, new NodeId(""), null, "", null, failure));
            for (var i = 0; i < nodes.Length; i++)
            {
                _standings[i] = new NodeStanding(nodes[i], desired[nodes[i]], ReconcileState.Due, $"not read: {failure.Reason}");
            }

            return default(RoundResult).With(failure, isRepeated: false);
        }

        var result = default(RoundResult);
        for (var i = 0; i < nodes.Length; i++)
        {
            var step = ReconcileStep.For(observed[i], desired[nodes[i]]);
            if (step.Actions.Count > 0 && (!mayAct || _refused.Contains(nodes[i])))
            {
                // Not tried again: why it failed says more than what is missing.
                _standings[i] = _standings[i] with { State = ReconcileState.Due };
                continue;
            }

            _standings[i] = new NodeStanding(nodes[i], desired[nodes[i]], step.State, step.Reason);
            foreach (var kind in step.Actions)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var attempt = await ActAsync(round, nodes[i], kind, desired[nodes[i]], cancellationToken).ConfigureAwait(false);
                Note(attempt);
                result = result.With(attempt.Outcome, attempt.Outcome.Succeeded && !_done.Add((nodes[i], kind)));
                _standings[i] = _standings[i] with { Reason = $"{kind}: {attempt.Outcome.Reason}" };
                if (attempt.Outcome.Status == ActuationStatus.Refused)
                {
                    _refused.Add(nodes[i]);
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
        int round, NodeId node, ActuationKind kind, DesiredNode wish, CancellationToken cancellationToken)
    {
        var key = wish.ActionKey;
        var pool = kind == ActuationKind.MoveToPool ? ((DesiredNode.Serve)wish).Pool : null;
        var outcome = kind switch
        {
            ActuationKind.Drain => await actuator.DrainAsync(node, key, ((DesiredNode.Drained)wish).Reason, cancellationToken).ConfigureAwait(false),
            ActuationKind.MoveToPool => await actuator.MoveAsync(node, pool!, key, cancellationToken).ConfigureAwait(false),
            _ => await actuator.ReadmitAsync(node, key, cancellationToken).ConfigureAwait(false),
        };
        return new ActuationAttempt(round, node, kind, key, pool, outcome);
    }

    private void Note(ActuationAttempt attempt)
    {
        _attempts.Add(attempt);
        attempted?.Invoke(attempt);
    }

    private TimeSpan DelayAfter(int round, TimeSpan? asked)
    {
        // Doubling in ticks would overflow long before the hundredth round.
        var grown = options.FirstDelay * Math.Pow(2, Math.Min(round, 30));
        var delay = grown < options.LongestDelay ? grown : options.LongestDelay;
        return asked is { } wait && wait > delay ? wait : delay;
    }

    /// <summary>What a round came to.</summary>
    private readonly record struct RoundResult(bool HasActed, bool HasFailed, bool HasRepeated, TimeSpan? RetryAfter)
    {
        /// <summary>A refusal alone isn't: nothing would be different.</summary>
        public bool IsWorthAnother => HasActed || HasFailed;

        public RoundResult With(ActuationOutcome outcome, bool isRepeated) => new(
            HasActed || outcome.Succeeded,
            HasFailed || outcome.Status == ActuationStatus.RetryLater,
            HasRepeated || isRepeated,
            outcome.RetryAfter > (RetryAfter ?? TimeSpan.Zero) ? outcome.RetryAfter : RetryAfter);
    }
}
