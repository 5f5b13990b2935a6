using Akka.Actor;
using StragglerGuard.AkkaCluster.Control;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Ledger;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>
/// The guardian as the cluster's singleton. It is here as long as this process is the oldest guardian: claims the ledger, takes the agents'
/// reports in, and gives the claim back before the next guardian begins. What is decided is <see cref="Guardian.GuardianService"/>'s matter.
/// </summary>
internal sealed class GuardianActor : ReceiveActor, IWithTimers
{
    /// <summary>The ledger is asked for again after so long, twice as long each time.</summary>
    private static readonly TimeSpan ClaimAgainMin = TimeSpan.FromMilliseconds(200);

    /// <summary>A claim comes free within seconds of its holder's end: asking more seldom would only lengthen the gap.</summary>
    private static readonly TimeSpan ClaimAgainMax = TimeSpan.FromSeconds(1);

    /// <summary>
    /// A handover waits so long for the ledger. One that can't be reached must not hold it up: what is not written by then never will be here,
    /// and the claim keeps the next guardian from writing before it is free.
    /// </summary>
    private static readonly TimeSpan HandOverMax = TimeSpan.FromSeconds(2);

    /// <summary>So often it looks whether another one has taken the ledger. Nothing depends on how soon: what is written is checked.</summary>
    private static readonly TimeSpan LookAtClaim = TimeSpan.FromSeconds(1);

    private readonly GuardianPost _post;
    private readonly IActorRef _coordinator;
    private ArrivalBook _arrivals = new();
    private Task<GuardianStay>? _beginning;
    private GuardianStay? _stay;
    private IActorRef _desk = ActorRefs.Nobody;
    private TimeSpan _claimAgain = ClaimAgainMin;
    private bool _endsInOrder;

    public GuardianActor(GuardianPost post)
    {
        _post = post;
        _coordinator = Context.ActorOf(Props.Create(() => new CoordinatorActor(post)), "coordinator");
        Become(Claiming);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        _post.ShowClaiming();
        Claim();
    }

    /// <summary>After a mistake the next one begins at once, in this one's place.</summary>
    protected override void PreRestart(Exception reason, object message)
    {
        _endsInOrder = true;
        base.PreRestart(reason, message);
    }

    protected override void PostStop()
    {
        // Where it was not told to hand over: the system ends, or this restarts after a mistake.
        if (_beginning is not null)
        {
            _post.ReleaseAsync(_beginning);
        }

        if (_stay is not null)
        {
            _post.ReleaseAsync(Task.FromResult(_stay));
        }

        _post.ShowGone();
        if (!_endsInOrder)
        {
            _post.TellEndedUnasked(Context.System);
        }
    }

    private void Claim()
    {
        Task<GuardianStay> beginning = _post.BeginAsync(_coordinator);
        _beginning = beginning;
        beginning.PipeTo(Self, success: stay => new Claimed(beginning, stay), failure: fault => new NotClaimed(beginning, fault));
    }

    private void Claiming()
    {

        // What the actor before a restart began is its own to give back, and news of it comes here all the same.
        Receive<Claimed>(claimed => claimed.Beginning != _beginning, _ => { });
        Receive<NotClaimed>(refused => refused.Beginning != _beginning, _ => { });
        Receive<Claimed>(claimed =>
        {
            _beginning = null;
            _stay = claimed.Stay;
            _arrivals = new ArrivalBook();
            _desk = Context.ActorOf(ControlDesk.PropsOf(_stay.Service, _stay.Ledger, _post.ObjectionTo));
            _claimAgain = ClaimAgainMin;
            Timers.StartPeriodicTimer(nameof(CheckClaim), CheckClaim.Instance, LookAtClaim);
            Become(Serving);
            _post.ShowDeciding(_stay);
        });
        Receive<NotClaimed>(refused =>
        {
            _beginning = null;
            _post.ShowTrouble(Say(refused.Fault));
            Timers.StartSingleTimer(nameof(ClaimAgain), ClaimAgain.Instance, _claimAgain);
            _claimAgain = _claimAgain * 2 < ClaimAgainMax ? _claimAgain * 2 : ClaimAgainMax;
        });
        Receive<ClaimAgain>(_ =>
        {
            if (_beginning is null)
            {
                Claim();
            }
        });
        Receive<HandOver>(_ => End());
        Receive<ControlQuestion>(question => question.ReplyTo.Tell(
            new ControlRefused(question.Id, "", IsFinal: false, _post.Trouble ?? "the guardian is about to claim the ledger")));
        CountUnreadable();

        Receive<CheckClaim>(_ => { });

        // Nothing is taken in that can't be judged: without a welcome or a receipt the agents keep it.
        Receive<IFabricMessage>(_ => { });
    }

