using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace StragglerGuard.Telemetry;

/// <summary>
/// Serves GET and HEAD of <c>/metrics</c> (the page) and <c>/healthz</c> (<c>ok</c>); everything else is 404. It reads no configuration, logs
/// nothing, and leaves the signals of the process to whoever owns the process.
/// </summary>
public sealed class MetricsEndpoint : IAsyncDisposable
{
    private const int MaximumConnections = 64;

    private readonly WebApplication _application;
    private readonly TextExposition _exposition;

    private MetricsEndpoint(WebApplication application, TextExposition exposition)
    {
        _application = application;
        _exposition = exposition;
    }

    /// <summary>Where it listens, with the port that was really bound.</summary>
    public IPEndPoint Endpoint { get; private set; } = new(IPAddress.None, 0);

    /// <summary>Starts listening.</summary>
    /// <param name="exposition">The page. It stays the caller's and must outlive the endpoint.</param>
    /// <param name="address">The address; anything but loopback shows the page to the network.</param>
    /// <param name="port">0 … 65,535; 0 lets the system choose a free one.</param>
    /// <param name="cancellation">Gives up starting.</param>
    /// <returns>The endpoint, listening. Disposing it closes the port.</returns>
    /// <exception cref="EndpointUnavailableException">The port is in use or not allowed, or the address is not this machine's.</exception>
    public static async Task<MetricsEndpoint> StartAsync(
        TextExposition exposition, IPAddress address, int port, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(exposition);
        ArgumentNullException.ThrowIfNull(address);
        ArgumentOutOfRangeException.ThrowIfLessThan(port, IPEndPoint.MinPort);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, IPEndPoint.MaxPort);
        var wanted = new IPEndPoint(address, port);

        // An empty builder: no configuration from environment or files, no logging providers.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = MaximumConnections;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Listen(wanted, listen => listen.Protocols = HttpProtocols.Http1);
        });
        // The host's own lifetime would take SIGINT and SIGTERM from the program that embeds the guard.
        builder.Services.AddSingleton<IHostLifetime, EmbeddedLifetime>();
        var application = builder.Build();
        var endpoint = new MetricsEndpoint(application, exposition);
        application.Run(endpoint.HandleAsync);
        try
        {
            await application.StartAsync(cancellation).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            await application.DisposeAsync().ConfigureAwait(false);
            if (ReasonOf(e) is { } reason)
            {
                throw new EndpointUnavailableException(wanted, reason, e);
            }

            throw;
        }

        endpoint.Endpoint = new IPEndPoint(address, BoundPort(application));
        return endpoint;
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
        var bound = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        return new Uri(bound.Addresses.Single()).Port;
    }

    /// <summary>Why the port can't be had, in words; null where it is something else.</summary>
    private static string? ReasonOf(Exception e) => e switch
    {
        AddressInUseException => "the port is in use",
        SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } => "the port is in use",
        SocketException { SocketErrorCode: SocketError.AccessDenied } => "this user may not bind the port",
        SocketException { SocketErrorCode: SocketError.AddressNotAvailable } => "the address belongs to no interface of this machine",
        SocketException socket => socket.Message,
        IOException { InnerException: { } inner } => ReasonOf(inner),
        _ => null,
    };

    private async Task HandleAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        var isPage = request.Path == "/metrics";
        if (!isPage && request.Path != "/healthz")
        {
            response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            response.Headers.Allow = "GET, HEAD";
            return;
        }

        var body = new ArrayBufferWriter<byte>();
        if (isPage)
        {
            _exposition.Write(body);
            response.ContentType = TextExposition.ContentType;
        }
        else
        {
            body.Write("ok\n"u8);
            response.ContentType = "text/plain; charset=utf-8";
        }

        response.Headers.CacheControl = "no-store";
        response.ContentLength = body.WrittenCount;
        if (HttpMethods.IsGet(request.Method))
        {
            await response.Body.WriteAsync(body.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
        }
    }

    /// <summary>Starts at once and never asks the process to stop.</summary>
    private sealed class EmbeddedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
