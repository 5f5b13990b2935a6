using Akka.Actor;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Fabric.Wire;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;

namespace StragglerGuard.AkkaCluster.Control;

/// <summary>Answers questions for the guardian that decides: child of the singleton, for as long as that has a ledger.</summary>
/// <remarks>
/// It keeps nothing: what was decided it reads from the ledger, so that a guardian that takes over answers as the one before would have. What
/// may wait, for the ledger or for a report that is being judged, runs beside the actor.
/// </remarks>
internal sealed class ControlDesk : ReceiveActor, IWithTimers
{
    /// <summary>Nothing new in the ledger for so long is an answer, too: the asker knows who decides.</summary>
    public static readonly TimeSpan HoldLimit = TimeSpan.FromSeconds(1);

    /// <summary>An envelope and the names of actors come on top of an answer.</summary>
    private const int AnswerBytesMax = WireFormat.MessageBytesMax - (64 << 10);

    private const int DecisionsBytesMax = 1 << 20;
    private const int EntriesMax = 4_096;
    private const int HeldMax = 256;
    private const int WaitingMax = 64;

    private readonly GuardianService _service;
    private readonly ILedgerReader _ledger;
    private readonly Func<ModeOrder, string?> _objectionTo;
    private readonly Queue<(ControlQuestion Question, Func<ControlAnswer> Answer)> _waiting = [];
    private readonly HashSet<(IActorRef Asker, long Id)> _known = [];
    private readonly Dictionary<IActorRef, DecisionsQuestion> _held = [];
    private readonly Action<LedgerEntry> _onDecided;
    private readonly int _answerBytesMax;
    private bool _isReading;
    private bool _readsAgain;
    private bool _isAnswering;

