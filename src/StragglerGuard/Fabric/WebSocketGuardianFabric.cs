using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using StragglerGuard.Fabric.Wire;

namespace StragglerGuard.Fabric;

/// <summary>
/// The guardian's half of the fabric between processes: agents connect to it over a WebSocket, each with the fabric's token.
/// Listens on loopback unless told otherwise.
/// </summary>
public sealed class WebSocketGuardianFabric : IGuardianFabric
{
    /// <summary>Where agents connect.</summary>
    public const string Path = "/fabric/v1";

    private readonly WebApplication _server;
    private readonly byte[] _tokenHash;
    private readonly ReportQueue _reports = new(capacity: 4096);
    private readonly ConcurrentDictionary<long, Channel<byte[]>> _agents = [];
    private readonly CancellationTokenSource _closing = new();
    private long _connections;
    private long _refused;
    private int _guardians;
    private int _disposed;
    private volatile string? _lastRefusal;

    private WebSocketGuardianFabric(WebApplication server, string token)
    {
        _server = server;
        _tokenHash = HashOf(token);
    }

    /// <summary>Where agents connect, for <see cref="WebSocketAgentFabric"/>.</summary>
    public Uri Endpoint { get; private set; } = new("ws://127.0.0.1");

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
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<WebSocketGuardianFabric> StartAsync(IPAddress address, int port, string token)
    {
        ArgumentException.ThrowIfNullOrEmpty(token);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(address, port));
        WebApplication server = builder.Build();
        var fabric = new WebSocketGuardianFabric(server, token);
        server.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(5), KeepAliveTimeout = TimeSpan.FromSeconds(20) });
        server.Run(fabric.ServeAsync);
        await server.StartAsync().ConfigureAwait(false);
        string listening = server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        fabric.Endpoint = new UriBuilder(listening) { Scheme = "ws", Path = Path }.Uri;
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
        await _server.DisposeAsync().ConfigureAwait(false);
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
        var offers = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.DropOldest });
        _agents[connection] = offers;
        Task sending = SendOffersAsync(socket, offers.Reader, ending.Token);
        try
        {
            await ReceiveReportsAsync(socket, ending.Token).ConfigureAwait(false);
        }
        catch (Exception lost) when (lost is WebSocketException or OperationCanceledException)
        {
            // The agent went away; it reconnects by itself, and its ring keeps what was not read.
        }
        finally
        {
            _agents.TryRemove(connection, out _);
            offers.Writer.TryComplete();
            await ending.CancelAsync().ConfigureAwait(false);
            await sending.ConfigureAwait(false);
        }
    }

    private async Task ReceiveReportsAsync(WebSocket socket, CancellationToken ending)
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

            if (WireFormat.TryDecodeReport(buffer.WrittenSpan, out NodeReport? report, out string reason))
            {
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

    private sealed class GuardianPort(WebSocketGuardianFabric fabric) : IGuardianPort
    {
        private int _disposed;

        public ChannelReader<NodeReport> Reports => fabric._reports.Reader;

        public bool IsLeader => true;

        public void Offer(OfferedPlan offer)
        {
            byte[] message = WireFormat.Encode(offer);
            foreach (Channel<byte[]> agent in fabric._agents.Values)
            {
                agent.Writer.TryWrite(message);
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
