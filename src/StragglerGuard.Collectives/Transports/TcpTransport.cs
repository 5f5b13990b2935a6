using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>One rank's end of a group whose ranks are processes, connected each with each over TCP.</summary>
/// <remarks>
/// Every message is preceded by {length i32, kind i32, sequence i64}, little-endian, so that a program whose ranks disagree about
/// what they do is told so. Connections are neither encrypted nor authenticated beyond the job token: keep them on loopback or
/// on a network of your own. A monitor thread lives as long as the transport.
/// </remarks>
public sealed class TcpTransport : ITransport
{
    private const int HeaderBytes = 16;
    private const int SliceUs = 20_000;

    private readonly TcpLink?[] _links;
    private readonly RankProgress _own = new();
    private readonly AbortLatch _latch = new();
    private readonly TcpMonitor _monitor;
    private readonly byte[] _outgoing = new byte[HeaderBytes + TransportLimits.EagerBytesMax];
    private readonly byte[] _incoming = new byte[HeaderBytes + TransportLimits.EagerBytesMax];
    private readonly byte[] _chunk;
    private readonly List<Socket> _readable = new(1);
    private readonly List<Socket> _writable = new(1);
    private readonly SignalBox _box = new();
    private volatile bool _disposed;

    private TcpTransport(Rank rank, int worldSize, TcpLink[] links, TransportOptions options)
    {
        Rank = rank;
        StandstillMax = options.Timeout;
        WorldSize = worldSize;
        _chunk = GC.AllocateUninitializedArray<byte>(options.ChunkBytes, pinned: true);
        _links = new TcpLink?[worldSize];
        foreach (var link in links)
        {
            _links[link.Peer.Value] = link;
        }

        _monitor = new TcpMonitor(rank, links, _own, _latch, _box, options);
        _monitor.Start();
    }

    /// <inheritdoc/>
    public Rank Rank { get; }

    /// <inheritdoc/>
    public int WorldSize { get; }

    /// <inheritdoc/>
    public CancellationToken Aborted => _latch.Token;

    /// <inheritdoc/>
    public TimeSpan StandstillMax { get; }

