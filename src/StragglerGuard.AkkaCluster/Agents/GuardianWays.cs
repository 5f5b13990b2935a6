using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster.Tools.Client;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Cluster.Tools.Singleton;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Collectives;

namespace StragglerGuard.AkkaCluster.Agents;

/// <summary>An agent has had no answer for a while by this way.</summary>
internal sealed class WayInDoubt
{
    public static readonly WayInDoubt Instance = new();
}

/// <summary>Hands messages to whichever guardian decides, through any that can be reached: for agents that are no members.</summary>
internal sealed class ClientWay(IReadOnlyCollection<Address> guardians) : UntypedActor
{
    private const long RenewalMinNs = 5_000_000_000;
    private const long RenewalMaxNs = 60_000_000_000;

    private IActorRef _client = ActorRefs.Nobody;
    private long _renewedNs;
    private long _renewalNs = RenewalMinNs;

    /// <inheritdoc/>
    protected override void PreStart()
    {
        // A client wraps what it sends into a message of a part of the engine that it doesn't start itself.
        Context.System.Settings.InjectTopLevelFallback(DistributedPubSub.DefaultConfig());
        Renew();
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case IFabricMessage outgoing:
                _client.Forward(new ClusterClient.Send(GuardNames.SingletonProxyPath, outgoing, localAffinity: true));
                break;
            case WayInDoubt:
                Doubt();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    /// <summary>
    /// A client that lost its guardian looks among those that it was last told of, which may all be gone: a new one asks all that the
    /// options name.
    /// </summary>
    private void Doubt()
    {
        long sinceNs = MonotonicClock.NowNs() - _renewedNs;
        if (sinceNs >= _renewalNs)
        {
            // One that served for long and then failed is another matter than one that never found anybody.
            _renewalNs = sinceNs > 2 * RenewalMaxNs ? RenewalMinNs : Math.Min(_renewalNs * 2, RenewalMaxNs);
            Renew();
        }
    }

    private void Renew()
    {
        Context.Stop(_client);
        ImmutableHashSet<ActorPath> receptionists =
            [.. guardians.Select(guardian => new RootActorPath(guardian) / "system" / "receptionist")];
        _client = Context.ActorOf(ClusterClient.Props(ClusterClientSettings.Create(Context.System).WithInitialContacts(receptionists)));
        _renewedNs = MonotonicClock.NowNs();
    }
}

/// <summary>Hands messages to whichever guardian decides: for agents that are members of its cluster, which know where it is.</summary>
internal sealed class MemberWay : UntypedActor
{
    private IActorRef _proxy = ActorRefs.Nobody;

    /// <inheritdoc/>
    protected override void PreStart() => _proxy = Context.ActorOf(ClusterSingletonProxy.Props(
        $"/user/{GuardNames.SingletonManager}",
        ClusterSingletonProxySettings.Create(Context.System)
            .WithSingletonName(GuardNames.Singleton).WithRole(GuardNames.GuardianRole).WithBufferSize(0)));

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case IFabricMessage outgoing:
                _proxy.Forward(outgoing);
                break;
            case WayInDoubt:
                // The cluster knows better than anybody here where the guardian is.
                break;
            default:
                Unhandled(message);
                break;
        }
    }
}
