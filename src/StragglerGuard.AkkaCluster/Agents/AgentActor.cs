using Akka.Actor;
using Akka.Event;
using Akka.Remote;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Fabric;
using StragglerGuard.Fabric.Wire;

namespace StragglerGuard.AkkaCluster.Agents;

/// <summary>
/// One node's agent: sends what its <see cref="AgentPort"/> was handed to the guardian, and hands down what comes from there. When and
/// which way is <see cref="ReportWindow"/>'s to say.
/// </summary>
internal sealed class AgentActor : UntypedActor, IWithTimers
{
    /// <summary>How often it looks whether something is due; seldom enough that an idle agent costs nothing.</summary>
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(500);

    private readonly AgentPort _port;
    private readonly IActorRef _way;
    private readonly ReportWindow _window;
    private readonly List<FlushRequest> _flushes = [];
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private IActorRef _intake = ActorRefs.Nobody;

    /// <param name="port">Whose actor this is.</param>
    /// <param name="way">Takes messages for whichever guardian decides, <see cref="WayInDoubt"/> and <see cref="WayServes"/>.</param>
    public AgentActor(AgentPort port, IActorRef way)
    {
        _port = port;
        _way = way;
        _window = port.Window;
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    private long NowNs => _port.NowNs();

    /// <summary>Where reports go: while the intake isn't known, or can't be reached, whoever knows the way.</summary>
    private IActorRef Recipient => _window.Guardian is null || _window.IsOnDetour ? _way : _intake;

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
        Timers.StartPeriodicTimer(nameof(LookAround), LookAround.Instance, s_tick);
        Self.Tell(LookAround.Instance);
    }

    /// <summary>The window outlives this actor, where the guardian takes reports doesn't: it is to be asked for again.</summary>
    protected override void PostRestart(Exception reason)
    {
        _window.Farewell(NowNs);
        base.PostRestart(reason);
    }

    /// <inheritdoc/>
    protected override void PostStop() => _port.GiveBack(_flushes);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ReportsWaiting:
                _port.IsWoken();
                SendWaiting();
                break;
            case LookAround:
                Look();
                break;
            case ReportReceipt receipt:
                if (_window.Acknowledge(receipt.Sequence, NowNs) > 0)
                {
                    _port.ShowReceipt(NowNs);
                }

                if (receipt.LacksOlder && _window.HasGap(NowNs))
                {
                    SendAgain(NowNs);
                }

                SendWaiting();
                break;
            case GuardianWelcome welcome:
                Welcome(welcome);
                break;
            case GuardianFarewell farewell when farewell.Guardian == _port.Guardian:
                _window.Farewell(NowNs);
                Look();
                break;
            case GuardianFarewell:
                // Another one has welcomed this agent already.
                break;
            case PlanOffered offered:
                Deliver(offered.Offer);
                break;
            case DisassociatedEvent ended when ended.RemoteAddress == _intake.Path.Address:
                _window.LoseTouch(NowNs);
                Look();
                break;
            case DisassociatedEvent:
                break;
            case Leave:
                SayGoodbye();
                break;
            case Unreadable unreadable:
                _port.Refusals.Count(unreadable);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Look()
    {
        long nowNs = NowNs;
        if (_window.IsSilent(nowNs))
        {
            _way.Tell(WayInDoubt.Instance);
        }

        if (_window.IsHelloDue(nowNs))
        {
            _window.SaidHello(nowNs);
            _way.Tell(new AgentHello(_port.Node, Self));
        }

        SendWaiting();
    }

    private void Welcome(GuardianWelcome welcome)
    {
        long nowNs = NowNs;
        _intake = welcome.Intake;
        _way.Tell(WayServes.Instance);
        _port.ShowWelcome(welcome.Guardian, nowNs);

        // An actor that was started anew knows nothing of what the one before it had taken in.
        string guardian = $"{welcome.Guardian} {welcome.Intake.Path.ToSerializationFormat()}";
        if (_window.Guardian != guardian)
        {
            _port.ShowOtherGuardian();
        }

        if (_window.Welcome(guardian, nowNs))
        {
            SendAgain(nowNs);
        }

        SendWaiting();
    }

