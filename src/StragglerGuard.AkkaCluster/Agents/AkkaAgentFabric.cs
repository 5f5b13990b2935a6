using System.Globalization;
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
/// <remarks>
/// A process whose agents are members, and that the guardians put out because nothing was heard of it, joins them again by itself, and says both.
/// Its ranks, which have an actor system of their own, don't notice.
/// </remarks>
public sealed class AkkaAgentFabric : IAgentFabric
{
    /// <summary>Goodbyes take no longer than this; then the guardian forgets the silent.</summary>
    private static readonly TimeSpan s_leaveLimit = TimeSpan.FromSeconds(2);

    private static long s_started;

    private readonly bool _ownsSystem;
    private readonly Props _wayProps;
    private readonly Action<string> _onSaid;
    private readonly Refusals _refusals;
    private readonly Lock _gate = new();
    private readonly List<AgentPort> _ports = [];
    private readonly List<RankCrew> _crews = [];
    private readonly Lazy<Task> _closing;
    private readonly MemberReturn? _return;
    private ActorSystem _system;
    private IActorRef _way;
    private ActorSystem? _ranks;
    private long _droppedFormerly;
    private bool _isClosed;

    /// <summary>Uses a system of somebody else's.</summary>
    private AkkaAgentFabric(ActorSystem system, Props way, Refusals refusals)
    {
        _refusals = refusals;
        _system = system;
        _wayProps = way;
        _onSaid = static _ => { };
        _way = system.ActorOf(way, NameOf("way"));
        _closing = new Lazy<Task>(CloseAsync);
    }

    /// <summary>Has a system of its own, which was just started.</summary>
    private AkkaAgentFabric(ActorSystem system, Props way, Refusals refusals, Func<ActorSystem>? again, Action<string> onSaid)
        : this(system, way, refusals)
    {
        _ownsSystem = true;
        _onSaid = onSaid;
        _return = again is null ? null : new MemberReturn(again, system, TryCarry, Say);
    }

    /// <summary>How long <see cref="DisposeAsync"/> takes at most.</summary>
    /// <value>5 s.</value>
    public static TimeSpan EndLimit { get; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Messages that came and could not be read, damaged, unknown, or of a newer program, and connections and frames that were refused. They are ignored.
    /// </summary>
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

    /// <summary>The system that carries it now; another one after it was put out of the cluster.</summary>
    internal ActorSystem System
    {
        get
        {
            lock (_gate)
            {
                return _system;
            }
        }
    }

    /// <summary>As <see cref="EndLimit"/>, of this one.</summary>
    internal TimeSpan EndMax { get; set; } = EndLimit;

    /// <summary>Starts an actor system for the agents of this process: a client of the guardians, or a member of their cluster.</summary>
    /// <param name="options"><see cref="StragglerGuardOptions.Cluster"/> names the guardians.</param>
    /// <param name="onSaid">
    /// Takes warnings, in a sentence each, on a thread of the system: also that this process was put out of the cluster, and that it is back; null:
    /// nobody hears them.
    /// </param>
    /// <returns>At once, whether or not a guardian can be reached.</returns>
    /// <exception cref="ArgumentException">Options that don't hold; the message has a line for each.</exception>
    /// <exception cref="EndpointUnavailableException">The port is in use or not allowed, or the address is not this machine's.</exception>
    public static AkkaAgentFabric Connect(StragglerGuardOptions options, Action<string>? onSaid = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        bool isMember = options.Cluster.Agents == AgentMembership.Members;
        ClusterSettings settings = ClusterSettings.ReadOrThrow(options, isMember ? ClusterRole.AgentMember : ClusterRole.AgentClient);
        Action<string> said = onSaid ?? (static _ => { });
        var refusals = new Refusals();
        Func<ActorSystem> start = () => GuardActorSystem.Create(settings, said, refusals.Count);
        return new AkkaAgentFabric(
            start(), isMember ? MemberProps() : ClientProps([.. settings.Guardians]), refusals, isMember ? start : null, said);
    }

    /// <summary>
    /// Uses a system of somebody else's, which stays theirs: a member of the guardians' cluster, or one that has remoting and becomes
    /// their client. A member that is put out is not heard until its owner has another system joined: it is not ours to end.
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
            return new AkkaAgentFabric(system, MemberProps(), new Refusals());
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
            ? new AkkaAgentFabric(system, ClientProps(guardians), new Refusals())
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
            try
            {
                port.Start(_system, _way, NameOf("agent"));
            }
            catch (InvalidOperationException) when (_return is not null && CoordinatedShutdown.Get(_system).ShutdownReason is not null)
            {
                // It was just put out: the next system carries this one with the others.
            }

            _ports.Add(port);
        }

