using System.Globalization;
using Akka.Actor;
using Akka.Cluster;
using StragglerGuard.Actuators.InJob;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Control;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace StragglerGuard.AkkaCluster.Hosting;

/// <summary>A guard in an actor system of somebody else's: <see cref="StragglerGuardAkka.WithStragglerGuard"/>.</summary>
public sealed class EmbeddedAkkaGuard : IAsyncDisposable
{
    private static readonly TimeSpan s_stopMax = TimeSpan.FromSeconds(5);

    private readonly AkkaAgentFabric _agents;
    private readonly GuardianPost? _post;
    private readonly TextExposition? _exposition;
    private readonly IReadOnlyList<IActorRef> _actors;
    private readonly Lazy<Task> _ending;

    private EmbeddedAkkaGuard(AkkaAgentFabric agents, GuardianPost? post, StragglerGuardOptions options, IReadOnlyList<IActorRef> actors)
    {
        _agents = agents;
        _post = post;
        _actors = actors;
        _ending = new Lazy<Task>(EndWithinLimitAsync);
        _exposition = post is null ? null : new TextExposition(post.Instruments.Meter, options.Metrics.MaxSeries);
        if (post is not null)
        {
            post.Decided += entry => Decided?.Invoke(entry);
            post.Complained += Complain;
        }

        if (((ExtendedActorSystem)agents.System).Provider is IClusterActorRefProvider)
        {
            Cluster.Get(agents.System).RegisterOnMemberRemoved(SayWhenOut);
        }
    }

    /// <summary>As <see cref="GuardianNode.Decided"/>; never told where this is no guardian.</summary>
    public event Action<LedgerEntry>? Decided;

    /// <summary>
    /// As <see cref="GuardianNode.Complained"/>, and told that the system is no member of its cluster any more, which only its owner can mend. Must be
    /// quick.
    /// </summary>
    public event Action<string>? Complained;

    /// <summary>What agents of this process report through.</summary>
    public IAgentFabric Agents => _agents;

    /// <summary>Whether this process may become the guardian: its system has the role.</summary>
    public bool IsGuardian => _post is not null;

    /// <summary>Whether it is this process that decides.</summary>
    public bool IsDeciding => _post?.Phase == GuardianPhase.Deciding;

    /// <summary>Why it can't decide although it should, in words; null where nothing speaks against it.</summary>
    public string? Trouble => _post?.Trouble ?? _post?.Stay?.Service.LedgerTrouble.Reason;

    /// <summary>The metrics page of the guardian; null where this is none.</summary>
    public IMetricsPage? MetricsPage => _exposition;

    /// <summary>What belongs to the process; null where this is no guardian.</summary>
    internal GuardianPost? Post => _post;

    internal static EmbeddedAkkaGuard Start(ActorSystem system, StragglerGuardOptions options, IJobMembership? membership)
    {
        bool isGuardian = ((ExtendedActorSystem)system).Provider is IClusterActorRefProvider
            && Cluster.Get(system).SelfRoles.Contains(GuardNames.GuardianRole);
        if (isGuardian && GuardianNode.LedgerProblem(options) is { } problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        List<string> problems = [];
        ControlToken? token = isGuardian ? ControlToken.Read(options.Cluster, problems) : null;
        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, problems), nameof(options));
        }

        // A running system reads its serializers from no configuration any more.
        var serializer = new FabricSerializer((ExtendedActorSystem)system);
        system.Serialization.AddSerializer(GuardNames.System, serializer);
        system.Serialization.AddSerializationMap(typeof(IFabricMessage), serializer);
        AkkaAgentFabric agents = AkkaAgentFabric.Join(system, options);
        if (!isGuardian)
        {
            return new EmbeddedAkkaGuard(agents, post: null, options, []);
        }

        var post = new GuardianPost(new GuardInstruments(), () => GuardParts.Open(options, membership)) { ControlToken = token };
        return new EmbeddedAkkaGuard(agents, post, options, GuardianSingleton.Start(system, post));
    }

    /// <summary>How long <see cref="DisposeAsync"/> takes at most.</summary>
    /// <value>15 s.</value>
    public static TimeSpan EndLimit { get; } = GuardianNode.EndLimit;

    /// <summary>As <see cref="EndLimit"/>, of this one.</summary>
    internal TimeSpan EndMax { get; set; } = EndLimit;

    /// <summary>Says goodbye for the agents, and gives the guardian up, within <see cref="EndLimit"/>; the system stays.</summary>
    /// <remarks>
    /// Another guardian takes over when this member leaves the cluster. So where the system goes on, this process decides no more, and nobody
    /// does as long as it is the oldest member with the role. A ledger that is not given back in time is left behind, and <see cref="Complained"/> is
    /// told so.
    /// </remarks>
    public ValueTask DisposeAsync() => new(_ending.Value);

    private async Task EndWithinLimitAsync()
    {
        Task ended = EndAsync();
        try
        {
            await ended.WaitAsync(EndMax).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Complain(string.Create(
                CultureInfo.InvariantCulture,
                $"the guard ended after {EndMax.TotalSeconds:0.#} s without waiting further: its ledger is not given back, and may stay claimed for as long as this process runs"));
        }
    }

    private async Task EndAsync()
    {
        await _agents.DisposeAsync().ConfigureAwait(false);
        await Task.WhenAll(_actors.Select(StopAsync)).ConfigureAwait(false);
        if (_post is not null)
        {
            await _post.ReleasedAsync().ConfigureAwait(false);
            _exposition!.Dispose();
            _post.Instruments.Dispose();
        }
    }

    private static async Task StopAsync(IActorRef actor)
    {
        try
        {
            await actor.GracefulStop(s_stopMax).ConfigureAwait(false);
        }
        catch (TaskCanceledException)
        {
            // What still holds the ledger is waited for.
        }
    }

    private void SayWhenOut()
    {
        if (!_ending.IsValueCreated)
        {
            Complain("this actor system is no member of its cluster any more: its agents are not heard, and it decides nothing, until its owner has another one join");
        }
    }

    private void Complain(string what)
    {
        try
        {
            Complained?.Invoke(what);
        }
        catch (Exception)
        {
            // Who would be told that is the one that failed.
        }
    }
}
