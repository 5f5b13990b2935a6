using System.Globalization;
using Akka.Cluster.Tools.Client;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Cluster.Tools.Singleton;
using Akka.Configuration;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Fabric.Wire;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>The engine's configuration, written from the options: nobody else writes any.</summary>
internal static class SystemConfig
{
    /// <summary>What a report of <see cref="WireFormat.MessageBytesMax"/> takes on its way beyond itself: addresses, names, envelopes.</summary>
    private const int FrameOverheadBytes = 64 << 10;

    /// <summary>The largest frame that is sent or taken.</summary>
    public const int FrameBytesMax = WireFormat.MessageBytesMax + FrameOverheadBytes;

    /// <summary>Of a system that is the guard's own.</summary>
    public static Config Of(ClusterSection section, ClusterRole role, bool isEncrypted) => ConfigurationFactory
        .ParseString(Remoting(section, role, isEncrypted))
        .WithFallback(ConfigurationFactory.ParseString(Closed))
        .WithFallback(Quiet)
        .WithFallback(IsClient(role)
            ? ConfigurationFactory.ParseString(ClientOnly)
            : ConfigurationFactory.ParseString(Membership(section, role, isEncrypted)))
        .WithFallback(ConfigurationFactory.ParseString(Dispatchers))

        // How the tools write their envelopes. They add it themselves, but only once they are used: a system reads it when it starts.
        .WithFallback(ClusterClientReceptionist.DefaultConfig())
        .WithFallback(DistributedPubSub.DefaultConfig())
        .WithFallback(ClusterSingleton.DefaultConfig());

    /// <summary>Of a system that reaches nobody, in which ranks run: it outlives what connects this process to others.</summary>
    public static Config Ranks => ConfigurationFactory
        .ParseString("akka.actor.provider = local")
        .WithFallback(ConfigurationFactory.ParseString(Closed))
        .WithFallback(Quiet)
        .WithFallback(ConfigurationFactory.ParseString(Dispatchers));

    /// <summary>What a system of somebody else's lacks: how messages are written, and the dispatcher of ranks.</summary>
    /// <remarks>To be put under the system's own configuration, which wins.</remarks>
    public static Config Embedded { get; } = ConfigurationFactory.ParseString($$"""
        akka.actor {
          serializers.stragglerguard = "{{NameOf(typeof(FabricSerializer))}}"
          serialization-bindings { "{{NameOf(typeof(IFabricMessage))}}" = stragglerguard }
          serialization-identifiers { "{{NameOf(typeof(FabricSerializer))}}" = {{FabricSerializer.FabricIdentifier}} }
        }
        """).WithFallback(ConfigurationFactory.ParseString(Dispatchers));

    private const string Dispatchers = """
        stragglerguard.rank-dispatcher {
          type = PinnedDispatcher
          throughput = 1
        }
        """;

    /// <summary>Nothing is written to the console, and no process ended, by the engine.</summary>
    public static Config Quiet { get; } = ConfigurationFactory.ParseString($$"""
        akka {
          loggers = ["{{NameOf(typeof(GuardLogger))}}"]
          loglevel = WARNING
          stdout-loglevel = OFF
          stdout-logger-class = "{{NameOf(typeof(SilentLogger))}}"
          log-dead-letters = off
          log-dead-letters-during-shutdown = off
          log-config-on-start = off
          log-serializer-override-on-start = off
          scheduler.tick-duration = 100 ms
        }
        """);

    /// <summary>
    /// Only what is listed may be written or read. Serializers that make any type from a name that came over the wire are replaced by
    /// one that refuses, and with remote deployment nobody can start actors here.
    /// </summary>
    private static string Closed { get; } = $$"""
        akka {
          actor {
            serialize-messages = off
            serialize-creators = off
            serializers {
              json = "{{NameOf(typeof(UnlistedTypeSerializer))}}"
              proto = "{{NameOf(typeof(UnlistedTypeSerializer))}}"
              daemon-create = "{{NameOf(typeof(UnlistedTypeSerializer))}}"
            }
            serialization-settings.allow-unregistered-types = false
          }
          coordinated-shutdown {
            default-phase-timeout = 3 s
            phases.cluster-exiting.timeout = 3 s
            exit-clr = off
            run-by-clr-shutdown-hook = off
            terminate-actor-system = on
          }
        }
        """;

    /// <summary>Nobody but the guardians' receptionists has anything to say to an agent: it takes no harmful message from outside.</summary>
    private const string ClientOnly = """
        akka.remote.untrusted-mode = on
        akka.cluster.client {
          use-legacy-serialization = off
          establishing-get-contacts-interval = 1 s
          heartbeat-interval = 4 s
          acceptable-heartbeat-pause = 10 s
          buffer-size = 4
        }
        """;

