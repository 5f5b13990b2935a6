using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace StragglerGuard.Hosting;

/// <summary>
/// A web server that is a guest in its process: it reads no configuration, logs nothing, and leaves the signals of the process to
/// whoever owns the process.
/// </summary>
internal sealed class EmbeddedServer : IAsyncDisposable
{
    private readonly WebApplication _application;

    private EmbeddedServer(WebApplication application, IPEndPoint endpoint)
    {
        _application = application;
        Endpoint = endpoint;
    }

    /// <summary>Where it listens, with the port that was really bound.</summary>
    public IPEndPoint Endpoint { get; }

    /// <summary>Starts listening.</summary>
    /// <param name="wanted">The address; anything but loopback is open to the network. Port 0 lets the system choose a free one.</param>
    /// <param name="connectionsMax">More are turned away, 1 or more.</param>
    /// <param name="pipeline">What it serves.</param>
    /// <param name="cancellation">Gives up starting.</param>
    /// <exception cref="EndpointUnavailableException">The port is in use or not allowed, or the address is not this machine's.</exception>
    public static async Task<EmbeddedServer> StartAsync(
        IPEndPoint wanted, int connectionsMax, Action<WebApplication> pipeline, CancellationToken cancellation = default)
    {
        // An empty builder: no configuration from environment or files, no logging providers.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = connectionsMax;
            kestrel.Limits.MaxConcurrentUpgradedConnections = connectionsMax;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Listen(wanted, listen => listen.Protocols = HttpProtocols.Http1);
        });

        // The host's own lifetime would take SIGINT and SIGTERM from the program that embeds the guard.
        builder.Services.AddSingleton<IHostLifetime, EmbeddedLifetime>();
        WebApplication application = builder.Build();
        pipeline(application);
        try
        {
            await application.StartAsync(cancellation).ConfigureAwait(false);
        }
        catch (Exception failed)
        {
            await application.DisposeAsync().ConfigureAwait(false);
            if (ReasonOf(failed) is { } reason)
            {
                throw new EndpointUnavailableException(wanted, reason, failed);
            }

            throw;
        }

        return new EmbeddedServer(application, new IPEndPoint(wanted.Address, BoundPort(application)));
    }

    /// <summary>Closes the port; requests under way are cut off after a second.</summary>
    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _application.StopAsync(patience.Token).ConfigureAwait(false);
        await _application.DisposeAsync().ConfigureAwait(false);
    }

    private static int BoundPort(WebApplication application)
    {
        IServerAddressesFeature bound = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        return new Uri(bound.Addresses.Single()).Port;
    }

    /// <summary>Why the port can't be had, in words; null where it is something else.</summary>
    private static string? ReasonOf(Exception failed) => failed switch
    {
        AddressInUseException => "the port is in use",
        SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } => "the port is in use",
        SocketException { SocketErrorCode: SocketError.AccessDenied } => "this user may not bind the port",
        SocketException { SocketErrorCode: SocketError.AddressNotAvailable } => "the address belongs to no interface of this machine",
        SocketException socket => socket.Message,
        IOException { InnerException: { } inner } => ReasonOf(inner),
        _ => null,
    };

    /// <summary>Starts at once and never asks the process to stop.</summary>
    private sealed class EmbeddedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
