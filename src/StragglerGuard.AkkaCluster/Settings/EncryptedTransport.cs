using System.Reflection;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Remote.Transport;
using Akka.Remote.Transport.DotNetty;

namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>
/// The engine's own encrypted transport, kept from ending the process's actor system: when a peer that this process connects to shows a
/// certificate that is refused, or speaks no TLS, the engine shuts down the system that the transport belongs to. One guardian with a
/// wrong certificate would so end all others. Here the transport belongs to a system that has nothing else in it and does not end.
/// </summary>
internal sealed class EncryptedTransport : Transport
{
    private const string EngineName = "Akka.Remote.Transport.DotNetty.TcpTransport";

    private const string BearerConfig = """
        akka {
          actor.provider = local
          coordinated-shutdown {
            exit-clr = off
            run-by-clr-shutdown-hook = off
            run-by-actor-system-terminate = off
            terminate-actor-system = off
          }
        }
        """;

    private readonly ActorSystem _bearer;
    private readonly Transport _engine;

    /// <summary>Called by the engine, by its name in the configuration.</summary>
    public EncryptedTransport(ActorSystem system, Config config)
    {
        System = system;
        Config = config;
        ActorSystemSetup setup = ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(
            ConfigurationFactory.ParseString(BearerConfig).WithFallback(SystemConfig.Quiet)));
        ActorSystemSetup given = system.Settings.Setup;
        setup = given.Get<GuardLogSetup>() is { HasValue: true, Value: var log } ? setup.And(log) : setup;
        setup = given.Get<DotNettySslSetup>() is { HasValue: true, Value: var trust } ? setup.And(trust) : setup;

        // Addresses of inbound connections bear its name.
        _bearer = ActorSystem.Create(system.Name, setup);
        Type engine = typeof(DotNettySslSetup).Assembly.GetType(EngineName, throwOnError: true)!;
        _engine = (Transport)Activator.CreateInstance(
            engine, BindingFlags.Instance | BindingFlags.Public, binder: null, [_bearer, config], culture: null)!;
        SchemeIdentifier = _engine.SchemeIdentifier;
        MaximumPayloadBytes = _engine.MaximumPayloadBytes;
    }

    /// <inheritdoc/>
    public override async Task<(Address, TaskCompletionSource<IAssociationEventListener>)> Listen()
    {
        try
        {
            return await _engine.Listen().ConfigureAwait(false);
        }
        catch
        {
            await _bearer.Terminate().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public override bool IsResponsibleFor(Address remote) => _engine.IsResponsibleFor(remote);

    /// <inheritdoc/>
    public override Task<AssociationHandle> Associate(Address remoteAddress) => _engine.Associate(remoteAddress);

    /// <inheritdoc/>
    public override Task<bool> ManagementCommand(object message) => _engine.ManagementCommand(message);

    /// <inheritdoc/>
    public override async Task<bool> Shutdown()
    {
        try
        {
            return await _engine.Shutdown().ConfigureAwait(false);
        }
        finally
        {
            await _bearer.Terminate().ConfigureAwait(false);
        }
    }
}
