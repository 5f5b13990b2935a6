using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Fabric.Wire;
using WireFormat = StragglerGuard.Fabric.Wire.WireFormat;

namespace StragglerGuard.Tests.Fabric;

public sealed class WebSocketFabricTests : FabricTests
{
    private const string Token = "a token of the tests";
    private static readonly NodeId NodeA = new("node-a");

    public static TheoryData<string, byte[], string> Malformed => new()
    {
        { "nothing", [], "*schema version 0*" },
        { "noise", Encoding.UTF8.GetBytes("GET / HTTP/1.1\r\n\r\n"), "*not a fabric message*" },
        { "half a report", WireFormat.Encode(Reports.Report(1))[..^9], "*not a fabric message*" },
        { "a newer schema", Altered(envelope => envelope.SchemaVersion = 2), "schema version 2*reads 1*" },
        { "truncated records", Altered(envelope => Cut(envelope.Report.Ranks[0], bytes: 1)), "ranks[0].records: 255 bytes*" },
        { "torn records", Altered(envelope => Flip(envelope.Report.Ranks[0], at: 128 + 50)), "ranks[0].records: record 1 fails its check" },
        { "an offer", WireFormat.Encode(Reports.Offer()), "*kind Offer*" },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task Message_ThatIsMalformed_IsRefusedWithItsReasonAndHarmsNobody(string what, byte[] message, string reason)
    {
        await using var served = await WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, 0, Token);
        using var guardian = served.OpenGuardian();
        await using var agents = new WebSocketAgentFabric(served.Endpoint, Token);
        using var other = agents.OpenAgent(NodeA, _ => { });
        other.Report(Reports.Report(1, "node-other"));
        await guardian.Reports.Next();
        using var broken = await Connect(served.Endpoint);

        await Send(broken, message);
        await Send(broken, WireFormat.Encode(Reports.Report(7, "node-broken")));

        (await guardian.Reports.Next()).Node.Should().Be(new NodeId("node-broken"), $"the connection outlives {what}");
        served.Refused.Should().Be(1);
        served.LastRefusal.Should().Match(reason);
        other.Report(Reports.Report(2, "node-other"));
        (await guardian.Reports.Next()).Sequence.Should().Be(2);
    }

    [Fact]
    public async Task Message_BeyondTheSizeLimit_ClosesThatConnectionOnlyAndIsCounted()
    {
        await using var served = await WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, 0, Token);
        using var guardian = served.OpenGuardian();
        await using var agents = new WebSocketAgentFabric(served.Endpoint, Token);
        using var other = agents.OpenAgent(NodeA, _ => { });
        using var broken = await Connect(served.Endpoint);
        byte[] part = new byte[1 << 20];

        for (int sent = 0; sent <= WireFormat.MessageBytesMax; sent += part.Length)
        {
            await broken.SendAsync(part, WebSocketMessageType.Binary, endOfMessage: false, CancellationToken.None)
                .WaitAsync(Patience.Limit);
        }