    /// <summary>A socket that listens on loopback, on a port that the system chooses.</summary>
    public static Socket ListenOnLoopback()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen(backlog: 512);
            return listener;
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    /// <summary>Meets all ranks of the group.</summary>
    /// <param name="listener">Listens at this rank's endpoint. Is closed when the call returns, however it does.</param>
    /// <param name="endpoints">Where each rank listens, by rank.</param>
    /// <param name="identity">What must be equal at all ranks.</param>
    /// <param name="options">Defaults where null.</param>
    /// <exception cref="HandshakeException">A rank came that is not of this group.</exception>
    /// <exception cref="RendezvousException">Ranks did not come in time.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The rank has no endpoint, or an option is out of its range.</exception>
    public static TcpTransport Connect(
        Socket listener, IReadOnlyList<IPEndPoint> endpoints, TcpIdentity identity, TransportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(listener);
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(identity);
        using (listener)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(identity.Rank.Value, endpoints.Count, nameof(identity));
            options ??= new TransportOptions();
            options.Validate();
            var links = TcpRendezvous.Meet(listener, endpoints, identity, options);
            return new TcpTransport(identity.Rank, endpoints.Count, links, options);
        }
    }

    /// <inheritdoc/>
    public void Enter(CollectiveStamp stamp)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _latch.ThrowIfSet(_own);
        _own.Enter(stamp);
    }

    /// <inheritdoc/>
    public void Leave() => _own.Complete();

    /// <inheritdoc/>
    public void Send(Rank to, ReadOnlySpan<byte> message) => Move(Link(to), message, null, default, 0, null);

    /// <inheritdoc/>
    public void Receive(Rank from, Span<byte> message) => Move(null, default, Link(from), message, message.Length, null);

    /// <inheritdoc/>
    public void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, Span<byte> received) =>
        Move(Link(to), message, Link(from), received, received.Length, null);

    /// <inheritdoc/>
    public void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, int receivedBytes, IChunkReceiver receiver)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        Move(Link(to), message, Link(from), default, receivedBytes, receiver);
    }

    /// <inheritdoc/>
    public void Abort(string reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        _monitor.Abort(CollectiveAbort.GaveUp(Rank, reason));
    }

    /// <inheritdoc/>
    public void GiveUpOn(IReadOnlyList<Rank> late, string reason)
    {
        ArgumentNullException.ThrowIfNull(late);
        ArgumentOutOfRangeException.ThrowIfZero(late.Count, nameof(late));
        ArgumentNullException.ThrowIfNull(reason);
        _monitor.Abort(CollectiveAbort.Late(late, reason));
    }

    /// <inheritdoc/>
    public void Signal(Rank to, long word)
    {
        if (to == Rank)
        {
            _latch.ThrowIfSet(_own);
            _box.Post(to, word);
            return;
        }

        var link = Link(to);
        ObjectDisposedException.ThrowIf(_disposed, this);
        _latch.ThrowIfSet(_own);
        Span<byte> frame = stackalloc byte[ControlFrame.SignalBytes];
        ControlFrame.WriteSignal(frame, word);
        link.TrySendControl(frame);
    }

    /// <inheritdoc/>
    public bool WaitSignal(long neededSequence, TimeSpan patience, out RankSignal signal)
    {
        var wait = new SignalWait(patience);
        while (true)
        {
            var seenEvents = _box.Events;
            ObjectDisposedException.ThrowIf(_disposed, this);
            _monitor.RequirePresent(neededSequence);
            _latch.ThrowIfSet(_own);
            if (_box.TryTake(seenEvents, wait.RemainingMs, out signal))
            {
                return true;
            }

            if (wait.RemainingMs == 0)
            {
                return false;
            }
        }
    }

    /// <summary>
    /// Leaves the group: a goodbye, no error, unless a collective still needs this rank. Waits up to 250 ms for peers to read it.
    /// </summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _box.Wake();
            _monitor.Stop();
            Close();
        }
    }

    /// <summary>Vanishes without a word, as a killed process does.</summary>
    internal void Sever()
    {
        _disposed = true;
        _monitor.Sever(CollectiveAbort.Died(Rank, "severed"));
        foreach (var link in _links)
        {
            link?.Data.LingerState = new LingerOption(enable: true, 0);
            link?.Control.LingerState = new LingerOption(enable: true, 0);
        }

        Close();
    }

    private void Close()
    {
        foreach (var link in _links)
        {
            link?.Dispose();
        }
    }

    private TcpLink Link(Rank peer) =>
        (uint)peer.Value < (uint)WorldSize && _links[peer.Value] is { } link
            ? link
            : throw new ArgumentOutOfRangeException(nameof(peer), peer, $"{Rank} has no such peer among {WorldSize} ranks.");

    /// <summary>Sends and receives at the same time, until both are done.</summary>
    private void Move(
        TcpLink? to, ReadOnlySpan<byte> message, TcpLink? from, Span<byte> received, int receivedBytes, IChunkReceiver? receiver)
    {
        var output = new Outbound(this, to, message);
        var input = new Inbound(this, from, received, receivedBytes, receiver);
        var isWaiting = false;
        while (!output.IsDone || !input.IsDone)
        {
            var hasMoved = output.TryMove();

            // What the system takes now is on its way while a received chunk is worked on.
            hasMoved |= input.TryMove();
            if (hasMoved)
            {
                if (isWaiting)
                {
                    isWaiting = false;
                    _monitor.EndWaiting();
                }

                continue;
            }

            if (!isWaiting)
            {
                isWaiting = true;
                _monitor.BeginWaiting((input.IsDone ? to : from)!.Peer);
            }

            WaitFor(output.IsDone ? null : to, input.IsDone ? null : from);
        }

        if (isWaiting)
        {
            _monitor.EndWaiting();
        }
    }

    private void WaitFor(TcpLink? to, TcpLink? from)
    {
        _latch.ThrowIfSet(_own);
        _readable.Clear();
        _writable.Clear();
        if (from is not null)
        {
            _readable.Add(from.Data);
        }

        if (to is not null)
        {
            _writable.Add(to.Data);
        }

        Socket.Select(from is null ? null : _readable, to is null ? null : _writable, null, SliceUs);
    }

    private void ThrowForClosedData(TcpLink link, SocketError error) =>
        _monitor.ThrowForClosedData(link.Peer, $"data {TcpMonitor.Describe(error)}");

    private void CheckHeader(ReadOnlySpan<byte> header, TcpLink from, int expectedBytes)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(header);
        var kind = (CollectiveKind)BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        var stamp = new CollectiveStamp(kind, BinaryPrimitives.ReadInt64LittleEndian(header[8..]));
        var own = _own.Current;
        if (length != expectedBytes || stamp != own)
        {
            _monitor.Abort(CollectiveAbort.Mismatch(from.Peer, stamp, length, Rank, own, expectedBytes));
            Aborted.WaitHandle.WaitOne();
            _latch.ThrowIfSet(_own);
        }
    }

    /// <summary>The message on its way out: header and a short message in one piece, a long message after its header.</summary>
    private ref struct Outbound
    {
        private readonly TcpTransport _transport;
        private readonly TcpLink? _link;
        private ReadOnlySpan<byte> _head;
        private ReadOnlySpan<byte> _body;

        public Outbound(TcpTransport transport, TcpLink? link, ReadOnlySpan<byte> message)
        {
            _transport = transport;
            _link = link;
            if (link is null)
            {
                return;
            }

            var buffer = transport._outgoing;
            var own = transport._own.Current;
            BinaryPrimitives.WriteInt32LittleEndian(buffer, message.Length);
            BinaryPrimitives.WriteInt32LittleEndian(buffer.AsSpan(4), (int)own.Kind);
            BinaryPrimitives.WriteInt64LittleEndian(buffer.AsSpan(8), own.Sequence);
            if (message.Length <= TransportLimits.EagerBytesMax)
            {
                message.CopyTo(buffer.AsSpan(HeaderBytes));
                _head = buffer.AsSpan(0, HeaderBytes + message.Length);
            }
            else
            {
                _head = buffer.AsSpan(0, HeaderBytes);
                _body = message;
            }
        }

        public readonly bool IsDone => _head.IsEmpty && _body.IsEmpty;

        public bool TryMove()
        {
            var hasMoved = TryMove(ref _head);
            return _head.IsEmpty && TryMove(ref _body) || hasMoved;
        }

        private readonly bool TryMove(ref ReadOnlySpan<byte> part)
        {
            if (part.IsEmpty)
            {
                return false;
            }

            var count = _link!.Data.Send(part, SocketFlags.None, out var error);
            if (error is SocketError.WouldBlock or SocketError.Interrupted or SocketError.NoBufferSpaceAvailable)
            {
                return false;
            }

            if (error != SocketError.Success)
            {
                _transport.ThrowForClosedData(_link, error);
            }

            part = part[count..];
            return count > 0;
        }
    }

    /// <summary>The message on its way in: whole, or chunk by chunk through the transport's own buffer.</summary>
    private ref struct Inbound
    {
        private readonly TcpTransport _transport;
        private readonly TcpLink? _link;
        private readonly IChunkReceiver? _receiver;
        private readonly Span<byte> _message;
        private readonly int _bytes;
        private readonly bool _isShort;
        private int _headCount;
        private int _count;
        private int _handedOn;

        public Inbound(TcpTransport transport, TcpLink? link, Span<byte> message, int bytes, IChunkReceiver? receiver)
        {
            _transport = transport;
            _link = link;
            _message = message;
            _bytes = bytes;
            _receiver = receiver;
            _isShort = receiver is null && bytes <= TransportLimits.EagerBytesMax;
        }

        /// <summary>A message of no bytes still has a header.</summary>
        public readonly bool IsDone => _link is null || (_headCount >= HeaderBytes && _count == _bytes);

        public bool TryMove()
        {
            if (IsDone)
            {
                return false;
            }

            return _isShort ? TryMoveShort()
                : _headCount < HeaderBytes ? TryMoveHead()
                : _receiver is null ? TryMoveWhole()
                : TryMoveChunk();
        }

        /// <summary>Header and message with one call of the system.</summary>
        private bool TryMoveShort()
        {
            var buffer = _transport._incoming;
            var count = Read(buffer.AsSpan(_headCount + _count, HeaderBytes + _bytes - _headCount - _count));
            var total = _headCount + _count + count;
            var hadHeader = _headCount == HeaderBytes;
            _headCount = Math.Min(total, HeaderBytes);
            _count = total - _headCount;
            if (!hadHeader && _headCount == HeaderBytes)
            {
                _transport.CheckHeader(buffer, _link!, _bytes);
            }

            if (IsDone)
            {
                buffer.AsSpan(HeaderBytes, _bytes).CopyTo(_message);
            }

            return count > 0;
        }

        private bool TryMoveHead()
        {
            var count = Read(_transport._incoming.AsSpan(_headCount, HeaderBytes - _headCount));
            _headCount += count;
            if (_headCount == HeaderBytes)
            {
                _transport.CheckHeader(_transport._incoming, _link!, _bytes);
            }

            return count > 0;
        }

        private bool TryMoveWhole()
        {
            var count = Read(_message[_count..]);
            _count += count;
            return count > 0;
        }

        private bool TryMoveChunk()
        {
            var chunk = _transport._chunk.AsSpan(0, Math.Min(_transport._chunk.Length, _bytes - _handedOn));
            var count = Read(chunk[(_count - _handedOn)..]);
            _count += count;
            if (_count - _handedOn == chunk.Length)
            {
                _receiver!.Receive(chunk, _handedOn);
                _handedOn = _count;
            }

            return count > 0;
        }

        private readonly int Read(Span<byte> target)
        {
            var count = _link!.Data.Receive(target, SocketFlags.None, out var error);
            if (error is SocketError.WouldBlock or SocketError.Interrupted)
            {
                return 0;
            }

            if (error != SocketError.Success || count == 0)
            {
                _transport.ThrowForClosedData(_link, error);
            }

            return count;
        }
    }
}
