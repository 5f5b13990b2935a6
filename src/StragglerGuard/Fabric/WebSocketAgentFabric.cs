using System.Buffers;
using System.Net.WebSockets;
using System.Threading.Channels;
using StragglerGuard.Core;
using StragglerGuard.Fabric.Wire;

namespace StragglerGuard.Fabric;

/// <summary>
/// The agents' half of the fabric between processes. Connects in the background, reconnects by itself, and keeps the newest reports
/// while there is nobody to take them: the training job never waits for it.
/// </summary>
public sealed class WebSocketAgentFabric : IAgentFabric
{
    private static readonly TimeSpan RetryFirst = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RetryLast = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(1);

    /// <summary>A guardian whose machine vanished says nothing: after so long without an answer the agent looks for it anew.</summary>
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(15);

    private readonly Uri _guardian;
    private readonly string _token;
    private readonly List<AgentPort> _ports = [];

    /// <summary>Names the guardian to report to. Nothing is connected until an agent opens its way.</summary>
    /// <param name="guardian">As in <see cref="WebSocketGuardianFabric.Endpoint"/>.</param>
    /// <param name="token">The fabric's token.</param>
    public WebSocketAgentFabric(Uri guardian, string token)
    {
        ArgumentNullException.ThrowIfNull(guardian);
        ArgumentException.ThrowIfNullOrEmpty(token);
        _guardian = guardian;
        _token = token;
    }

    /// <inheritdoc/>
    public IAgentPort OpenAgent(NodeId node, Action<OfferedPlan> onOffer)
    {
        ArgumentNullException.ThrowIfNull(onOffer);
        var port = new AgentPort(_guardian, _token, onOffer);
        lock (_ports)
        {
            _ports.Add(port);
        }

        return port;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        AgentPort[] ports;
        lock (_ports)
        {
            ports = [.. _ports];
        }

        foreach (AgentPort port in ports)
        {
            await port.CloseAsync().ConfigureAwait(false);
        }
    }

    private sealed class AgentPort : IAgentPort
    {
        private readonly Uri _guardian;
        private readonly string _token;
        private readonly Action<OfferedPlan> _onOffer;
        private readonly ReportQueue _reports = new(capacity: 256);
        private readonly CancellationTokenSource _closing = new();
        private readonly Task _running;
        private readonly Lazy<Task> _close;
        private NodeReport? _unsent;
        private volatile bool _isConnected;
        private long _reported;
        private long _sent;
        private long _guardiansMet;

        public AgentPort(Uri guardian, string token, Action<OfferedPlan> onOffer)
        {
            _guardian = guardian;
            _token = token;
            _onOffer = onOffer;
            _running = Task.Run(RunAsync);
            _close = new Lazy<Task>(StopAsync);
        }

        public long ReportsDropped => _reports.Dropped;

        public long GuardiansMet => Interlocked.Read(ref _guardiansMet);

        public void Report(NodeReport report)
        {
            Interlocked.Increment(ref _reported);
            _reports.Enqueue(report);
        }

        public async ValueTask<bool> FlushAsync(TimeSpan timeout)
        {
            using var over = new CancellationTokenSource(timeout);
            using var period = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
            try
            {
                while (Interlocked.Read(ref _sent) + _reports.Dropped < Interlocked.Read(ref _reported))
                {
                    await period.WaitForNextTickAsync(over.Token).ConfigureAwait(false);
                }

                return true;
            }
            catch (OperationCanceledException)
            {
                return false;
            }
        }

        /// <summary>The agent and its fabric may both close it, in either order.</summary>
        public Task CloseAsync() => _close.Value;

        public void Dispose()
        {
            CloseAsync().GetAwaiter().GetResult();
            _closing.Dispose();
        }

        private async Task StopAsync()
        {
            _reports.Complete();
            if (_isConnected)
            {
                // What was sent last arrives for certain only where the connection ends in order.
                await Task.WhenAny(_running, Task.Delay(CloseLimit)).ConfigureAwait(false);
            }

            await _closing.CancelAsync().ConfigureAwait(false);
            await _running.ConfigureAwait(false);
        }

