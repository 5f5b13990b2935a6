using Akka.Actor;
using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.AkkaCluster.Agents;

/// <summary>One node's way to the guardian: keeps the newest reports until its <see cref="AgentActor"/> can send them.</summary>
internal sealed class AgentPort : IAgentPort
{
    /// <summary>Reports that wait where there is no guardian; then the oldest gives way.</summary>
    public const int WaitingMax = 256;

    private const long Never = long.MinValue;

    private IActorRef _actor = ActorRefs.Nobody;
    private long _newest = Never;
    private long _receiptNs = Never;
    private int _isWoken;
    private int _isClosed;
    private int _hasEnded;
    private long _guardiansMet;
    private volatile string? _guardian;

    /// <param name="node">The node that reports.</param>
    /// <param name="onOffer">Takes every plan that comes down.</param>
    /// <param name="refusals">Counts what can't be read.</param>
    /// <param name="nowNs">A monotonic clock, ns.</param>
    public AgentPort(NodeId node, Action<OfferedPlan> onOffer, Refusals refusals, Func<long> nowNs)
    {
        Node = node;
        OnOffer = onOffer;
        Refusals = refusals;
        NowNs = nowNs;
    }

    public NodeId Node { get; }

    public Action<OfferedPlan> OnOffer { get; }

    public Refusals Refusals { get; }

    public Func<long> NowNs { get; }

    /// <summary>Reports that were handed over and not sent.</summary>
    public ReportQueue Waiting { get; } = new(WaitingMax);

    /// <summary>The actor's; here it outlives one that was started anew.</summary>
    public ReportWindow Window { get; } = new();

    public bool IsClosed => Volatile.Read(ref _isClosed) != 0;

    /// <summary>Whether its actor has said goodbye: nothing is sent for it any more.</summary>
    public bool HasEnded => Volatile.Read(ref _hasEnded) != 0;

    public IActorRef Actor => _actor;

    /// <summary>Who welcomed this agent last; null before the first.</summary>
    public string? Guardian => _guardian;

    /// <summary>How long ago the last receipt, or the first welcome, came, ns; null before.</summary>
    public long? SinceReceiptNs => Interlocked.Read(ref _receiptNs) is var at && at == Never ? null : NowNs() - at;

    /// <inheritdoc/>
    public long ReportsDropped => Waiting.Dropped;

    /// <inheritdoc/>
    public long GuardiansMet => Interlocked.Read(ref _guardiansMet);

    /// <summary>Starts its actor.</summary>
    public void Start(ActorSystem system, IActorRef way, string name) =>
        _actor = system.ActorOf(Props.Create(() => new AgentActor(this, way)), name);

    /// <inheritdoc/>
    public void Report(NodeReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        Waiting.Enqueue(report);
        Interlocked.Exchange(ref _newest, report.Sequence);
        if (Interlocked.Exchange(ref _isWoken, 1) == 0)
        {
            _actor.Tell(AgentActor.ReportsWaiting.Instance, ActorRefs.NoSender);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<bool> FlushAsync(TimeSpan timeout)
    {
        long newest = Interlocked.Read(ref _newest);
        if (newest == Never)
        {
            return true;
        }

        if (IsClosed)
        {
            return false;
        }

        var done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _actor.Tell(new AgentActor.FlushRequest(newest, done), ActorRefs.NoSender);
        try
        {
            return await done.Task.WaitAsync(timeout).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Says goodbye, without waiting.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 0)
        {
            Waiting.Complete();
            _actor.Tell(AgentActor.Leave.Instance, ActorRefs.NoSender);
        }
    }

    /// <summary>The actor is about to look: whatever is handed over from now on wakes it anew.</summary>
    public void IsWoken() => Interlocked.Exchange(ref _isWoken, 0);

    public void ShowWelcome(string guardian, long nowNs)
    {
        _guardian = guardian;
        Interlocked.CompareExchange(ref _receiptNs, nowNs, Never);
    }

    public void ShowOtherGuardian() => Interlocked.Increment(ref _guardiansMet);

    public void ShowEnd() => Volatile.Write(ref _hasEnded, 1);

    public void ShowReceipt(long nowNs) => Interlocked.Exchange(ref _receiptNs, nowNs);
}