        var answer = await broken.ReceiveAsync(new byte[64], CancellationToken.None).WaitAsync(Patience.Limit);
        answer.CloseStatus.Should().Be(WebSocketCloseStatus.MessageTooBig);
        served.Refused.Should().Be(1);
        served.LastRefusal.Should().Match($"*more than {WireFormat.MessageBytesMax} bytes*");
        other.Report(Reports.Report(3));
        (await guardian.Reports.Next()).Sequence.Should().Be(3);
    }

    [Theory]
    [InlineData("Bearer a wrong token", HttpStatusCode.Unauthorized)]
    [InlineData("Bearer ", HttpStatusCode.Unauthorized)]
    [InlineData("Basic a token of the tests", HttpStatusCode.Unauthorized)]
    [InlineData(null, HttpStatusCode.Unauthorized)]
    public async Task Connection_WithoutTheToken_IsRefusedAndCounted(string? authorization, HttpStatusCode status)
    {
        await using var served = await WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, 0, Token);

        (await StatusOfConnecting(served.Endpoint, authorization)).Should().Be(status);

        served.Refused.Should().Be(1);
        served.Agents.Should().Be(0);
    }

    [Fact]
    public async Task Connection_ToAnotherPath_IsRefusedAndCounted()
    {
        await using var served = await WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, 0, Token);

        (await StatusOfConnecting(new Uri(served.Endpoint, "/fabric/v2"), $"Bearer {Token}")).Should().Be(HttpStatusCode.NotFound);

        served.Refused.Should().Be(1);
    }

    [Fact]
    public async Task Request_ThatIsNoWebSocket_IsRefusedAndCounted()
    {
        await using var served = await WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, 0, Token);
        using var client = new HttpClient { Timeout = Patience.Limit };
        using var request = new HttpRequestMessage(HttpMethod.Get, new UriBuilder(served.Endpoint) { Scheme = "http" }.Uri);
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {Token}");

        using var response = await client.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        served.Refused.Should().Be(1);
    }

    [Fact]
    public async Task Agent_WithAWrongToken_HarmsNeitherItsRankNorOtherAgents()
    {
        await using var served = await WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, 0, Token);
        using var guardian = served.OpenGuardian();
        await using var strangers = new WebSocketAgentFabric(served.Endpoint, "a wrong token");
        await using var agents = new WebSocketAgentFabric(served.Endpoint, Token);
        using var stranger = strangers.OpenAgent(new NodeId("stranger"), _ => { });
        using var agent = agents.OpenAgent(NodeA, _ => { });

        stranger.Report(Reports.Report(1, "stranger"));
        (await stranger.FlushAsync(TimeSpan.FromMilliseconds(100))).Should().BeFalse("nobody takes it");
        agent.Report(Reports.Report(1));

        (await guardian.Reports.Next()).Node.Should().Be(NodeA);
    }

    [Fact]
    public async Task Agent_WhenTheServerGoesAndComesBackOnItsPort_ReconnectsByItself()
    {
        var before = await WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, 0, Token);
        await using var agents = new WebSocketAgentFabric(before.Endpoint, Token);
        var heard = System.Threading.Channels.Channel.CreateUnbounded<OfferedPlan>();
        using var agent = agents.OpenAgent(NodeA, offer => heard.Writer.TryWrite(offer));
        using (var guardian = before.OpenGuardian())
        {
            agent.Report(Reports.Report(1));
            (await guardian.Reports.Next()).Sequence.Should().Be(1);
        }

        await before.DisposeAsync();
        await using var after = await WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, before.Endpoint.Port, Token);
        using var successor = after.OpenGuardian();

        // The first may still go into the socket that nobody reads any more; what then fails is sent again.
        agent.Report(Reports.Report(2));
        (await agent.FlushAsync(Patience.Limit)).Should().BeTrue();
        agent.Report(Reports.Report(3));
        var arrived = new List<long>();
        while (!arrived.Contains(3))
        {
            arrived.Add((await successor.Reports.Next()).Sequence);
        }

        arrived.Should().BeInAscendingOrder();
        successor.Offer(Reports.Offer(epoch: 5), Reports.Nodes("node-a"));
        (await heard.Reader.Next()).Plan.Epoch.Should().Be(new PlanEpoch(5));
        agent.ReportsDropped.Should().Be(0);
    }

    [Fact]
    public async Task Report_CutOffInTheMiddle_IsSentAgainOverTheNextConnection()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        await using var agents = new WebSocketAgentFabric(new Uri($"ws://127.0.0.1:{port}{WebSocketGuardianFabric.Path}"), Token);
        using var agent = agents.OpenAgent(NodeA, _ => { });
        using (TcpClient dying = await listener.AcceptTcpClientAsync().WaitAsync(Patience.Limit))
        {
            await AcceptWebSocket(dying.GetStream());

            // More than the buffers of a connection hold: the agent is in the midst of it when its peer dies.
            agent.Report(Reports.Report(1, records: 100_000));
            await dying.GetStream().ReadExactlyAsync(new byte[1024]).AsTask().WaitAsync(Patience.Limit);
            listener.Stop();
            dying.LingerState = new LingerOption(enable: true, seconds: 0);
        }

        await using var served = await WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, port, Token);
        using var guardian = served.OpenGuardian();

        Reports.Same(await guardian.Reports.Next(), Reports.Report(1, records: 100_000)).Should().BeTrue();
        (await agent.FlushAsync(Patience.Limit)).Should().BeTrue();
    }

    [Fact]
    public async Task Start_OnAPortInUse_SaysSo()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();

        var start = () => WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, ((IPEndPoint)taken.LocalEndPoint!).Port, Token);

        await start.Should().ThrowAsync<IOException>();
    }

    [Fact]
    public async Task Arguments_ThatMakeNoSense_Throw()
    {
        await FluentActions.Awaiting(() => WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, 0, ""))
            .Should().ThrowAsync<ArgumentException>();
        FluentActions.Invoking(() => new WebSocketAgentFabric(new Uri("ws://127.0.0.1"), "")).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => new WebSocketAgentFabric(null!, Token)).Should().Throw<ArgumentNullException>();
    }

    protected override FabricUnderTest Create() => new Loopback();

    private static byte[] Altered(Action<Envelope> alter)
    {
        var envelope = Envelope.Parser.ParseFrom(WireFormat.Encode(Reports.Report(1)));
        alter(envelope);
        return envelope.ToByteArray();
    }

    private static void Cut(RankReportMessage rank, int bytes) => rank.Records = ByteString.CopyFrom(rank.Records.Span[..^bytes]);

    private static void Flip(RankReportMessage rank, int at)
    {
        byte[] records = rank.Records.ToByteArray();
        records[at] ^= 1;
        rank.Records = ByteString.CopyFrom(records);
    }

    /// <summary>The server's part of the handshake, RFC 6455 §4.2.2, and no more.</summary>
    private static async Task AcceptWebSocket(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        const string KeyHeader = "Sec-WebSocket-Key: ";
        string key = "";
        while (await reader.ReadLineAsync().WaitAsync(Patience.Limit) is { Length: > 0 } line)
        {
            key = line.StartsWith(KeyHeader, StringComparison.OrdinalIgnoreCase) ? line[KeyHeader.Length..] : key;
        }

#pragma warning disable CA5350 // The protocol asks for SHA-1; nothing is protected by it.
        string accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes($"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"));
    }

    private static async Task<ClientWebSocket> Connect(Uri endpoint)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {Token}");
        await socket.ConnectAsync(endpoint, CancellationToken.None).WaitAsync(Patience.Limit);
        return socket;
    }

    private static async Task Send(ClientWebSocket socket, byte[] message) =>
        await socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None).WaitAsync(Patience.Limit);

    private static async Task<HttpStatusCode> StatusOfConnecting(Uri endpoint, string? authorization)
    {
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        if (authorization is not null)
        {
            socket.Options.SetRequestHeader("Authorization", authorization);
        }

        await socket.Awaiting(s => s.ConnectAsync(endpoint, CancellationToken.None).WaitAsync(Patience.Limit))
            .Should().ThrowAsync<WebSocketException>();
        return socket.HttpStatusCode;
    }

    /// <summary>Real sockets. The agents are told where the guardian will be before it is there.</summary>
    private sealed class Loopback : FabricUnderTest
    {
        private readonly int _port = FreePort();
        private readonly WebSocketAgentFabric _agents;
        private WebSocketGuardianFabric? _guardian;

        public Loopback() => _agents = new WebSocketAgentFabric(new Uri($"ws://127.0.0.1:{_port}{WebSocketGuardianFabric.Path}"), Token);

        public override IAgentFabric Agents => _agents;

        public override int ReportsPending => 256;

        public override async Task<IGuardianFabric> ServeGuardianAsync() =>
            _guardian = await WebSocketGuardianFabric.StartAsync(IPAddress.Loopback, _port, Token);

        public override async ValueTask DisposeAsync()
        {
            await _agents.DisposeAsync();
            if (_guardian is not null)
            {
                await _guardian.DisposeAsync();
            }
        }

        private static int FreePort()
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            return ((IPEndPoint)socket.LocalEndPoint!).Port;
        }
    }
}
