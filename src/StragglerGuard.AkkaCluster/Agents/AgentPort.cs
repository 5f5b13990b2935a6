using System.Collections.Concurrent;
using Akka.Actor;
using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.AkkaCluster.Agents;

/// <summary>
/// One node's way to the guardian: keeps the newest reports until its <see cref="AgentActor"/> can send them. It outlives that actor, which
/// may be started anew, in another actor system, too.
/// </summary>
internal sealed class AgentPort : IAgentPort
{
    /// <summary>Reports that wait where there is no guardian; then the oldest gives way.</summary>
    public const int WaitingMax = 256;

    private const long Never = long.MinValue;

    private readonly ConcurrentQueue<AgentActor.FlushRequest> _flushes = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile IActorRef _actor = ActorRefs.Nobody;
    private long _newest = Never;
    private long _settled = Never;
    private long _handedNs = Never;
    private long _receiptNs = Never;
    private long _welcomeNs = Never;
    private int _isWoken;
    private int _isClosed;
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

    /// <summary>What tells its reports from those of other agents of the node, former ones included.</summary>
    public long Number { get; } = Random.Shared.NextInt64(1, long.MaxValue);

    /// <summary>Reports that were handed over and not sent.</summary>
    public ReportQueue Waiting { get; } = new(WaitingMax);

    /// <summary>The actor's; here it outlives one that was started anew.</summary>
    public ReportWindow Window { get; } = new();

    public bool IsClosed => Volatile.Read(ref _isClosed) != 0;

    /// <summary>Completes when its actor has said goodbye: nothing is sent for it any more.</summary>
    public Task Ended => _ended.Task;

    public IActorRef Actor => _actor;

    /// <summary>Who welcomed this agent last; null before the first.</summary>
    public string? Guardian => _guardian;

    /// <summary>How long ago the last receipt, or the first welcome, came, ns; null before.</summary>
    public long? SinceReceiptNs => Interlocked.Read(ref _receiptNs) is var at && at == Never ? null : NowNs() - at;

    /// <summary>How long ago a guardian last answered a hello, ns; null before.</summary>
    public long? SinceWelcomeNs => Interlocked.Read(ref _welcomeNs) is var at && at == Never ? null : NowNs() - at;

    /// <summary>For how long reports have waited, or been under way, without one of them being acknowledged, ns; null where all are.</summary>
    public long? OutstandingNs => IsOutstanding ? NowNs() - Math.Max(Interlocked.Read(ref _handedNs), Interlocked.Read(ref _receiptNs)) : null;

    private bool IsOutstanding => Interlocked.Read(ref _newest) > Interlocked.Read(ref _settled);

    /// <inheritdoc/>
    public long ReportsDropped => Waiting.Dropped;

    /// <inheritdoc/>
    public long GuardiansMet => Interlocked.Read(ref _guardiansMet);

    /// <summary>Starts its actor.</summary>
    public void Start(ActorSystem system, IActorRef way, string name) =>
        _actor = system.ActorOf(Props.Create(() => new AgentActor(this, way)), name);

    /// <summary>
    /// Starts another actor, the former one's system having ended: what that one had sent and not had acknowledged is sent again, and what
    /// waited goes on waiting for the guardian, which is to be found by the new way.
    /// </summary>
    public void StartAnew(ActorSystem system, IActorRef way, string name)
    {
        Window.Farewell(NowNs());
        Start(system, way, name);

        // Who reported, or closes this, may just have told the former one.
        _actor.Tell(AgentActor.ReportsWaiting.Instance, ActorRefs.NoSender);
        Interlocked.MemoryBarrier();
        if (IsClosed)
        {
            _actor.Tell(AgentActor.Leave.Instance, ActorRefs.NoSender);
        }
    }

    /// <inheritdoc/>
    public void Report(NodeReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        if (!IsOutstanding)
        {
            Interlocked.Exchange(ref _handedNs, NowNs());
        }

        Waiting.Enqueue(report);
        Interlocked.Exchange(ref _newest, report.Sequence);
        Wake();
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
        _flushes.Enqueue(new AgentActor.FlushRequest(newest, done));
        Wake();
        try
        {
            return await done.Task.WaitAsync(timeout).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return !done.TrySetResult(false) && await done.Task.ConfigureAwait(false);
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

    /// <summary>Moves those who wait for receipts to the actor.</summary>
    public void TakeFlushes(List<AgentActor.FlushRequest> flushes)
    {
        while (_flushes.TryDequeue(out AgentActor.FlushRequest? flush))
        {
            flushes.Add(flush);
        }
    }

    /// <summary>The actor ends: those who wait go on waiting for the next one, where there is to be one.</summary>
    public void GiveBack(List<AgentActor.FlushRequest> flushes)
    {
        foreach (AgentActor.FlushRequest flush in flushes)
        {
            _flushes.Enqueue(flush);
        }

        while (IsClosed && _flushes.TryDequeue(out AgentActor.FlushRequest? flush))
        {
            flush.Done.TrySetResult(false);
        }
    }

    public void ShowWelcome(string guardian, long nowNs)
    {
        _guardian = guardian;
        Interlocked.Exchange(ref _welcomeNs, nowNs);
        Interlocked.CompareExchange(ref _receiptNs, nowNs, Never);
    }

    /// <summary>All up to a report are acknowledged, or can't be sent.</summary>
    public void ShowSettled(long sequence) => Interlocked.Exchange(ref _settled, sequence);

    public void ShowOtherGuardian() => Interlocked.Increment(ref _guardiansMet);

    public void ShowEnd() => _ended.TrySetResult();

    public void ShowReceipt(long nowNs) => Interlocked.Exchange(ref _receiptNs, nowNs);

    private void Wake()
    {
        if (Interlocked.Exchange(ref _isWoken, 1) == 0)
        {
            _actor.Tell(AgentActor.ReportsWaiting.Instance, ActorRefs.NoSender);
        }
    }
}