    /// <summary>For <see cref="PropsOf"/>.</summary>
    public ControlDesk(GuardianService service, ILedgerReader ledger, Func<ModeOrder, string?> objectionTo, int answerBytesMax)
    {
        _service = service;
        _ledger = ledger;
        _objectionTo = objectionTo;
        _answerBytesMax = answerBytesMax;
        IActorRef self = Self;
        _onDecided = _ => self.Tell(LedgerGrew.Instance);

        Receive<DecisionsQuestion>(Hold);
        Receive<StatusQuestion>(question => AnswerBeside(question, () => StatusOf(question)));
        Receive<EndQuestion>(question => AnswerBeside(question, () => EndOf(question)));
        Receive<ModeOrder>(Obey);
        Receive<LedgerGrew>(_ => Read(isTick: false));
        Receive<HoldIsOver>(_ => Read(isTick: true));
        Receive<LedgerRead>(Tell);
        Receive<Answered>(answered =>
        {
            answered.To.Tell(answered.Answer);
            _known.Remove((answered.To, answered.Answer.Id));
            _isAnswering = false;
            AnswerNext();
        });
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>How to make one.</summary>
    /// <param name="service">Who decides.</param>
    /// <param name="ledger">What was decided.</param>
    /// <param name="objectionTo">Why an order is not to be obeyed, in words; null where nothing speaks against it.</param>
    /// <param name="answerBytesMax">A larger answer is refused.</param>
    public static Props PropsOf(
        GuardianService service, ILedgerReader ledger, Func<ModeOrder, string?> objectionTo, int answerBytesMax = AnswerBytesMax) =>
        Props.Create(() => new ControlDesk(service, ledger, objectionTo, answerBytesMax));

    /// <inheritdoc/>
    protected override void PreStart()
    {
        _service.Decided += _onDecided;
        Timers.StartPeriodicTimer(nameof(HoldIsOver), HoldIsOver.Instance, HoldLimit);
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        _service.Decided -= _onDecided;
        foreach ((IActorRef asker, DecisionsQuestion question) in _held)
        {
            asker.Tell(Refuse(question, "this guardian stops deciding"));
        }

        foreach ((ControlQuestion question, _) in _waiting)
        {
            question.ReplyTo.Tell(Refuse(question, "this guardian stops deciding"));
        }
    }

    private void Hold(DecisionsQuestion question)
    {
        if (_held.Count >= HeldMax && !_held.ContainsKey(question.ReplyTo))
        {
            question.ReplyTo.Tell(Refuse(question, FormattableString.Invariant($"{HeldMax} others listen to the decisions already")));
            return;
        }

        _held[question.ReplyTo] = question;
        Read(isTick: false);
    }

    /// <summary>Reads beside the actor what those who wait don't know; one read at a time.</summary>
    private void Read(bool isTick)
    {
        if (_held.Count == 0)
        {
            return;
        }

        if (_isReading)
        {
            _readsAgain = true;
            return;
        }

        _isReading = true;
        _readsAgain = false;
        long after = _held.Values.Min(question => question.After ?? long.MaxValue);
        Task.Run(() => ReadAfter(after, isTick)).PipeTo(Self);
    }

    private LedgerRead ReadAfter(long after, bool isTick)
    {
        try
        {
            long last = _ledger.LastSequence;
            IReadOnlyList<LedgerEntry> entries = after < last ? _ledger.Read(after + 1, EntriesMax) : [];
            return new LedgerRead(after, last, entries, isTick, Fault: null);
        }
        catch (Exception fault)
        {
            return new LedgerRead(after, 0, [], isTick, fault.Message);
        }
    }

    private void Tell(LedgerRead read)
    {
        _isReading = false;
        foreach ((IActorRef asker, DecisionsQuestion question) in _held.ToArray())
        {
            if (TellOne(asker, question, read))
            {
                _held.Remove(asker);
            }
        }

        if (_readsAgain)
        {
            Read(isTick: false);
        }
    }

    /// <returns>Whether the question is answered.</returns>
    private bool TellOne(IActorRef asker, DecisionsQuestion question, LedgerRead read)
    {
        if (read.Fault is not null)
        {
            asker.Tell(Refuse(question, $"the ledger can't be read: {read.Fault}"));
            return true;
        }

        if (question.After is not { } after)
        {
            asker.Tell(new DecisionsTold(question.Id, _service.Name, read.Last, []));
            return true;
        }

        if (after < read.After)
        {
            // Asked while the read was under way.
            _readsAgain = true;
            return false;
        }

        var batch = new List<LedgerEntry>();
        int bytes = 0;
        bool hasTold = false;
        foreach (LedgerEntry entry in read.Entries.Where(entry => entry.Sequence > after).Take(EntriesMax))
        {
            int more = ControlFormats.BytesOf(entry);
            if (batch.Count > 0 && bytes + more > DecisionsBytesMax)
            {
                Send();
            }

            batch.Add(entry);
            bytes += more;
        }

        if (batch.Count > 0)
        {
            Send();
        }
        else if (read.IsTick)
        {
            asker.Tell(new DecisionsTold(question.Id, _service.Name, after, []));
            hasTold = true;
        }

        return hasTold;

        void Send()
        {
            asker.Tell(new DecisionsTold(question.Id, _service.Name, batch[^1].Sequence, batch.ToArray()));
            batch.Clear();
            (bytes, hasTold) = (0, true);
        }
    }

    private void AnswerBeside(ControlQuestion question, Func<ControlAnswer> answer)
    {
        if (_known.Contains((question.ReplyTo, question.Id)))
        {
            return; // Asked again because the answer takes its time.
        }

        if (_waiting.Count >= WaitingMax)
        {
            question.ReplyTo.Tell(Refuse(question, FormattableString.Invariant($"{WaitingMax} questions wait to be answered already")));
            return;
        }

        _known.Add((question.ReplyTo, question.Id));
        _waiting.Enqueue((question, answer));
        AnswerNext();
    }

    /// <summary>One at a time: where the ledger hangs one thread hangs with it, and not one for each who asks.</summary>
    private void AnswerNext()
    {
        if (!_isAnswering && _waiting.TryDequeue(out (ControlQuestion Question, Func<ControlAnswer> Answer) next))
        {
            _isAnswering = true;
            Task.Run(() => new Answered(next.Question.ReplyTo, AnswerOrRefuse(next.Question, next.Answer))).PipeTo(Self);
        }
    }

    private ControlAnswer AnswerOrRefuse(ControlQuestion question, Func<ControlAnswer> answer)
    {
        try
        {
            ControlAnswer given = answer();
            return ControlFormats.BytesOf(given) is var bytes && bytes > _answerBytesMax
                ? Refuse(question, FormattableString.Invariant($"the answer has {bytes} bytes, {_answerBytesMax} are allowed"), isFinal: true)
                : given;
        }
        catch (Exception mistake)
        {
            return Refuse(question, $"{mistake.GetType().Name}: {mistake.Message}");
        }
    }

    private StatusTold StatusOf(StatusQuestion question) => new(question.Id, _service.Name, _service.Status(question.Job));

    private EndTold EndOf(EndQuestion question) => new(question.Id, _service.Name, _service.HasEnded(question.Job));

    private void Obey(ModeOrder order)
    {
        if (_objectionTo(order) is { } objection)
        {
            order.ReplyTo.Tell(Refuse(order, objection, isFinal: true));
            return;
        }

        AnswerBeside(order, () =>
        {
            _service.SetMode(order.Job, order.Mode, order.FromStep, order.Reason);
            return new ModeSet(order.Id, _service.Name);
        });
    }

    private ControlRefused Refuse(ControlQuestion question, string reason, bool isFinal = false) =>
        new(question.Id, _service.Name, isFinal, reason);

    private sealed record LedgerGrew
    {
        public static readonly LedgerGrew Instance = new();
    }

    private sealed record HoldIsOver
    {
        public static readonly HoldIsOver Instance = new();
    }

    private sealed record LedgerRead(long After, long Last, IReadOnlyList<LedgerEntry> Entries, bool IsTick, string? Fault);

    private sealed record Answered(IActorRef To, ControlAnswer Answer);
}
