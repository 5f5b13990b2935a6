using System.Net;
using System.Net.Sockets;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>
/// How processes become a group: each calls the ranks below it and is called by those above, twice (data and control); both sides
/// say hello and compare. Strangers, silent callers and callers with another job's token are dropped and hold nobody up.
/// </summary>
/// <remarks>
/// All connections are worked on at the same time: a missing rank delays nobody's meeting with the others, so that everyone names
/// the same missing one.
/// </remarks>
internal sealed class TcpRendezvous : IDisposable
{
    private const int SliceUs = 20_000;
    private const long SilentCallerNs = 5_000_000_000;

    private readonly Socket _listener;
    private readonly IReadOnlyList<IPEndPoint> _endpoints;
    private readonly TcpHello[] _hellos;
    private readonly Rank _rank;
    private readonly TransportOptions _options;
    private readonly Socket?[] _met;
    private readonly List<Meeting> _meetings = [];
    private readonly List<Socket> _readable = [];
    private readonly List<Socket> _writable = [];
    private readonly List<Socket> _failed = [];
    private readonly SortedSet<string> _refused = new(StringComparer.Ordinal);

    private TcpRendezvous(Socket listener, IReadOnlyList<IPEndPoint> endpoints, TcpIdentity identity, TransportOptions options)
    {
        _listener = listener;
        _endpoints = endpoints;
        _rank = identity.Rank;
        _options = options;
        _hellos = [TcpHello.From(identity, endpoints.Count, TcpChannel.Data), TcpHello.From(identity, endpoints.Count, TcpChannel.Control)];
        _met = new Socket?[2 * endpoints.Count];
    }

    /// <summary>Meets all peers.</summary>
    /// <returns>A link to each, ascending by rank.</returns>
    /// <exception cref="HandshakeException">A rank of the job is not of this group.</exception>
    /// <exception cref="RendezvousException">Ranks did not come.</exception>
    public static TcpLink[] Meet(Socket listener, IReadOnlyList<IPEndPoint> endpoints, TcpIdentity identity, TransportOptions options)
    {
        using var rendezvous = new TcpRendezvous(listener, endpoints, identity, options);
        return rendezvous.Meet();
    }

    /// <summary>Closes what has not become a link.</summary>
    public void Dispose()
    {
        foreach (var meeting in _meetings)
        {
            meeting.Socket?.Dispose();
        }

        foreach (var socket in _met)
        {
            socket?.Dispose();
        }
    }

    private TcpLink[] Meet()
    {
        var deadlineNs = MonotonicClock.NowNs() + (long)_options.RendezvousTimeout.TotalNanoseconds;
        for (var peer = 0; peer < _rank.Value; peer++)
        {
            _meetings.Add(new Meeting(new Rank(peer), TcpChannel.Data));
            _meetings.Add(new Meeting(new Rank(peer), TcpChannel.Control));
        }

        _listener.Blocking = false;
        while (FindMissing() is { Count: > 0 } missing)
        {
            var now = MonotonicClock.NowNs();
            if (now > deadlineNs)
            {
                throw NotMet(missing);
            }

            Call(now);
            WaitForAny();
            Accept(now);
            for (var i = _meetings.Count - 1; i >= 0; i--)
            {
                if (IsOver(_meetings[i], now))
                {
                    _meetings.RemoveAt(i);
                }
            }
        }

        var links = new List<TcpLink>();
        for (var peer = 0; peer < _endpoints.Count; peer++)
        {
            if (peer != _rank.Value)
            {
                links.Add(new TcpLink(new Rank(peer), _met[2 * peer]!, _met[(2 * peer) + 1]!));
            }
        }

        Array.Clear(_met);
        return [.. links];
    }

    private List<Rank> FindMissing()
    {
        var missing = new List<Rank>();
        for (var peer = 0; peer < _endpoints.Count; peer++)
        {
            if (peer != _rank.Value && (_met[2 * peer] is null || _met[(2 * peer) + 1] is null))
            {
                missing.Add(new Rank(peer));
            }
        }

        return missing;
    }

