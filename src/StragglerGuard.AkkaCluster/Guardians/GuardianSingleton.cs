using Akka.Actor;
using Akka.Cluster.Tools.Client;
using Akka.Cluster.Tools.Singleton;
using Akka.Configuration;
using StragglerGuard.AkkaCluster.Settings;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>The guardian's parts in an actor system.</summary>
internal static class GuardianSingleton
{
    /// <summary>Between two attempts of a handover; the default, a second, would be a good part of the time that one may take.</summary>
    private static readonly TimeSpan HandOverRetry = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// For a system that is somebody else's, whose own settings win. A handover is not taken for stuck before 15 s. A proxy keeps nothing back:
    /// agents do, and know what was received.
    /// </summary>
    private static readonly Config Tuning = ConfigurationFactory.ParseString("""
        akka.cluster.singleton.min-number-of-hand-over-retries = 75
        akka.cluster.singleton-proxy {
          buffer-size = 0
          singleton-identification-interval = 200ms
          log-singleton-identification-failure = off
        }
        """);

    /// <summary>Makes a member with the role a candidate, and lets clients of the cluster reach the guardian through it.</summary>
    /// <param name="system">The member's system.</param>
    /// <param name="post">What belongs to its process.</param>
    /// <returns>Both actors.</returns>
    public static IReadOnlyList<IActorRef> Start(ActorSystem system, GuardianPost post)
    {
        system.Settings.InjectTopLevelFallback(Tuning);
        IActorRef manager = system.ActorOf(
            ClusterSingletonManager.Props(
                Props.Create(() => new GuardianActor(post)),
                GuardianActor.HandOver.Instance,
                ClusterSingletonManagerSettings.Create(system).WithSingletonName(GuardNames.Singleton).WithRole(GuardNames.GuardianRole).WithHandOverRetryInterval(HandOverRetry)),
            GuardNames.SingletonManager);
        Props proxy = ClusterSingletonProxy.Props(
            $"/user/{GuardNames.SingletonManager}",
            ClusterSingletonProxySettings.Create(system).WithSingletonName(GuardNames.Singleton).WithRole(GuardNames.GuardianRole));
        IActorRef door = system.ActorOf(Props.Create(() => new DoorActor(proxy, post)), GuardNames.SingletonProxy);
        ClusterClientReceptionist.Get(system).RegisterService(door);
        return [manager, door];
    }
}
