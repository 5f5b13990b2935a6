using System.Net;
using System.Net.Sockets;
using System.Text;
using StragglerGuard.Hosting;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Tests.Hosting;

public sealed class GuardHostMetricsTests
{
    [Theory]
    [InlineData(null)]
    [InlineData(0)]
    public async Task ServeMetrics_WhereTheOptionsNameNoPort_ServesNone(int? port)
    {
        await using var guard = GuardHost.Start(new StragglerGuardOptions { Metrics = new MetricsSection { Port = port } });

        (await guard.ServeMetricsAsync()).Should().BeNull();
    }

    [Fact]
    public async Task ServeMetrics_WhereTheOptionsNameAPort_TakesThatOne()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await using var guard = GuardHost.Start(new StragglerGuardOptions { Metrics = new MetricsSection { Port = port } });

        Func<Task> serve = guard.ServeMetricsAsync;

        (await serve.Should().ThrowAsync<EndpointUnavailableException>()).Which.Endpoint.Port.Should().Be(port);
    }

    [Fact]
    public async Task Endpoint_WithARequestThatNeverEnds_IsDisposedAllTheSame()
    {
        await using var guard = GuardHost.Start(new StragglerGuardOptions());
        MetricsEndpoint metrics = await guard.ServeMetricsAsync(IPAddress.Loopback, 0);
        using var slow = new TcpClient();
        await slow.ConnectAsync(metrics.Endpoint);
        await slow.GetStream().WriteAsync(Encoding.ASCII.GetBytes("GET /metrics HTTP/1.1\r\nHost: a\r\n"));

        Func<Task> dispose = async () => await metrics.DisposeAsync();

        await dispose.Should().NotThrowAsync();
    }
}
