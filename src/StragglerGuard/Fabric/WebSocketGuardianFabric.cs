using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using StragglerGuard.Core;
using StragglerGuard.Fabric.Wire;
using StragglerGuard.Hosting;

namespace StragglerGuard.Fabric;

/// <summary>
/// The guardian's half of the fabric between processes: agents connect to it over a WebSocket, each with the fabric's token.
/// Listens on loopback unless told otherwise.
/// </summary>
public sealed class WebSocketGuardianFabric : IGuardianFabric
{
    /// <summary>Where agents connect.</summary>
    public const string Path = "/fabric/v1";

    /// <summary>Agents that may be connected at once; guardians serve thousands.</summary>
    private const int ConnectionsMax = 32_768;

    /// <summary>An agent that answers no ping for so long is gone, or will come back by itself.</summary>
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(15);

    private readonly byte[] _tokenHash;
    private readonly ReportQueue _reports = new(ReportQueue.GuardianCapacity);
    private readonly ReportDecoder _decoder = new();
    private readonly ConcurrentDictionary<long, ConnectedAgent> _agents = [];
    private readonly CancellationTokenSource _closing = new();
    private EmbeddedServer? _server;
    private long _connections;
    private long _refused;
    private int _guardians;
    private int _disposed;
    private volatile string? _lastRefusal;

    private WebSocketGuardianFabric(string token) => _tokenHash = HashOf(token);

    /// <summary>Where agents connect, for <see cref="WebSocketAgentFabric"/>.</summary>
    public Uri Endpoint => new($"ws://{_server!.Endpoint}{Path}");

    /// <summary>Messages and connections refused so far: wrong token, malformed, oversized, or of a newer schema.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Why the last message or connection was refused, in words that name the field; null while none was.</summary>
    public string? LastRefusal => _lastRefusal;

    /// <summary>Agents connected now.</summary>
    public int Agents => _agents.Count;