    private void Serving()
    {
        Receive<AgentReport>(report =>
        {
            _stay!.Fabric.Take(report.Report);
            (long upTo, bool lacksOlder) = _arrivals.Note(report);
            if (report.WantsReceipt)
            {
                Sender.Tell(new ReportReceipt(upTo, lacksOlder));
            }
        });
        Receive<AgentHello>(hello =>
        {
            _coordinator.Tell(hello);
            hello.ReplyTo.Tell(new GuardianWelcome(_stay!.Service.Name, Self));
        });
        Receive<AgentGoodbye>(goodbye => _coordinator.Tell(goodbye));
        Receive<CheckClaim>(_ => GiveUpALostClaim());
        Receive<IControlMessage>(message => _desk.Forward(message));
        Receive<HandOver>(_ => BeginHandOver());
        CountUnreadable();
        Receive<IFabricMessage>(other => _post.Refuse("misdirected", $"{other.GetType().Name} is not for a guardian"));
    }

    /// <summary>
    /// Another guardian has the ledger, as one of a cluster that this one was cut off from may for a while. The service never writes again;
    /// the next one does once the ledger is free.
    /// </summary>
    private void GiveUpALostClaim()
    {
        if (_stay!.Service.LedgerTrouble is not { IsFinal: true, Reason: { } reason })
        {
            return;
        }

        Timers.Cancel(nameof(CheckClaim));
        Context.Stop(_desk);
        _desk = ActorRefs.Nobody;
        Task lost = _post.ReleaseAsync(Task.FromResult(_stay));
        _stay = null;
        _post.ShowClaiming();
        _post.ShowTrouble(reason);
        Become(Claiming);
        lost.PipeTo(Self, success: () => ClaimAgain.Instance);
    }

    private void BeginHandOver()
    {
        GuardianStay stay = _stay!;
        _stay = null;
        Context.Stop(_desk);
        stay.Fabric.HandOver();
        _coordinator.Tell(new CoordinatorActor.ToEveryAgent(new GuardianFarewell(stay.Service.Name)));
        _post.ShowGone();
        Become(HandingOver);
        Task.WhenAny(_post.ReleaseAsync(Task.FromResult(stay)), Task.Delay(HandOverMax)).PipeTo(Self, success: _ => Released.Instance);
    }

    private void HandingOver()
    {
        Receive<CheckClaim>(_ => { });
        Receive<Released>(_ => End());
        CountUnreadable();
        Receive<IFabricMessage>(_ => { });
        Receive<HandOver>(_ => { });
    }

    private void End()
    {
        _endsInOrder = true;
        Context.Stop(Self);
    }

    private void CountUnreadable() => Receive<Unreadable>(message => _post.Refuse(message));

    private static string Say(Exception fault)
    {
        // The ledger's words name its file or server; what they were made of doesn't.
        Exception? said = fault;
        while (said is not (null or LedgerException))
        {
            said = said.InnerException;
        }

        Exception cause = fault.GetBaseException();
        string why = said is null ? $"the guardian can't begin: {cause.GetType().Name}: {cause.Message}" : $"ledger.location: {said.Message}";
        return $"{why.TrimEnd('.')}; the guardian tries again every second";
    }

    /// <summary>What the cluster tells its singleton when another process is to have it.</summary>
    internal sealed class HandOver
    {
        public static readonly HandOver Instance = new();
    }

    private sealed record Claimed(Task<GuardianStay> Beginning, GuardianStay Stay);

    private sealed record NotClaimed(Task<GuardianStay> Beginning, Exception Fault);

    private sealed class ClaimAgain
    {
        public static readonly ClaimAgain Instance = new();
    }

    private sealed class CheckClaim
    {
        public static readonly CheckClaim Instance = new();
    }

    private sealed class Released
    {
        public static readonly Released Instance = new();
    }
}