    private RendezvousException NotMet(List<Rank> missing)
    {
        var names = missing.Count == 1 ? missing[0].ToString() : $"ranks {string.Join(", ", missing.Select(r => r.Value))}";
        var refused = string.Concat(_refused.Select(reason => $"; a caller was refused: {reason}"));
        return new RendezvousException(
            missing, $"{names} did not come to the rendezvous within {_options.RendezvousTimeout.TotalSeconds:0.###} s{refused}");
    }

    /// <summary>Calls the ranks below, and again those that could not be reached.</summary>
    private void Call(long now)
    {
        foreach (var meeting in _meetings)
        {
            if (meeting.Socket is not null || meeting.CallAtNs > now)
            {
                continue;
            }

            var endpoint = _endpoints[meeting.Callee!.Value.Value];
            var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false, NoDelay = true };
            meeting.Begin(socket, now);
            try
            {
                socket.Connect(endpoint);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                // The normal answer: the call is under way.
            }
            catch (SocketException)
            {
                meeting.CallAgain(now);
            }
        }
    }

    private void WaitForAny()
    {
        _readable.Clear();
        _writable.Clear();
        _failed.Clear();
        _readable.Add(_listener);
        foreach (var meeting in _meetings)
        {
            if (meeting.Socket is { } socket)
            {
                (meeting.HasSpoken ? _readable : _writable).Add(socket);
                _failed.Add(socket);
            }
        }

        Socket.Select(_readable, _writable, _failed, SliceUs);
    }

    private void Accept(long now)
    {
        if (!_readable.Contains(_listener))
        {
            return;
        }

        try
        {
            var socket = _listener.Accept();
            socket.Blocking = false;
            socket.NoDelay = true;
            var meeting = new Meeting(callee: null, TcpChannel.Data);
            meeting.Begin(socket, now);
            meeting.HasSpoken = true;
            _meetings.Add(meeting);
        }
        catch (SocketException)
        {
            // The caller has hung up already.
        }
    }

    /// <summary>Takes a meeting one step further.</summary>
    /// <returns>Whether there is nothing more to do for it.</returns>
    private bool IsOver(Meeting meeting, long now)
    {
        if (meeting.Socket is not { } socket)
        {
            return false;
        }

        var isCaller = meeting.Callee is not null;
        if (!meeting.HasSpoken)
        {
            var hasFailed = _failed.Contains(socket);
            if (_writable.Contains(socket) || hasFailed)
            {
                var error = (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
                if (error != 0 || hasFailed || !TrySpeak(socket, meeting.Channel))
                {
                    meeting.CallAgain(now);
                }

                meeting.HasSpoken = meeting.Socket is not null;
            }

            return false;
        }

        if (!_readable.Contains(socket) && !_failed.Contains(socket))
        {
            if (!isCaller && now - meeting.BegunNs > SilentCallerNs)
            {
                socket.Dispose();
                return true;
            }

            return false;
        }

        var count = socket.Receive(meeting.Input.AsSpan(meeting.InputCount), SocketFlags.None, out var errorCode);
        if (errorCode is SocketError.WouldBlock or SocketError.Interrupted)
        {
            return false;
        }

        meeting.InputCount += count;
        if (errorCode != SocketError.Success || count == 0 || !TcpHello.MayBegin(meeting.Input.AsSpan(0, meeting.InputCount)))
        {
            if (isCaller)
            {
                meeting.CallAgain(now);
                return false;
            }

            socket.Dispose();
            return true;
        }

        return isCaller ? IsAnswered(meeting) : IsCallerHeard(meeting);
    }

    private bool TrySpeak(Socket socket, TcpChannel channel)
    {
        // A new connection's buffer is empty: so few bytes always fit.
        var sent = socket.Send(_hellos[(int)channel].ToBytes(), SocketFlags.None, out var error);
        return error == SocketError.Success && sent == TcpHello.Bytes;
    }

    private bool IsAnswered(Meeting meeting)
    {
        var callee = meeting.Callee!.Value;
        if (meeting.InputCount >= TcpHello.PrefixBytes && TcpHello.ReadSchema(meeting.Input) is var schema and not TcpHello.CurrentSchema)
        {
            throw new HandshakeException(callee, "schema version", $"{TcpHello.CurrentSchema}", $"{schema}");
        }

        if (meeting.InputCount < TcpHello.Bytes)
        {
            return false;
        }

        var hello = TcpHello.Read(meeting.Input);
        if (!hello.HasTokenOf(_hellos[0]))
        {
            throw new HandshakeException(callee, "job token", "(hidden)", "another");
        }

        if (hello.Rank != callee.Value)
        {
            throw new HandshakeException(callee, "rank", $"{callee.Value} (expected at {_endpoints[callee.Value]})", $"{hello.Rank}");
        }

        Keep(meeting, hello);
        return true;
    }

    private bool IsCallerHeard(Meeting meeting)
    {
        var socket = meeting.Socket!;
        if (meeting.InputCount >= TcpHello.PrefixBytes && TcpHello.ReadSchema(meeting.Input) is var schema and not TcpHello.CurrentSchema)
        {
            TrySpeak(socket, TcpChannel.Data);
            socket.Dispose();
            Remember($"schema version is {schema} there and {TcpHello.CurrentSchema} here");
            return true;
        }

        if (meeting.InputCount < TcpHello.Bytes)
        {
            return false;
        }

        var hello = TcpHello.Read(meeting.Input);
        var hasSpoken = TrySpeak(socket, hello.Channel == TcpChannel.Control ? TcpChannel.Control : TcpChannel.Data);
        if (!hello.HasTokenOf(_hellos[0]))
        {
            // Whoever does not know the secret may not stop the job either: remembered, in case the right one never comes.
            socket.Dispose();
            Remember($"rank {hello.Rank}, as it calls itself, has another job token");
            return true;
        }

        if (!hasSpoken || hello.Channel > TcpChannel.Control)
        {
            socket.Dispose();
            return true;
        }

        Keep(meeting, hello);
        return true;
    }

    /// <summary>Strangers can call as often as they like: a few of them are enough to read about.</summary>
    private void Remember(string refusal)
    {
        const int RefusalsMax = 8;
        if (_refused.Count < RefusalsMax)
        {
            _refused.Add(refusal);
        }
    }

    private void Keep(Meeting meeting, TcpHello hello)
    {
        var peer = new Rank(hello.Rank);
        if (_hellos[0].FindDifference(hello) is { } difference)
        {
            throw new HandshakeException(peer, difference.Field, difference.Own, difference.Theirs);
        }

        if (hello.Rank < 0 || hello.Rank >= _endpoints.Count || peer == _rank || (meeting.Callee is null && peer < _rank))
        {
            throw new HandshakeException(peer, "rank", $"{_rank.Value} (called by higher ranks below {_endpoints.Count})", $"{hello.Rank}");
        }

        ref var place = ref _met[(2 * hello.Rank) + (int)hello.Channel];
        if (place is not null)
        {
            throw new HandshakeException(peer, "rank", "taken by another process", $"{hello.Rank}");
        }

        place = meeting.Socket;
        meeting.Socket = null;
    }

    /// <summary>One connection on its way to a link.</summary>
    private sealed class Meeting(Rank? callee, TcpChannel channel)
    {
        private const long CallAgainNs = 50_000_000;

        /// <summary>Whom we call; null where we are called.</summary>
        public Rank? Callee { get; } = callee;

        /// <summary>What we call for.</summary>
        public TcpChannel Channel { get; } = channel;

        public Socket? Socket { get; set; }

        public byte[] Input { get; } = new byte[TcpHello.Bytes];

        public int InputCount { get; set; }

        /// <summary>The caller's hello is out, or it is not our turn.</summary>
        public bool HasSpoken { get; set; }

        public long BegunNs { get; private set; }

        public long CallAtNs { get; private set; }

        public void Begin(Socket socket, long now)
        {
            Socket = socket;
            BegunNs = now;
            InputCount = 0;
            HasSpoken = false;
        }

        public void CallAgain(long now)
        {
            Socket?.Dispose();
            Socket = null;
            CallAtNs = now + CallAgainNs;
        }
    }
}
