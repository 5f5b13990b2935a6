using Akka.Actor;
using StragglerGuard.AkkaCluster.Messages;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>
/// Where clients come in, on every guardian: passes on to the one that decides, wherever it is. What can't be read ends here, counted: it could not
/// be written again for the way to another process.
/// </summary>
internal sealed class DoorActor : ReceiveActor
{
    /// <param name="proxy">Knows where the guardian is.</param>
    /// <param name="post">Counts.</param>
    public DoorActor(Props proxy, GuardianPost post)
    {
        IActorRef way = Context.ActorOf(proxy, "way");
        Receive<Unreadable>(post.Refuse);
        ReceiveAny(way.Forward);
    }
}
