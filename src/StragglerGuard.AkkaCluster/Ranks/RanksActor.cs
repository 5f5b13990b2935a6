using Akka.Actor;
using StragglerGuard.AkkaCluster.Settings;

namespace StragglerGuard.AkkaCluster.Ranks;

/// <summary>
/// Supervises the ranks of a process. One whose work throws is not started anew, for its place in the synchronous group is gone; the
/// others go on. Ends when the last has.
/// </summary>
internal sealed class RanksActor(IReadOnlyList<IRankWork> ranks, RankEndings endings) : UntypedActor
{
    private int _running;

    /// <inheritdoc/>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Stop, loggingEnabled: false);

    /// <inheritdoc/>
    protected override void PreStart()
    {
        for (int slot = 0; slot < ranks.Count; slot++)
        {
            int its = slot;
            IRankWork work = ranks[slot];
            Context.Watch(Context.ActorOf(
                Props.Create(() => new RankActor(its, work, endings)).WithDispatcher(GuardNames.RankDispatcher), $"slot-{slot}"));
        }

        _running = ranks.Count;
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Terminated:
                if (--_running == 0)
                {
                    Context.Stop(Self);
                }

                break;
            case RankActor.StopRank:
                foreach (IActorRef rank in Context.GetChildren())
                {
                    rank.Tell(message);
                }

                break;
            default:
                Unhandled(message);
                break;
        }
    }
}
