using System.Net;
using System.Net.Sockets;
using StragglerGuard.Hosting;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Tests.Telemetry;

public sealed class MetricsEndpointTests : IAsyncLifetime, IDisposable
{
    private readonly GuardInstruments _instruments = new();
    private readonly TextExposition _exposition;
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(20) };
    private MetricsEndpoint _endpoint = null!;

    public MetricsEndpointTests()
    {
        _exposition = new TextExposition(_instruments.Meter);
        _instruments.Track(ExamplePage.Snapshot());
    }

    public async Task InitializeAsync()
    {
        _endpoint = await MetricsEndpoint.StartAsync(_exposition, IPAddress.Loopback, 0);
        _client.BaseAddress = new Uri($"http://{_endpoint.Endpoint}");
    }

    public async Task DisposeAsync() => await _endpoint.DisposeAsync();

    public void Dispose()
    {
        _client.Dispose();
        _exposition.Dispose();
        _instruments.Dispose();
    }

    [Fact]
    public async Task Metrics_Read_GivesThePageWithItsContentType()
    {
        using var response = await _client.GetAsync(new Uri("/metrics", UriKind.Relative));

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        response.Content.Headers.ContentType!.ToString().Should().Be("text/plain; version=0.0.4; charset=utf-8");
        (await response.Content.ReadAsStringAsync()).Should().Be(_exposition.Text());
        response.Headers.Server.Should().BeEmpty();
    }

    [Fact]
    public async Task Metrics_AskedByHead_GivesTheHeadersOnly()
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, "/metrics");
        using var response = await _client.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        response.Content.Headers.ContentType!.MediaType.Should().Be("text/plain");
        response.Content.Headers.ContentLength.Should().BeGreaterThan(1000);
        (await response.Content.ReadAsByteArrayAsync()).Should().BeEmpty();
    }

    [Theory]
    [InlineData("GET", "/healthz", HttpStatusCode.OK)]
    [InlineData("GET", "/", HttpStatusCode.NotFound)]
    [InlineData("GET", "/metrics/x", HttpStatusCode.NotFound)]
    [InlineData("GET", "/metrics?format=x", HttpStatusCode.OK)]
    [InlineData("POST", "/metrics", HttpStatusCode.MethodNotAllowed)]
    [InlineData("DELETE", "/healthz", HttpStatusCode.MethodNotAllowed)]
    public async Task Request_OfAnyPath_GetsItsStatus(string method, string path, HttpStatusCode status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await _client.SendAsync(request);

        response.StatusCode.Should().Be(status);
    }

    [Fact]
    public async Task Start_OnAPortInUse_SaysWhichOne()
    {
        var start = () => MetricsEndpoint.StartAsync(_exposition, IPAddress.Loopback, _endpoint.Endpoint.Port);

        var thrown = (await start.Should().ThrowAsync<EndpointUnavailableException>()).Which;

        thrown.Message.Should().Be($"Can't listen on 127.0.0.1:{_endpoint.Endpoint.Port}: the port is in use.");
        thrown.Endpoint.Should().Be(_endpoint.Endpoint);
    }

    [Fact]
    public async Task Start_OnAnAddressOfNobodyHere_SaysSo()
    {
        // TEST-NET-1, RFC 5737: no machine has it.
        var start = () => MetricsEndpoint.StartAsync(_exposition, IPAddress.Parse("192.0.2.1"), 0);

        (await start.Should().ThrowAsync<EndpointUnavailableException>())
            .WithMessage("Can't listen on 192.0.2.1:0: the address belongs to no interface of this machine.");
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(65_536)]
    public async Task Start_OnAnImpossiblePort_Throws(int port)
    {
        var start = () => MetricsEndpoint.StartAsync(_exposition, IPAddress.Loopback, port);

        await start.Should().ThrowAsync<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task Dispose_OfARunningEndpoint_ClosesThePort()
    {
        var other = await MetricsEndpoint.StartAsync(_exposition, IPAddress.Loopback, 0);
        var endpoint = other.Endpoint;
        await other.DisposeAsync();

        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var connect = () => socket.ConnectAsync(endpoint);

        (await connect.Should().ThrowAsync<SocketException>()).Which.SocketErrorCode.Should().Be(SocketError.ConnectionRefused);
    }
}
