using Akka.Actor;
using Akka.Configuration;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>The actor system of a guardian, from the options.</summary>
internal static class ClusterSystem
{
    public static ActorSystem Create(StragglerGuardOptions options)
    {
        ClusterSection cluster = options.Cluster;
        return ActorSystem.Create("stragglerguard", BootstrapSetup.Create().WithConfig(ConfigurationFactory.ParseString(FormattableString.Invariant($$"""
            akka {
              loglevel = WARNING
              stdout-loglevel = OFF
              scheduler.tick-duration = 100ms
              actor.provider = cluster
              coordinated-shutdown.run-by-clr-shutdown-hook = off
              remote.dot-netty.tcp { hostname = "{{cluster.Host}}", port = {{cluster.Port ?? 0}} }
              cluster {
                roles = [guardian]
                gossip-interval = 200ms
                leader-actions-interval = 200ms
                unreachable-nodes-reaper-interval = 200ms
                periodic-tasks-initial-delay = 200ms
                failure-detector { heartbeat-interval = 200ms, acceptable-heartbeat-pause = {{cluster.FailureSeconds}}s }
                down-removal-margin = {{cluster.SettleSeconds}}s
                split-brain-resolver { active-strategy = keep-majority, stable-after = {{cluster.SettleSeconds}}s, keep-majority.role = guardian }
              }
            }
            """))));
    }
}
