using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;
using StragglerGuard.AkkaCluster.Ranks;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Collectives;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using ClusterSettings = StragglerGuard.AkkaCluster.Settings.ClusterSettings;

namespace StragglerGuard.AkkaCluster.Agents;

/// <summary>
/// The agents' half of the fabric over Akka.NET: reports go to whichever guardian of <see cref="StragglerGuardOptions.Cluster"/> decides,
/// plans come back. While none does, the newest 256 reports of each agent wait; the training job never does.
/// </summary>
public sealed class AkkaAgentFabric : IAgentFabric
{
    private static readonly TimeSpan s_leaveLimit = TimeSpan.FromSeconds(2);
    private static long s_started;

    private readonly ActorSystem _system;
    private readonly bool _ownsSystem;
    private readonly IActorRef _way;
    private readonly Refusals _refusals = new();
    private readonly Lock _gate = new();
    private readonly List<AgentPort> _ports = [];
    private readonly Lazy<Task> _closing;
    private long _droppedFormerly;
    private bool _isClosed;

    private AkkaAgentFabric(ActorSystem system, bool ownsSystem, Props way)
    {
        _system = system;
        _ownsSystem = ownsSystem;
        _way = system.ActorOf(way, NameOf("way"));
        _closing = new Lazy<Task>(CloseAsync);
    }

    /// <summary>Messages that came and could not be read: damaged, unknown, or of a newer program. They are ignored.</summary>
    public long MessagesRefused => _refusals.Total;

    /// <summary>Why the last message was refused; null while none was.</summary>
    public string? LastRefusal => _refusals.Last;

    /// <summary>The guardian that answered an agent of this process last; null before the first answer to those that there are.</summary>
    public string? Guardian => Ports().Select(port => port.Guardian).LastOrDefault(guardian => guardian is not null);

    /// <summary>
    /// For how long an agent of this process has had reports without a guardian acknowledging any of them; of several agents, the longest.
    /// </summary>
    /// <value>Null where no report waits. Above a few intervals of the agents: nobody takes the reports in.</value>
    public TimeSpan? UnacknowledgedFor => Standings().Max(agent => agent.Unacknowledged);

    /// <summary>Reports that never were sent: they gave way to newer ones while no guardian took them, or were larger than any may be.</summary>
    /// <value>Of all agents that this process has had.</value>
    public long ReportsDropped
    {
        get
        {
            lock (_gate)
            {
                return _droppedFormerly + _ports.Sum(port => port.ReportsDropped);
            }
        }
    }

    /// <summary>The system that carries it.</summary>
    internal ActorSystem System => _system;

    /// <summary>Starts an actor system for the agents of this process: a client of the guardians, or a member of their cluster.</summary>
    /// <param name="options"><see cref="StragglerGuardOptions.Cluster"/> names the guardians.</param>
    /// <param name="onSaid">Takes warnings, in a sentence each, on a thread of the system; null: nobody hears them.</param>
    /// <returns>At once, whether or not a guardian can be reached.</returns>
    /// <exception cref="ArgumentException">Options that don't hold; the message has a line for each.</exception>
    /// <exception cref="EndpointUnavailableException">The port is in use or not allowed, or the address is not this machine's.</exception>
    public static AkkaAgentFabric Connect(StragglerGuardOptions options, Action<string>? onSaid = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        bool isMember = options.Cluster.Agents == AgentMembership.Members;
        ClusterSettings settings = ClusterSettings.ReadOrThrow(options, isMember ? ClusterRole.AgentMember : ClusterRole.AgentClient);
        ActorSystem system = GuardActorSystem.Create(settings, onSaid ?? (_ => { }));
        var fabric = new AkkaAgentFabric(system, ownsSystem: true, isMember ? MemberProps() : ClientProps([.. settings.Guardians]));
        if (isMember && onSaid is not null)
        {
            Cluster.Get(system).RegisterOnMemberRemoved(() => fabric.SayWhenPutOut(onSaid));
        }

        return fabric;
    }

