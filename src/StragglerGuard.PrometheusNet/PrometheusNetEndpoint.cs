using System.Net;
using Prometheus;
using StragglerGuard.Hosting;
using StragglerGuard.Telemetry;

namespace StragglerGuard.PrometheusNet;

/// <summary>Serves the metrics of a guard through prometheus-net, where <see cref="GuardHost.ServeMetricsAsync()"/> serves them without.</summary>
public sealed class PrometheusNetEndpoint : IAsyncDisposable
{
    private readonly MetricsEndpoint _endpoint;

    private PrometheusNetEndpoint(PrometheusNetPage page, MetricsEndpoint endpoint)
    {
        Page = page;
        _endpoint = endpoint;
    }

    /// <summary>The page.</summary>
    public PrometheusNetPage Page { get; }

    /// <summary>Where it listens, with the port that was really bound.</summary>
    public IPEndPoint Endpoint => _endpoint.Endpoint;

    /// <summary>Starts to serve GET and HEAD of <c>/metrics</c> and <c>/healthz</c>, with the cap that the guard's options set.</summary>
    /// <param name="guard">The guard; dispose it after the endpoint.</param>
    /// <param name="address">Loopback unless there is a reason: anything else shows the page to the network.</param>
    /// <param name="port">0 … 65,535; 0 lets the system choose a free one.</param>
    /// <param name="registry">A registry whose other metrics are to be on the page; null for one of its own.</param>
    /// <param name="cancellation">Gives up starting.</param>
    /// <exception cref="EndpointUnavailableException">The port is in use or not allowed, or the address is not this machine's.</exception>
    public static async Task<PrometheusNetEndpoint> StartAsync(
        GuardHost guard, IPAddress address, int port, CollectorRegistry? registry = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(guard);
        var page = new PrometheusNetPage(guard.Instruments.Meter, registry, guard.Options.Metrics.MaxSeries);
        try
        {
            return new PrometheusNetEndpoint(page, await MetricsEndpoint.StartAsync(page, address, port, cancellation).ConfigureAwait(false));
        }
        catch
        {
            page.Dispose();
            throw;
        }
    }

    /// <summary>Closes the port, then takes the guard's series out of the registry.</summary>
    public async ValueTask DisposeAsync()
    {
        await _endpoint.DisposeAsync().ConfigureAwait(false);
        Page.Dispose();
    }
}
