using System.Buffers;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using StragglerGuard.Hosting;

namespace StragglerGuard.Telemetry;

/// <summary>
/// Serves GET and HEAD of <c>/metrics</c> (the page) and <c>/healthz</c> (<c>ok</c>); everything else is 404. It reads no configuration, logs
/// nothing, and leaves the signals of the process to whoever owns the process.
/// </summary>
public sealed class MetricsEndpoint : IAsyncDisposable
{
    private const int ConnectionsMax = 64;

    private readonly IMetricsPage _page;
    private EmbeddedServer? _server;

    private MetricsEndpoint(IMetricsPage page) => _page = page;

    /// <summary>Where it listens, with the port that was really bound.</summary>
    public IPEndPoint Endpoint => _server!.Endpoint;

    /// <summary>Starts listening.</summary>
    /// <param name="page">The page. It stays the caller's and must outlive the endpoint.</param>
    /// <param name="address">The address; anything but loopback shows the page to the network.</param>
    /// <param name="port">0 … 65,535; 0 lets the system choose a free one.</param>
    /// <param name="cancellation">Gives up starting.</param>
    /// <returns>The endpoint, listening. Disposing it closes the port.</returns>
    /// <exception cref="EndpointUnavailableException">The port is in use or not allowed, or the address is not this machine's.</exception>
    public static async Task<MetricsEndpoint> StartAsync(
        IMetricsPage page, IPAddress address, int port, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(page);
        ArgumentNullException.ThrowIfNull(address);
        ArgumentOutOfRangeException.ThrowIfLessThan(port, IPEndPoint.MinPort);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, IPEndPoint.MaxPort);
        var endpoint = new MetricsEndpoint(page);
        endpoint._server = await EmbeddedServer.StartAsync(
            new IPEndPoint(address, port), ConnectionsMax, application => application.Run(endpoint.HandleAsync), cancellation)
            .ConfigureAwait(false);
        return endpoint;
    }

    /// <summary>Closes the port; requests under way are cut off after a second.</summary>
    public ValueTask DisposeAsync() => _server!.DisposeAsync();

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
            await _page.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
            response.ContentType = _page.ContentType;
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
}