    private const string OpenTransport = "Akka.Remote.Transport.DotNetty.TcpTransport, Akka.Remote";

    private static bool IsClient(ClusterRole role) => role is ClusterRole.AgentClient or ClusterRole.ControlClient;

    private static string Remoting(ClusterSection section, ClusterRole role, bool isEncrypted)
    {
        string provider = IsClient(role) ? "remote" : "cluster";
        string bind = section.BindAddress.Length == 0 ? section.Host : section.BindAddress;
        bool isIpv6 = bind.Contains(':', StringComparison.Ordinal);
        return $$"""
            akka {
              actor.provider = {{provider}}
              remote {
                log-remote-lifecycle-events = off
                log-frame-size-exceeding = 1048576b
                retry-gate-closed-for = 1 s
                flush-wait-on-shutdown = 500 ms
                transport-failure-detector {
                  heartbeat-interval = 2 s
                  acceptable-heartbeat-pause = 20 s
                }
                dot-netty.tcp {
                  hostname = "{{bind}}"
                  public-hostname = "{{section.Host}}"
                  port = {{section.Port ?? 0}}
                  dns-use-ipv6 = {{OnOff(isIpv6)}}
                  transport-class = "{{(isEncrypted ? NameOf(typeof(EncryptedTransport)) : OpenTransport)}}"
                  enable-ssl = {{OnOff(isEncrypted)}}
                  connection-timeout = 5 s
                  tcp-reuse-addr = off
                  maximum-frame-size = {{FrameBytesMax}}b
                }
              }
            }
            """;
    }

    private static string Membership(ClusterSection section, ClusterRole role, bool isEncrypted)
    {
        // Guardians call the roll before they join: the first of a list would form a cluster of its own while it is cut off from the others.
        string seeds = role == ClusterRole.Guardian
            ? "" : string.Join(", ", section.GuardianEndpoints.Select(guardian => $"\"{AddressOf(guardian, isEncrypted)}\""));

        string name = role == ClusterRole.Guardian ? GuardNames.GuardianRole : GuardNames.AgentRole;
        // A guardian that was put out need not be waited for: its claim keeps the next one from the ledger for as long as it may still write.
        return $$"""
            akka.cluster {
              seed-nodes = [{{seeds}}]
              roles = [{{name}}]
              seed-node-timeout = 2 s
              retry-unsuccessful-join-after = 2 s
              gossip-interval = 200 ms
              leader-actions-interval = 200 ms
              unreachable-nodes-reaper-interval = 200 ms
              periodic-tasks-initial-delay = 200 ms
              allow-weakly-up-members = off
              log-info = off
              run-coordinated-shutdown-when-down = on
              failure-detector {
                heartbeat-interval = 200 ms
                acceptable-heartbeat-pause = {{Seconds(section.FailureSeconds)}}
                expected-response-after = 200 ms
              }
              down-removal-margin = 200 ms
              split-brain-resolver {
                active-strategy = keep-majority
                stable-after = {{Seconds(section.SettleSeconds)}}
                keep-majority.role = {{GuardNames.GuardianRole}}
              }
              singleton {
                singleton-name = {{GuardNames.Singleton}}
                role = {{GuardNames.GuardianRole}}
                hand-over-retry-interval = 200 ms
                min-number-of-hand-over-retries = 75
              }
              singleton-proxy {
                singleton-name = {{GuardNames.Singleton}}
                role = {{GuardNames.GuardianRole}}
                singleton-identification-interval = 200 ms
                log-singleton-identification-failure = off
                buffer-size = 0
              }
              client.use-legacy-serialization = off
              client.receptionist {
                role = {{GuardNames.GuardianRole}}
                number-of-contacts = 16
              }
              pub-sub {
                role = {{GuardNames.GuardianRole}}
                gossip-interval = 500 ms
              }
            }
            """;
    }

    /// <summary>What addresses begin with where connections are encrypted.</summary>
    public const string EncryptedProtocol = "akka.ssl.tcp";

    /// <summary>The address of a guardian's system.</summary>
    public static string AddressOf(ClusterEndpoint guardian, bool isEncrypted) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(isEncrypted ? EncryptedProtocol : "akka.tcp")}://{GuardNames.System}@{EndpointProblems.Shown(guardian.Host)}:{guardian.Port}");

    private static string Seconds(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1000:F0} ms");

    private static string OnOff(bool value) => value ? "on" : "off";

    private static string NameOf(Type type) => $"{type.FullName}, {type.Assembly.GetName().Name}";
}