        return port;
    }

    /// <summary>
    /// Runs ranks of this process, each on a background thread of its own, until each has ended. They go on whatever becomes of the connection to
    /// the guardians.
    /// </summary>
    /// <param name="ranks">What each does, at the index of its slot.</param>
    /// <returns>The ranks while they run.</returns>
    public RankCrew RunRanks(IReadOnlyList<IRankWork> ranks)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            ActorSystem system = _ownsSystem ? _ranks ??= GuardActorSystem.CreateForRanks(Say) : _system;
            RankCrew crew = RankCrew.Start(system, NameOf("ranks"), ranks);
            _crews.RemoveAll(former => former.Ended.IsCompleted);
            _crews.Add(crew);
            return crew;
        }
    }

    /// <summary>
    /// Says goodbye for every agent, ends the ranks after the step they are in, and leaves the cluster, all of it where the actor system was started
    /// here, within <see cref="EndLimit"/>.
    /// </summary>
    /// <remarks>
    /// What takes longer, such as a rank that waits in a collective for others that are gone, is left behind, and what it is told to whoever hears the
    /// warnings: nothing of it keeps the process from ending. It ends by itself once it can.
    /// </remarks>
    public ValueTask DisposeAsync() => new(_closing.Value);

    private static Props MemberProps() => Props.Create(() => new MemberWay());

    private static Props ClientProps(Address[] guardians) => Props.Create(() => new ClientWay(guardians));

    private static string NameOf(string part) => $"{GuardNames.System}-{part}-{Interlocked.Increment(ref s_started)}";

    /// <summary>Has a system that was just started carry the agents of the one that has ended.</summary>
    /// <returns>False where this closes.</returns>
    private bool TryCarry(ActorSystem system)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return false;
            }

            _system = system;
            _way = system.ActorOf(_wayProps, NameOf("way"));
            _ports.RemoveAll(Forget);
            foreach (AgentPort port in _ports)
            {
                port.StartAnew(system, _way, NameOf("agent"));
            }

            return true;
        }
    }

    private void Say(string what)
    {
        try
        {
            _onSaid(what);
        }
        catch (Exception)
        {
            // Who would be told that is the one that failed.
        }
    }

    /// <summary>How each agent stands with the guardians, of those that haven't ended.</summary>
    internal IReadOnlyList<AgentStanding> Standings() => [.. Ports().Where(port => !port.IsClosed).Select(AgentStanding.Of)];

    private bool Forget(AgentPort port)
    {
        if (!port.Ended.IsCompleted)
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
        lock (_gate)
        {
            _isClosed = true;
        }

        _return?.Dispose();
        Task ended = EndAsync();
        try
        {
            await ended.WaitAsync(EndMax).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            int ranks = _ownsSystem ? _crews.Sum(crew => crew.Running) : 0;
            string left = ranks > 0
                ? $"{ranks} {(ranks == 1 ? "rank is" : "ranks are")} in a step that does not end"
                : "its actor system is not done leaving";
            Say(string.Create(CultureInfo.InvariantCulture, $"the agents of this process ended after {EndMax.TotalSeconds:0.#} s without waiting further: {left}"));
        }
    }

    private async Task EndAsync()
    {
        AgentPort[] ports = Ports();
        foreach (AgentPort port in ports)
        {
            port.Dispose();
        }

        Task ranksEnded = _ranks is null ? Task.CompletedTask : EndAsync(_ranks);
        await Task.WhenAny(
            Task.WhenAll(ports.Select(port => port.Ended)), _system.WhenTerminated, Task.Delay(s_leaveLimit)).ConfigureAwait(false);
        if (_ownsSystem)
        {
            await Task.WhenAll(EndAsync(_system), ranksEnded, _return?.Over ?? Task.CompletedTask).ConfigureAwait(false);
        }
        else
        {
            _system.Stop(_way);
        }
    }

    /// <summary>Ends a system of ours. Its shutdown gives up on actors that don't end; they are waited for all the same.</summary>
    private static async Task EndAsync(ActorSystem system)
    {
        await system.Terminate().ConfigureAwait(false);
        await system.WhenTerminated.ConfigureAwait(false);
    }
}