    /// <summary>Starts to listen.</summary>
    /// <param name="address">Where; loopback unless there is a reason.</param>
    /// <param name="port">0 takes a free one, see <see cref="Endpoint"/>.</param>
    /// <param name="token">What an agent must show.</param>
    /// <exception cref="EndpointUnavailableException">The port is in use or not allowed, or the address is not this machine's.</exception>
    public static async Task<WebSocketGuardianFabric> StartAsync(IPAddress address, int port, string token)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentException.ThrowIfNullOrEmpty(token);
        var fabric = new WebSocketGuardianFabric(token);
        fabric._server = await EmbeddedServer.StartAsync(new IPEndPoint(address, port), ConnectionsMax, application =>
        {
            application.UseWebSockets(new WebSocketOptions { KeepAliveInterval = SilenceLimit / 3, KeepAliveTimeout = SilenceLimit });
            application.Run(fabric.ServeAsync);
        }).ConfigureAwait(false);
        return fabric;
    }

    /// <inheritdoc/>
    public IGuardianPort OpenGuardian()
    {
        if (Interlocked.CompareExchange(ref _guardians, 1, 0) != 0)
        {
            throw new InvalidOperationException("this fabric serves a guardian already; a fabric has one");
        }

        return new GuardianPort(this);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _closing.CancelAsync().ConfigureAwait(false);
        _reports.Complete();
        await _server!.DisposeAsync().ConfigureAwait(false);
        _closing.Dispose();
    }

    private static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private async Task ServeAsync(HttpContext context)
    {
        string shown = context.Request.Headers.Authorization.ToString();
        bool known = shown.StartsWith("Bearer ", StringComparison.Ordinal)
            && CryptographicOperations.FixedTimeEquals(HashOf(shown["Bearer ".Length..]), _tokenHash);
        if (!known || context.Request.Path != Path || !context.WebSockets.IsWebSocketRequest)
        {
            (context.Response.StatusCode, string reason) = !known ? (StatusCodes.Status401Unauthorized, "a connection without the fabric's token")
                : context.Request.Path != Path ? (StatusCodes.Status404NotFound, $"a connection to another path than {Path}")
                : (StatusCodes.Status400BadRequest, "a request that opens no WebSocket");
            Refuse(reason);
            return;
        }

        using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token, context.RequestAborted);
        long connection = Interlocked.Increment(ref _connections);
        var agent = new ConnectedAgent();
        _agents[connection] = agent;
        Task sending = SendOffersAsync(socket, agent.Offers.Reader, ending.Token);
        try
        {
            await ReceiveReportsAsync(socket, agent, ending.Token).ConfigureAwait(false);
        }
        catch (Exception lost) when (lost is WebSocketException or OperationCanceledException)
        {
            // The agent went away; it reconnects by itself, and its ring keeps what was not read.
        }
        finally
        {
            _agents.TryRemove(connection, out _);
            agent.Offers.Writer.TryComplete();
            await ending.CancelAsync().ConfigureAwait(false);
            await sending.ConfigureAwait(false);
        }
    }

    private async Task ReceiveReportsAsync(WebSocket socket, ConnectedAgent agent, CancellationToken ending)
    {
        var buffer = new ArrayBufferWriter<byte>(64 << 10);
        while (true)
        {
            MessageReceipt receipt = await WebSocketMessages.ReceiveAsync(socket, buffer, WireFormat.MessageBytesMax, ending).ConfigureAwait(false);
            if (receipt == MessageReceipt.Closed)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ending).ConfigureAwait(false);
                return;
            }

            if (receipt == MessageReceipt.TooLarge)
            {
                string limit = $"a message of more than {WireFormat.MessageBytesMax} bytes";
                Refuse(limit);
                await socket.CloseOutputAsync(WebSocketCloseStatus.MessageTooBig, limit, ending).ConfigureAwait(false);
                return;
            }

            if (_decoder.TryDecode(buffer.WrittenSpan, out NodeReport? report, out string reason))
            {
                agent.Node = report.Node;
                _reports.Enqueue(report);
            }
            else
            {
                Refuse(reason);
            }
        }
    }

    private void Refuse(string reason)
    {
        _lastRefusal = reason;
        Interlocked.Increment(ref _refused);
    }

    private static async Task SendOffersAsync(WebSocket socket, ChannelReader<byte[]> offers, CancellationToken ending)
    {
        try
        {
            await foreach (byte[] offer in offers.ReadAllAsync(ending).ConfigureAwait(false))
            {
                await socket.SendAsync(offer, WebSocketMessageType.Binary, true, ending).ConfigureAwait(false);
            }
        }
        catch (Exception lost) when (lost is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The receiving side of the same connection ends it; the guardian repeats the offer.
        }
    }

    /// <summary>An agent's connection.</summary>
    private sealed class ConnectedAgent
    {
        private volatile string? _node;

        /// <summary>Its node, as its reports say; null before the first.</summary>
        public NodeId? Node
        {
            get => _node is { } name ? new NodeId(name) : null;
            set => _node = value?.Value;
        }

        /// <summary>Plans that wait to be sent, encoded; the oldest gives way.</summary>
        public Channel<byte[]> Offers { get; } =
            Channel.CreateBounded<byte[]>(new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.DropOldest });
    }

    private sealed class GuardianPort(WebSocketGuardianFabric fabric) : IGuardianPort
    {
        private int _disposed;

        public ChannelReader<NodeReport> Reports => fabric._reports.Reader;

        public long ReportsDropped => fabric._reports.Dropped;

        public bool IsLeader => true;

        public void Offer(OfferedPlan offer, IReadOnlySet<NodeId> nodes)
        {
            ArgumentNullException.ThrowIfNull(nodes);
            byte[]? message = null;
            foreach ((_, ConnectedAgent agent) in fabric._agents)
            {
                // Whose agent it is that has just come again it has not said yet.
                if (agent.Node is not { } node || nodes.Contains(node))
                {
                    agent.Offers.Writer.TryWrite(message ??= WireFormat.Encode(offer));
                }
            }
        }

        public void Dispose()
        {
            // The place may be another guardian's by the second call.
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                Interlocked.Exchange(ref fabric._guardians, 0);
            }
        }
    }
}
