using Akka.Actor;
using Akka.Cluster.Tools.Client;
using Akka.Cluster.Tools.Singleton;
using Akka.Configuration;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>The names of the guardian in a cluster, and its parts in an actor system.</summary>
internal static class GuardianSingleton
{
    /// <summary>The role of cluster members that may be the guardian.</summary>
    public const string Role = "guardian";

    /// <summary>Who starts the guardian here when this process is the oldest.</summary>
    public const string Manager = "stragglerguard";

    /// <summary>Who finds the guardian wherever it is; what agents that are clients speak to.</summary>
    public const string Proxy = "stragglerguard-proxy";

    /// <summary>The path of the proxy, as a client of the cluster names it.</summary>
    public const string ProxyPath = "/user/" + Proxy;

    private const string Name = "guardian";

    /// <summary>Between two attempts of a handover; the default, a second, would be a good part of the time that one may take.</summary>
    private static readonly TimeSpan HandOverRetry = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// Attempts before a guardian takes a handover for stuck: as the default, 15 s of them. And a proxy keeps nothing back: agents do, and know
    /// what was received.
    /// </summary>
    private static readonly Config Tuning = ConfigurationFactory.ParseString("""
        akka.cluster.singleton.min-number-of-hand-over-retries = 75
        akka.cluster.singleton-proxy.buffer-size = 0
        akka.cluster.singleton-proxy.singleton-identification-interval = 200ms
        """);

    /// <summary>Makes a member with the role a candidate, and lets clients of the cluster reach the guardian through it.</summary>
    /// <param name="system">The member's system.</param>
    /// <param name="post">What belongs to its process.</param>
    public static void Start(ActorSystem system, GuardianPost post)
    {
        system.Settings.InjectTopLevelFallback(Tuning);
        system.ActorOf(
            ClusterSingletonManager.Props(
                Props.Create(() => new GuardianActor(post)),
                GuardianActor.HandOver.Instance,
                ClusterSingletonManagerSettings.Create(system).WithSingletonName(Name).WithRole(Role).WithHandOverRetryInterval(HandOverRetry)),
            Manager);
        ClusterClientReceptionist.Get(system).RegisterService(StartProxy(system));
    }

    /// <summary>Starts who finds the guardian: in a guardian, or in an agent that is a member of the cluster.</summary>
    public static IActorRef StartProxy(ActorSystem system)
    {
        system.Settings.InjectTopLevelFallback(Tuning);
        return system.ActorOf(
            ClusterSingletonProxy.Props($"/user/{Manager}", ClusterSingletonProxySettings.Create(system).WithSingletonName(Name).WithRole(Role)), Proxy);
    }
}
