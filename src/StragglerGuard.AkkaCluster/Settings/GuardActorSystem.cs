using System.Collections.Immutable;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Serialization;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>Starts the actor systems of a cluster.</summary>
internal static class GuardActorSystem
{
    /// <summary>Starts one, which listens when this returns. No file and no variable of the environment has a say.</summary>
    /// <param name="settings">From the options.</param>
    /// <param name="onSaid">Takes the engine's warnings, in a sentence each; on a thread of the system.</param>
    /// <param name="onRefused">
    /// Takes every connection, frame and message that was refused before anybody could count it: the kind in a word (<c>certificate</c>,
    /// <c>handshake</c>, <c>oversized</c>, <c>foreign</c>), and a sentence; on any thread. Null: nobody counts.
    /// </param>
    /// <exception cref="EndpointUnavailableException">The port is in use or not allowed, or the address is not this machine's.</exception>
    public static ActorSystem Create(ClusterSettings settings, Action<string> onSaid, Action<string, string>? onRefused = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(onSaid);
        onRefused ??= static (_, _) => { };
        ActorSystemSetup setup = ActorSystemSetup.Create(
            BootstrapSetup.Create().WithConfig(settings.Config),
            SerializationSetup.Create(system => ImmutableHashSet.Create(FabricSerializer.DetailsFor(system))),
            new GuardLogSetup(onSaid, onRefused));
        if (settings.Trust is { } trust)
        {
            setup = setup.And(trust.SetupFor(onRefused));
        }

        try
        {
            return ActorSystem.Create(GuardNames.System, setup);
        }
        catch (Exception failed) when (RefusalIn(failed) is { } refusal)
        {
            string bind = settings.Section.BindAddress.Length == 0 ? settings.Section.Host : settings.Section.BindAddress;
            throw new EndpointUnavailableException(bind, settings.Section.Port ?? 0, $"{bind}: {refusal.Message}", failed);
        }
    }

    /// <summary>Starts one for the ranks of this process, which reaches nobody and is reached by nobody.</summary>
    /// <param name="onSaid">As of <see cref="Create"/>.</param>
    public static ActorSystem CreateForRanks(Action<string> onSaid) => ActorSystem.Create(
        $"{GuardNames.System}-ranks",
        ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(SystemConfig.Ranks), new GuardLogSetup(onSaid, static (_, _) => { })));

    private static SocketException? RefusalIn(Exception failed) =>
        failed as SocketException
        ?? (failed is AggregateException several
            ? several.InnerExceptions.Select(RefusalIn).FirstOrDefault(refusal => refusal is not null)
            : failed.InnerException is { } inner ? RefusalIn(inner) : null);
}