        private async Task RunAsync()
        {
            TimeSpan retry = RetryFirst;
            while (!_closing.IsCancellationRequested)
            {
                try
                {
                    using var socket = new ClientWebSocket();
                    socket.Options.SetRequestHeader("Authorization", $"Bearer {_token}");
                    socket.Options.Proxy = null;
                    socket.Options.KeepAliveInterval = SilenceLimit / 3;
                    socket.Options.KeepAliveTimeout = SilenceLimit;
                    await socket.ConnectAsync(_guardian, _closing.Token).ConfigureAwait(false);
                    retry = RetryFirst;
                    if (await HasSaidAllAsync(socket).ConfigureAwait(false))
                    {
                        return;
                    }
                }
                catch (Exception lost) when (
                    lost is WebSocketException or HttpRequestException or IOException or ObjectDisposedException or OperationCanceledException)
                {
                    // Nobody there, or gone: try again below, unless it was we who closed.
                }

                try
                {
                    await Task.Delay(retry, _closing.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException)
                {
                    return;
                }

                retry = retry * 2 < RetryLast ? retry * 2 : RetryLast;
            }
        }

        /// <summary>Sends what there is until the connection or the agent ends.</summary>
        /// <returns>Whether the agent has, with everything sent.</returns>
        private async Task<bool> HasSaidAllAsync(ClientWebSocket socket)
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
            Task receiving = ReceiveOffersAsync(socket, ending);
            _isConnected = true;
            Interlocked.Increment(ref _guardiansMet);
            try
            {
                while (true)
                {
                    // What a broken connection didn't take goes first over the next.
                    while (_unsent is not null || _reports.Reader.TryRead(out _unsent))
                    {
                        await SendAsync(socket, _unsent, ending.Token).ConfigureAwait(false);
                        _unsent = null;
                    }

                    Task<bool> waiting = _reports.Reader.WaitToReadAsync(ending.Token).AsTask();
                    if (await Task.WhenAny(receiving, waiting).ConfigureAwait(false) == receiving)
                    {
                        return false;
                    }

                    if (!await waiting.ConfigureAwait(false))
                    {
                        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ending.Token).ConfigureAwait(false);
                        await receiving.ConfigureAwait(false);
                        return true;
                    }
                }
            }
            finally
            {
                _isConnected = false;
                await ending.CancelAsync().ConfigureAwait(false);
                await receiving.ConfigureAwait(false);
            }
        }

        private async Task SendAsync(ClientWebSocket socket, NodeReport report, CancellationToken ending)
        {
            byte[] message = WireFormat.Encode(report);
            if (message.Length > WireFormat.MessageBytesMax)
            {
                // The guardian would close the connection over it, and over it again on the next.
                _reports.CountDropped();
                return;
            }

            await socket.SendAsync(message, WebSocketMessageType.Binary, true, ending).ConfigureAwait(false);
            Interlocked.Increment(ref _sent);
        }

        /// <summary>Takes offers until the connection ends. Then it ends the sending, too, which may never notice by itself.</summary>
        private async Task ReceiveOffersAsync(ClientWebSocket socket, CancellationTokenSource ending)
        {
            var buffer = new ArrayBufferWriter<byte>(4096);
            try
            {
                while (await WebSocketMessages.ReceiveAsync(socket, buffer, WireFormat.MessageBytesMax, ending.Token).ConfigureAwait(false)
                    == MessageReceipt.Whole)
                {
                    if (WireFormat.TryDecodeOffer(buffer.WrittenSpan, out OfferedPlan? offer, out _))
                    {
                        _onOffer(offer);
                    }
                }
            }
            catch (Exception lost) when (lost is WebSocketException or OperationCanceledException)
            {
                // The sending side of the same connection reconnects.
            }
            finally
            {
                await ending.CancelAsync().ConfigureAwait(false);
            }
        }
    }
}