    /// <summary>
    /// Uses a system of somebody else's, which stays theirs: a member of the guardians' cluster, or one that has remoting and becomes
    /// their client.
    /// </summary>
    /// <exception cref="ArgumentException">A system that can't reach others, or one without guardians in the options.</exception>
    internal static AkkaAgentFabric Join(ActorSystem system, StragglerGuardOptions options)
    {
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(options);
        system.Settings.InjectTopLevelFallback(SystemConfig.Embedded);
        IActorRefProvider provider = ((ExtendedActorSystem)system).Provider;
        if (provider is IClusterActorRefProvider)
        {
            return new AkkaAgentFabric(system, ownsSystem: false, MemberProps());
        }

        if (provider is not IRemoteActorRefProvider)
        {
            throw new ArgumentException(
                $"the actor system {system.Name} has neither cluster nor remoting: it can't reach a guardian", nameof(system));
        }

        bool isEncrypted = provider.DefaultAddress.Protocol == SystemConfig.EncryptedProtocol;
        Address[] guardians =
            [.. options.Cluster.GuardianEndpoints.Select(guardian => Address.Parse(SystemConfig.AddressOf(guardian, isEncrypted)))];
        return guardians.Length > 0
            ? new AkkaAgentFabric(system, ownsSystem: false, ClientProps(guardians))
            : throw new ArgumentException("cluster.guardians: empty; at least one guardian is needed, as host:port", nameof(options));
    }

    /// <inheritdoc/>
    public IAgentPort OpenAgent(NodeId node, Action<OfferedPlan> onOffer)
    {
        ArgumentNullException.ThrowIfNull(onOffer);
        var port = new AgentPort(node, onOffer, _refusals, MonotonicClock.NowNs);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            _ports.RemoveAll(Forget);
            port.Start(_system, _way, NameOf("agent"));
            _ports.Add(port);
        }

        return port;
    }

    /// <summary>Runs ranks of this process, each on a thread of its own, until each has ended.</summary>
    /// <param name="ranks">What each does, at the index of its slot.</param>
    /// <returns>The ranks while they run.</returns>
    public RankCrew RunRanks(IReadOnlyList<IRankWork> ranks)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            return RankCrew.Start(_system, NameOf("ranks"), ranks);
        }
    }

    /// <summary>Says goodbye for every agent, and ends the actor system where it was started here.</summary>
    public ValueTask DisposeAsync() => new(_closing.Value);

    private static Props MemberProps() => Props.Create(() => new MemberWay());

    private static Props ClientProps(Address[] guardians) => Props.Create(() => new ClientWay(guardians));

    private static string NameOf(string part) => $"{GuardNames.System}-{part}-{Interlocked.Increment(ref s_started)}";

    /// <summary>Whoever was put out is not listened to again under the same incarnation.</summary>
    private void SayWhenPutOut(Action<string> onSaid)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }
        }

        onSaid("the guardians heard nothing of this process and put it out: its agents are not heard until it is started again; its ranks go on");
    }

    /// <summary>How each agent stands with the guardians, of those that haven't ended.</summary>
    internal IReadOnlyList<AgentStanding> Standings() => [.. Ports().Where(port => !port.IsClosed).Select(AgentStanding.Of)];

    private bool Forget(AgentPort port)
    {
        if (!port.HasEnded)
        {
            return false;
        }

        _droppedFormerly += port.ReportsDropped;
        return true;
    }

    private AgentPort[] Ports()
    {
        lock (_gate)
        {
            return [.. _ports];
        }
    }

    private async Task CloseAsync()
    {
        AgentPort[] ports;
        lock (_gate)
        {
            _isClosed = true;
            ports = [.. _ports];
        }

        foreach (AgentPort port in ports)
        {
            port.Dispose();
        }

        try
        {
            await Task.WhenAll(ports.Select(port => port.Actor.WatchAsync())).WaitAsync(s_leaveLimit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Their last words are lost; the guardian forgets the silent.
        }

        if (_ownsSystem)
        {
            await _system.Terminate().ConfigureAwait(false);
        }
        else
        {
            _system.Stop(_way);
        }
    }
}
