using System.Net;
using System.Net.Sockets;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Hosting;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Telemetry;

namespace StragglerGuard.PrometheusNet.Tests;

public sealed class PrometheusNetEndpointTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Endpoint_OfALiveGuard_ServesTheSeriesOfTheBuiltInPage()
    {
        await using var guard = GuardHost.Start(new StragglerGuardOptions { Job = "llm-7b", Agent = new AgentSection { IntervalMs = 10 } });
        await using PrometheusNetEndpoint endpoint = await PrometheusNetEndpoint.StartAsync(guard, IPAddress.Loopback, 0);
        await using MetricsEndpoint builtIn = await guard.ServeMetricsAsync(IPAddress.Loopback, 0);
        using var client = new HttpClient { Timeout = Limit };
        using var transport = InProcessGroup.Create(1).Transports[0];
        using var communicator = new Communicator(transport, new CpuDevice());
        using RankGuard rank = guard.Join(new DeviceClass("H100"), communicator, microBatches: 4);
        for (var step = 0; step < 30; step++)
        {
            rank.BeginStep();
            rank.Vote(1);
        }

        // The guardian still writes while it catches up: two built-in pages alike, and the other between them, are of the same figures.
        using var limit = new CancellationTokenSource(Limit);
        string[] before = [], page = [], after = ["never"];
        while (!before.SequenceEqual(after) || !before.Any(line => line.StartsWith("gauge stragglerguard_job_step{job=llm-7b} 29 ", StringComparison.Ordinal)))
        {
            before = await LinesAsync(client, builtIn.Endpoint, limit.Token);
            page = await LinesAsync(client, endpoint.Endpoint, limit.Token);
            after = await LinesAsync(client, builtIn.Endpoint, limit.Token);
        }

        page.Should().Equal(before);
        page.Should().Contain(line => line.Contains("device_class=H100", StringComparison.Ordinal));
        endpoint.Page.DroppedSeries.Should().Be(0);
    }

    [Fact]
    public async Task Endpoint_OfAGuardWithACap_KeepsToIt()
    {
        await using var guard = GuardHost.Start(new StragglerGuardOptions { Metrics = new MetricsSection { MaxSeries = 100 } });
        for (var i = 0; i < 5; i++)
        {
            guard.Instruments.Track(ExamplePage.Snapshot($"job-{i}"));
        }

        await using PrometheusNetEndpoint endpoint = await PrometheusNetEndpoint.StartAsync(guard, IPAddress.Loopback, 0);
        using var client = new HttpClient { Timeout = Limit };

        (await LinesAsync(client, endpoint.Endpoint, default)).Should().HaveCount(101);
        endpoint.Page.DroppedSeries.Should().BeGreaterThan(0);
    }

    [Theory]
    [InlineData("GET", "/healthz", HttpStatusCode.OK)]
    [InlineData("HEAD", "/metrics", HttpStatusCode.OK)]
    [InlineData("GET", "/", HttpStatusCode.NotFound)]
    [InlineData("POST", "/metrics", HttpStatusCode.MethodNotAllowed)]
    public async Task Request_OfAnyPath_GetsItsStatus(string method, string path, HttpStatusCode status)
    {
        await using var guard = GuardHost.Start(new StragglerGuardOptions());
        await using PrometheusNetEndpoint endpoint = await PrometheusNetEndpoint.StartAsync(guard, IPAddress.Loopback, 0);
        using var client = new HttpClient { Timeout = Limit };
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri($"http://{endpoint.Endpoint}{path}"));

        using var response = await client.SendAsync(request);

        response.StatusCode.Should().Be(status);
    }

    [Fact]
    public async Task Start_OnAPortInUse_SaysWhichOneAndLeavesNothingInTheRegistry()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await using var guard = GuardHost.Start(new StragglerGuardOptions());
        guard.Instruments.Track(ExamplePage.Snapshot());
        var registry = Prometheus.Metrics.NewCustomRegistry();

        var start = () => PrometheusNetEndpoint.StartAsync(guard, IPAddress.Loopback, port, registry);

        (await start.Should().ThrowAsync<EndpointUnavailableException>()).Which.Endpoint.Port.Should().Be(port);
        using var page = new MemoryStream();
        await registry.CollectAndExportAsTextAsync(page);
        System.Text.Encoding.UTF8.GetString(page.ToArray()).Should().NotContain("llm-7b");
    }

    /// <summary>The page as a scraper reads it, in the order of names.</summary>
    private static async Task<string[]> LinesAsync(HttpClient client, IPEndPoint endpoint, CancellationToken cancellation)
    {
        string text = await client.GetStringAsync(new Uri($"http://{endpoint}/metrics"), cancellation);
        return
        [
            .. ExpositionParser.Parse(text)
                .Select(s => $"{s.Type} {s.Name}{{{string.Join(",", s.Labels.OrderBy(l => l.Name, StringComparer.Ordinal).Select(l => $"{l.Name}={l.Value}"))}}} {s.Value:R} {s.Help}")
                .Order(StringComparer.Ordinal),
        ];
    }
}
