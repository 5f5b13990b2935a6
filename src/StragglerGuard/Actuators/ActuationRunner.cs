using System.Threading.Channels;
using StragglerGuard.Core;

namespace StragglerGuard.Actuators;

/// <summary>
/// Reconciles schedulers with what the ledger wants, on a flow of its own: however long a scheduler takes, nobody waits for it. What could not
/// be done is tried again after the reconciler's longest delay, for as long as it is wanted.
/// </summary>
internal sealed class ActuationRunner : IAsyncDisposable
{
    private readonly PoolReconciler _reconciler;
    private readonly IPoolActuator _actuator;
    private readonly TimeSpan _again;
    private readonly TimeProvider _time;
    private readonly IActuationOwner _owner;
    private readonly Channel<NodeId?> _calls = Channel.CreateUnbounded<NodeId?>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _running;

    /// <summary>Begins to wait for calls.</summary>
    /// <param name="actuator">Who acts.</param>
    /// <param name="options">How persistent one reconciliation is.</param>
    /// <param name="time">What its waits run on.</param>
    /// <param name="owner">Who knows what is wanted.</param>
    public ActuationRunner(IPoolActuator actuator, ReconcilerOptions options, TimeProvider time, IActuationOwner owner)
    {
        _actuator = actuator;
        _again = options.LongestDelay;
        _time = time;
        _owner = owner;
        _reconciler = new PoolReconciler(actuator, options, time, Attempted);
        _running = Task.Run(RunAsync);
    }

    /// <summary>What is wanted has changed.</summary>
    public void Wake() => _calls.Writer.TryWrite(null);

    /// <summary>A node that was not seen before is to be looked at: it may bear a mark that nobody knows of.</summary>
    public void Examine(NodeId node) => _calls.Writer.TryWrite(node);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _closing.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                IReadOnlyDictionary<NodeId, DesiredNode> desired = _owner.Desired();
                if (desired.Count > 0)
                {
                    await ReconcileAsync(desired).ConfigureAwait(false);
                }

                await WaitAsync(isDue: _owner.Desired().Count > 0).ConfigureAwait(false);
                await ExamineAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Closing: what is missing stays due in the ledger.
        }
    }

    private async Task ReconcileAsync(IReadOnlyDictionary<NodeId, DesiredNode> desired)
    {
        try
        {
            _owner.Reconciled(await _reconciler.ReconcileAsync(desired, _closing.Token).ConfigureAwait(false));
        }
        catch (Exception mistake) when (mistake is not OperationCanceledException)
        {
            // An actuator's mistake must not end all others' actions.
            _owner.Failed($"{_actuator.Name} failed: {mistake.Message}");
        }
    }

    /// <summary>Until somebody calls; where something is due no longer than the longest delay.</summary>
    private async Task WaitAsync(bool isDue)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        Task<bool> called = _calls.Reader.WaitToReadAsync(waiting.Token).AsTask();
        await Task.WhenAny(called, Task.Delay(isDue ? _again : Timeout.InfiniteTimeSpan, _time, waiting.Token)).ConfigureAwait(false);
        await waiting.CancelAsync().ConfigureAwait(false);
        _closing.Token.ThrowIfCancellationRequested();
    }

    private async Task ExamineAsync()
    {
        List<NodeId> nodes = [];
        while (_calls.Reader.TryRead(out NodeId? node))
        {
            if (node is { } seen)
            {
                nodes.Add(seen);
            }
        }

        if (nodes.Count == 0)
        {
            return;
        }

        try
        {
            FleetObservation fleet = await _actuator.ObserveAsync(nodes, _closing.Token).ConfigureAwait(false);
            if (fleet.Nodes is { } seen)
            {
                _owner.Seen(seen);
            }
            else
            {
                _owner.Failed($"{_actuator.Name} can't read its nodes: {fleet.Failure!.Reason}");
            }
        }
        catch (Exception mistake) when (mistake is not OperationCanceledException)
        {
            _owner.Failed($"{_actuator.Name} failed: {mistake.Message}");
        }
    }

    private void Attempted(ActuationAttempt attempt)
    {
        if (!attempt.Outcome.Succeeded)
        {
            string what = attempt.Kind is { } kind ? $"{kind} of {attempt.Node}" : "reading its nodes";
            _owner.Failed($"{_actuator.Name}: {what}: {attempt.Outcome.Reason}");
        }
    }
}

/// <summary>Who knows what is wanted of an actuator. Called from the flow of the actions.</summary>
internal interface IActuationOwner
{
    /// <summary>The state in which nodes are wanted that are not known to be in it.</summary>
    IReadOnlyDictionary<NodeId, DesiredNode> Desired();

    /// <summary>What a reconciliation came to.</summary>
    void Reconciled(ReconcileReport report);

    /// <summary>Nodes as they are, that were looked at for the first time.</summary>
    void Seen(IReadOnlyList<NodeObservation> nodes);

    /// <summary>Something went wrong, in words.</summary>
    void Failed(string reason);
}