    private void SendAgain(long nowNs)
    {
        foreach ((NodeReport report, bool wantsReceipt) in _window.SendAgain(nowNs))
        {
            Send(report, wantsReceipt);
        }
    }

    /// <summary>Sends as much as may be under way.</summary>
    private void SendWaiting()
    {
        long nowNs = NowNs;
        _port.TakeFlushes(_flushes);
        _flushes.RemoveAll(static flush => flush.IsGivenUp);
        while (_window.TakesMore && _port.Waiting.Reader.TryRead(out NodeReport? report))
        {
            if (ReportSize.IsTooLarge(report))
            {
                _port.Waiting.CountDropped();
                _window.LeaveOut(report);
                continue;
            }

            Send(report, _window.Send(report, nowNs, isAwaited: _flushes.Count > 0));
        }

        _port.ShowSettled(_window.Settled);
        if (_flushes.Count > 0)
        {
            _flushes.RemoveAll(IsDone);
            if (_flushes.Count > 0 && _window.AskForNewest(nowNs) is { } newest)
            {
                Send(newest, wantsReceipt: true);
            }
        }
    }

    private bool IsDone(FlushRequest flush) =>
        _window.HasSettled(flush.Sequence)
        && !(_port.Waiting.Reader.TryPeek(out NodeReport? oldest) && oldest.Sequence <= flush.Sequence)
        && flush.Done.TrySetResult(true);

    private void Send(NodeReport report, bool wantsReceipt) =>
        Recipient.Tell(new AgentReport(report, wantsReceipt) { Agent = _port.Number, Distance = _window.DistanceOf(report) });

    private void Deliver(OfferedPlan offer)
    {
        if (_port.IsClosed)
        {
            return;
        }

        try
        {
            _port.OnOffer(offer);
        }
        catch (Exception mistake) when (mistake is not OutOfMemoryException)
        {
            // The callback is not to throw; where it does, the way must not break under the reports.
            _log.Error(mistake, "an offered plan was not taken");
        }
    }

    /// <summary>
    /// The last reports go out unasked for: nobody would hear the receipts. Where the guardian is out of touch it lacks those under way, too,
    /// and the way that hellos go may be open.
    /// </summary>
    private void SayGoodbye()
    {
        if (_window.Guardian is null)
        {
            foreach (NodeReport report in _window.Kept)
            {
                Send(report, wantsReceipt: false);
            }
        }

        while (_port.Waiting.Reader.TryRead(out NodeReport? report))
        {
            if (ReportSize.IsTooLarge(report))
            {
                _port.Waiting.CountDropped();
                continue;
            }

            Send(report, wantsReceipt: false);
        }

        Recipient.Tell(new AgentGoodbye(_port.Node, Self));
        _port.ShowEnd();
        Context.Stop(Self);
    }

    /// <summary>Reports, or somebody who waits for receipts, wait at the port.</summary>
    internal sealed class ReportsWaiting
    {
        public static readonly ReportsWaiting Instance = new();
    }

    /// <summary>It is time to see what is due.</summary>
    internal sealed class LookAround : INotInfluenceReceiveTimeout
    {
        public static readonly LookAround Instance = new();
    }

    /// <summary>The agent ends.</summary>
    internal sealed class Leave
    {
        public static readonly Leave Instance = new();
    }

    /// <summary>Somebody waits until all reports up to one are acknowledged. Not a message: it is taken from the port.</summary>
    internal sealed record FlushRequest(long Sequence, TaskCompletionSource<bool> Done)
    {
        /// <summary>Nobody waits any more.</summary>
        public bool IsGivenUp => Done.Task.IsCompleted;
    }
}
