using Akka.Actor;
using Akka.Cluster;
using StragglerGuard.AkkaCluster.Settings;

namespace StragglerGuard.AkkaCluster.Agents;

/// <summary>
/// Brings agents that are members back into the cluster that went on without them, or that the guardians form anew. An actor system that was put
/// out ends, for nobody listens to it again under the same incarnation, and so does one in whose cluster no guardian is left: another one takes
/// its place, and joins.
/// </summary>
internal sealed class MemberReturn : IDisposable
{
    /// <summary>Between the end of one system and the next, at first; twice as long each time that it comes to nothing.</summary>
    private static readonly TimeSpan s_pauseMin = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan s_pauseMax = TimeSpan.FromSeconds(5);

    private readonly Func<ActorSystem> _again;
    private readonly Func<ActorSystem, bool> _onBegun;
    private readonly Action<string> _onSaid;
    private readonly CancellationTokenSource _closing = new();
    private volatile ActorSystem _system;
    private volatile bool _isUp;
    private volatile bool _hasSaidWhy;
    private string? _lastTrouble;

    /// <summary>Begins to watch.</summary>
    /// <param name="again">Starts another system like it.</param>
    /// <param name="system">Just started.</param>
    /// <param name="onBegun">Has the next system carry the agents; false where there are none to carry any more, and the system is to end.</param>
    /// <param name="onSaid">Told, in a sentence each, when this process was put out, and when it is back. Does not throw.</param>
    public MemberReturn(Func<ActorSystem> again, ActorSystem system, Func<ActorSystem, bool> onBegun, Action<string> onSaid)
    {
        _again = again;
        _onBegun = onBegun;
        _onSaid = onSaid;
        _system = system;
        Watch(system, isFirst: true);
        Over = Task.Run(RunAsync);
    }

    /// <summary>Completes after <see cref="Dispose"/>, when the system that there is then has ended.</summary>
    public Task Over { get; }

    /// <summary>No other system is to begin, without waiting; whoever calls this, once, ends the one that there is.</summary>
    public void Dispose()
    {
        _closing.Cancel();
        Over.ContinueWith(_ => _closing.Dispose(), TaskScheduler.Default);
    }

    private async Task RunAsync()
    {
        TimeSpan pause = s_pauseMin;
        while (true)
        {
            await _system.WhenTerminated.ConfigureAwait(false);
            pause = _isUp ? s_pauseMin : pause;
            _isUp = false;
            while (!await TryBeginAgainAsync(pause).ConfigureAwait(false))
            {
                if (_closing.IsCancellationRequested)
                {
                    return;
                }

                pause = Longer(pause);
            }

            // One that is put out before it was in is not to come and go without pause.
            pause = Longer(pause);
        }
    }

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < s_pauseMax ? pause * 2 : s_pauseMax;

    private async Task<bool> TryBeginAgainAsync(TimeSpan pause)
    {
        ActorSystem? system = null;
        try
        {
            await Task.Delay(pause, _closing.Token).ConfigureAwait(false);
            system = _again();
            if (_onBegun(system))
            {
                _system = system;
                _hasSaidWhy = false;
                Watch(system, isFirst: false);
                _lastTrouble = null;
                return true;
            }
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // It closes.
        }
        catch (Exception fault)
        {
            // Such as a port that is still taken by what is left of the system before.
            string trouble = fault.GetBaseException().Message;
            if (_lastTrouble != trouble)
            {
                _lastTrouble = trouble;
                _onSaid($"this process can't join the guardians again yet: {trouble}");
            }
        }

        if (system is not null)
        {
            await system.Terminate().ConfigureAwait(false);
            await system.WhenTerminated.ConfigureAwait(false);
        }

        return false;
    }

    private void Watch(ActorSystem system, bool isFirst)
    {
        Cluster cluster = Cluster.Get(system);
        cluster.RegisterOnMemberUp(() =>
        {
            _isUp = _system == system;
            if (!isFirst && !_closing.IsCancellationRequested)
            {
                _onSaid("the guardians have this process among them again: its agents report what has waited");
            }
        });
        cluster.RegisterOnMemberRemoved(() => SayWhy("the guardians heard nothing of this process, or it of them, and it was put out"));
        system.ActorOf(
            Props.Create(() => new LastGuardianWatch(() => LeaveOrphaned(system))).WithDispatcher("akka.actor.internal-dispatcher"),
            $"{GuardNames.System}-guardians");
    }

    /// <summary>Guardians that come again form a cluster of their own, which this member would never hear of.</summary>
    private void LeaveOrphaned(ActorSystem system)
    {
        if (CoordinatedShutdown.Get(system).ShutdownReason is null)
        {
            SayWhy("the last guardian has left");
            _ = CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.ClusterLeavingReason.Instance);
        }
    }

    private void SayWhy(string why)
    {
        if (!_closing.IsCancellationRequested && !_hasSaidWhy)
        {
            _hasSaidWhy = true;
            _onSaid($"{why}: the ranks of this process go on, its newest reports wait, and it joins again");
        }
    }
}

/// <summary>Tells when no guardian is left in the cluster that this system is a member of.</summary>
internal sealed class LastGuardianWatch : ReceiveActor
{
    private readonly HashSet<UniqueAddress> _guardians = [];

    /// <param name="onNoneLeft">Told once there were some and there is none.</param>
    public LastGuardianWatch(Action onNoneLeft)
    {
        Receive<ClusterEvent.MemberRemoved>(removed =>
        {
            if (_guardians.Remove(removed.Member.UniqueAddress) && _guardians.Count == 0 && !Cluster.Get(Context.System).IsTerminated)
            {
                onNoneLeft();
            }
        });
        Receive<ClusterEvent.IMemberEvent>(change =>
        {
            if (change.Member.HasRole(GuardNames.GuardianRole))
            {
                _guardians.Add(change.Member.UniqueAddress);
            }
        });
    }

    /// <inheritdoc/>
    protected override void PreStart() => Cluster.Get(Context.System).Subscribe(
        Self, ClusterEvent.InitialStateAsEvents, typeof(ClusterEvent.IMemberEvent));
}
