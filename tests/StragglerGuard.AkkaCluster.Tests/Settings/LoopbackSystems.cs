using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Akka.Actor;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Hosting;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Settings;

/// <summary>Systems of a guard in one process, with what they say, stopped with the test.</summary>
internal sealed class LoopbackSystems : IDisposable
{
    private readonly List<ActorSystem> _started = [];

    /// <summary>What the engines have said, newest last.</summary>
    public ConcurrentQueue<string> Said { get; } = [];

    /// <summary>The same as it comes.</summary>
    public Channel<string> Sayings { get; } = Channel.CreateUnbounded<string>();

    /// <summary>What was refused, by kind, as it comes.</summary>
    public Channel<string> Refused { get; } = Channel.CreateUnbounded<string>();

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public static StragglerGuardOptions Options(ClusterSection section) => new() { Cluster = section };

    public static ClusterSection Section(Certificates.Shown? shown = null, string guardians = "127.0.0.1:4053") => new()
    {
        Guardians = guardians,
        CertificateFile = shown?.CertificateFile ?? "",
        KeyFile = shown?.KeyFile ?? "",
        AuthorityFile = shown?.AuthorityFile ?? "",
    };

    public ActorSystem Start(ClusterSection section, ClusterRole role = ClusterRole.AgentClient)
    {
        ActorSystem system = GuardActorSystem.Create(ClusterSettings.ReadOrThrow(Options(section), role), sentence =>
        {
            Said.Enqueue(sentence);
            Sayings.Writer.TryWrite(sentence);
        },
        (kind, _) => Refused.Writer.TryWrite(kind));
        return Keep(system);
    }

    /// <summary>Has a system stopped with the others.</summary>
    public ActorSystem Keep(ActorSystem system)
    {
        _started.Add(system);
        return system;
    }

    public static Address AddressOf(ActorSystem system) => ((ExtendedActorSystem)system).Provider.DefaultAddress;

    /// <summary>An actor below <c>/user</c> of another system.</summary>
    public static IActorRef Far(ActorSystem from, Address there, string name) =>
        ((ExtendedActorSystem)from).Provider.ResolveActorRef($"{there}/user/{name}");

    /// <summary>Starts an actor that hands on whatever it is told.</summary>
    public static (IActorRef Actor, ChannelReader<object> Heard) Listen(ActorSystem system, string name)
    {
        var heard = Channel.CreateUnbounded<object>();
        return (system.ActorOf(Props.Create(() => new Listener(heard.Writer)), name), heard.Reader);
    }

    /// <summary>Waits until something is said that contains the words.</summary>
    public async Task<string> Hear(string words)
    {
        while (true)
        {
            string said = await Sayings.Reader.Next();
            if (said.Contains(words, StringComparison.OrdinalIgnoreCase))
            {
                return said;
            }
        }
    }

    /// <summary>Tells somebody something every second until the test ends: the first connection may fail for another reason than the one to be seen.</summary>
    public static void KeepTelling(ActorSystem from, IActorRef to, object message) =>
        from.Scheduler.ScheduleTellRepeatedly(TimeSpan.Zero, TimeSpan.FromSeconds(1), to, message, ActorRefs.NoSender);

    /// <summary>Waits until something of a kind is refused.</summary>
    public async Task HearRefused(string kind)
    {
        while (await Refused.Reader.Next() != kind)
        {
        }
    }

    public void Dispose() => Task.WaitAll([.. _started.Select(system => system.Terminate())], Patience.Limit);

    private sealed class Listener(ChannelWriter<object> heard) : UntypedActor
    {
        protected override void OnReceive(object message) => heard.TryWrite(message);
    }
}
