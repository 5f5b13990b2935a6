using Akka.Actor;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Collectives;
using StragglerGuard.Ledger;

namespace StragglerGuard.AkkaCluster.Control;

/// <summary>
/// Asks whoever decides, again and again until there is an answer or the time is over, and follows the decisions.
/// </summary>
/// <remarks>
/// It follows by asking for what comes after the last entry that it has told; whoever takes over reads that from the ledger, so that nothing is
/// told twice or missed. Questions may be sent twice: none of them does anything twice.
/// </remarks>
internal sealed class ControlCaller : ReceiveActor, IWithTimers
{
    private const long NsPerSecond = 1_000_000_000;

    /// <summary>How often is looked whether something is late.</summary>
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(250);

    /// <summary>No answer for so long may be the way's fault.</summary>
    private const long DoubtNs = 2 * NsPerSecond;

    /// <summary>A question without an answer is asked again after this long.</summary>
    private const long AskAgainNs = NsPerSecond;

    /// <summary>Whoever decides answers once a second, even where there is nothing new: after so long a silence nobody does.</summary>
    private const long SilenceNs = 3 * NsPerSecond;

    private readonly IActorRef _way;
    private readonly ControlListener _listener;
    private readonly Dictionary<long, Pending> _pending = [];
    private long _lastId;
    private bool _follows;
    private long _followId;
    private long _followedAtNs;
    private long _heardNs = MonotonicClock.NowNs();
    private long _waitingSinceNs = MonotonicClock.NowNs();
    private long? _after;

    /// <summary>Begins to answer questions; follows when it is told to.</summary>
    /// <param name="way">Takes questions to whoever decides.</param>
    /// <param name="listener">Who is told.</param>
    public ControlCaller(IActorRef way, ControlListener listener)
    {
        _way = way;
        _listener = listener;
        Receive<FollowFrom>(Begin);
        Receive<Ask>(Begin);
        Receive<DecisionsTold>(Hear);
        Receive<ControlRefused>(Hear);
        Receive<ControlAnswer>(Hear);
        Receive<Tick>(_ => LookAtTheClock());
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <inheritdoc/>
    protected override void PreStart() => Timers.StartPeriodicTimer(nameof(Tick), Tick.Instance, s_tick);

    /// <inheritdoc/>
    protected override void PostStop()
    {
        foreach (Pending pending in _pending.Values)
        {
            pending.Ask.Answer.TrySetResult(new ControlRefused(0, "", IsFinal: true, "this client was closed"));
        }
    }

    private void Begin(FollowFrom from)
    {
        if (!_follows)
        {
            _follows = true;
            _after = from.After;
            _heardNs = MonotonicClock.NowNs();
            Follow();
        }
    }

    private void Begin(Ask ask)
    {
        long id = ++_lastId;
        long nowNs = MonotonicClock.NowNs();
        _waitingSinceNs = _pending.Count == 0 ? nowNs : _waitingSinceNs;
        var pending = new Pending(ask, ask.Question(id, Self), nowNs + (long)(ask.Within.TotalSeconds * NsPerSecond)) { SentNs = nowNs };
        _pending[id] = pending;
        _way.Tell(pending.Question);
    }

    private void Hear(ControlAnswer answer)
    {
        HeardFrom(answer.Guardian);
        if (_pending.Remove(answer.Id, out Pending? pending))
        {
            pending.Ask.Answer.TrySetResult(answer);
        }
    }

    private void Hear(ControlRefused refused)
    {
        // Nobody decides, but the way leads to whoever will.
        _waitingSinceNs = MonotonicClock.NowNs();
        if (_pending.TryGetValue(refused.Id, out Pending? pending))
        {
            pending.Refusal = refused.Reason;
            if (refused.IsFinal)
            {
                _pending.Remove(refused.Id);
                pending.Ask.Answer.TrySetResult(refused);
            }
        }
    }

    private void Hear(DecisionsTold told)
    {
        HeardFrom(told.Guardian);

        // Entries are numbered without a gap: what begins later than expected is an answer to somebody who knew more.
        if (_after is { } after && told.Entries.Count > 0 && told.Entries[0].Sequence <= after + 1)
        {
            foreach (LedgerEntry entry in told.Entries.Where(entry => entry.Sequence > after))
            {
                _after = entry.Sequence;
                _listener.Decided(entry);
            }
        }

        if (told.Id == _followId)
        {
            _after ??= told.Through;
            Follow();
        }
    }

    private void HeardFrom(string guardian)
    {
        _heardNs = MonotonicClock.NowNs();
        _listener.DecidesNow(guardian);
    }

    private void Follow()
    {
        _followId = ++_lastId;
        _followedAtNs = MonotonicClock.NowNs();
        _way.Tell(new DecisionsQuestion(_followId, Self, _after));
    }

    private void LookAtTheClock()
    {
        long nowNs = MonotonicClock.NowNs();
        foreach ((long id, Pending pending) in _pending.ToArray())
        {
            if (nowNs >= pending.DeadlineNs)
            {
                _pending.Remove(id);
                pending.Ask.Answer.TrySetResult(new ControlRefused(id, "", IsFinal: false, pending.Refusal ?? ""));
            }
            else if (nowNs - pending.SentNs >= AskAgainNs)
            {
                pending.SentNs = nowNs;
                _way.Tell(pending.Question);
            }
        }

        bool isWaiting = _follows || _pending.Count > 0;
        if (isWaiting && nowNs - Math.Max(_heardNs, _waitingSinceNs) >= DoubtNs)
        {
            _way.Tell(WayInDoubt.Instance);
        }

        if (_follows && nowNs - _followedAtNs >= AskAgainNs + (long)(ControlDesk.HoldLimit.TotalSeconds * NsPerSecond))
        {
            Follow();
        }

        if (_follows && nowNs - _heardNs >= SilenceNs)
        {
            _listener.DecidesNow(null);
        }
    }

    /// <summary>A question on its way in.</summary>
    /// <param name="Question">Makes it, of its number and where the answer is to go.</param>
    /// <param name="Within">Then it is given up.</param>
    /// <param name="Answer">Told the answer; a <see cref="ControlRefused"/> where there is none.</param>
    public sealed record Ask(
        Func<long, IActorRef, ControlQuestion> Question, TimeSpan Within, TaskCompletionSource<ControlAnswer> Answer) : INoSerializationVerificationNeeded;

    /// <summary>The order to follow.</summary>
    /// <param name="After">The last entry that is known already; null: none before now is told.</param>
    public sealed record FollowFrom(long? After) : INoSerializationVerificationNeeded;

    private sealed record Pending(Ask Ask, ControlQuestion Question, long DeadlineNs)
    {
        public long SentNs { get; set; }

        public string? Refusal { get; set; }
    }

    private sealed record Tick
    {
        public static readonly Tick Instance = new();
    }
}

/// <summary>Who is told what a caller hears.</summary>
/// <param name="Decided">Of every decision, once, in order.</param>
/// <param name="DecidesNow">Of who decides, again and again; null where nobody answers.</param>
internal sealed record ControlListener(Action<LedgerEntry> Decided, Action<string?> DecidesNow);
