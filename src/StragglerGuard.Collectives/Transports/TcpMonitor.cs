using System.Net.Sockets;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>
/// Reads the control connections of one rank on a thread of its own, alive while the rank's thread computes or blocks: answers where
/// the rank stands, finds out who is late, and passes on the end of the group before this rank's sockets close.
/// </summary>
/// <remarks>
/// A peer is dead when its control connection ends without goodbye and without abort. A data connection that ends proves nothing:
/// the peer may merely have noticed a death first, and its abort, which names the dead, lies in order before the end of its
/// control connection.
/// </remarks>
internal sealed class TcpMonitor
{
    private const int LingerMs = 250;

    private readonly TcpLink[] _links;
    private readonly RankProgress _own;
    private readonly AbortLatch _latch;
    private readonly SignalBox _box;
    private readonly TransportOptions _options;
    private readonly long _timeoutNs;
    private readonly int _sliceUs;
    private readonly Thread _thread;
    private readonly List<Socket> _readable = [];
    private int _isAborting;
    private long _blockedSinceNs;
    private int _waitedOn;
    private long _stopAtNs = long.MaxValue;
    private bool _isSevered;
    private long _question;
    private long _askedAtNs;

    public TcpMonitor(Rank rank, TcpLink[] links, RankProgress own, AbortLatch latch, SignalBox box, TransportOptions options)
    {
        _links = links;
        _own = own;
        _latch = latch;
        _box = box;
        _options = options;
        _timeoutNs = (long)options.Timeout.TotalNanoseconds;
        _sliceUs = (int)Math.Clamp(options.Timeout.TotalMicroseconds / 10, 2_000, 50_000);
        _thread = new Thread(Run) { IsBackground = true, Name = $"collective monitor of {rank}" };
    }

    public void Start() => _thread.Start();

    /// <summary>The rank's thread begins to wait for a peer.</summary>
    public void BeginWaiting(Rank peer)
    {
        Volatile.Write(ref _waitedOn, peer.Value);
        Volatile.Write(ref _blockedSinceNs, MonotonicClock.NowNs());
    }

    /// <summary>Something has moved.</summary>
    public void EndWaiting() => Volatile.Write(ref _blockedSinceNs, 0);

    /// <summary>Ends the group: tells the others, then this rank. The first reason stays.</summary>
    public void Abort(CollectiveAbort abort)
    {
        if (Interlocked.Exchange(ref _isAborting, 1) != 0)
        {
            return;
        }

        var frame = ControlFrame.Abort(abort);
        foreach (var link in _links)
        {
            link.TrySendControl(frame);
        }

        _latch.Set(abort);
        _box.Wake();
    }

    /// <summary>The data connection to a peer has ended: waits until it is known why, and throws it.</summary>
    public void ThrowForClosedData(Rank peer, string how)
    {
        if (!_latch.Token.WaitHandle.WaitOne(_options.AnswerGrace))
        {
            Abort(CollectiveAbort.Died(peer, how));
            _latch.Token.WaitHandle.WaitOne();
        }

        _latch.ThrowIfSet(_own);
    }

    /// <summary>Says goodbye and ends the thread, once the peers have had time to read it.</summary>
    public void Stop()
    {
        if (Volatile.Read(ref _isAborting) == 0)
        {
            var goodbye = ControlFrame.Goodbye(_own.CompletedSequence);
            foreach (var link in _links)
            {
                link.TrySendControl(goodbye);
            }
        }
        else
        {
            // Another thread may still be telling the peers; without its word our closing would look like a death.
            _latch.Token.WaitHandle.WaitOne(_options.AnswerGrace);
        }

        foreach (var link in _links)
        {
            link.ShutdownControl();
        }

        // A socket closed over unread input resets the connection, and some systems then drop what the peer had not read yet.
        Volatile.Write(ref _stopAtNs, MonotonicClock.NowNs() + (LingerMs * 1_000_000L));
        _thread.Join();
    }

    /// <summary>Ends the thread without a word, as a kill would.</summary>
    public void Sever(CollectiveAbort abort)
    {
        // This rank's own threads must come back too, and nothing more may be said.
        Volatile.Write(ref _isSevered, true);
        Interlocked.Exchange(ref _isAborting, 1);
        _latch.Set(abort);
        _box.Wake();
        Volatile.Write(ref _stopAtNs, 0);
        _thread.Join();
    }

    private void Run()
    {
        while (true)
        {
            var remainingNs = Volatile.Read(ref _stopAtNs) - MonotonicClock.NowNs();
            if (remainingNs <= 0 || !WaitForInput())
            {
                return;
            }

            foreach (var link in _links)
            {
                if (_readable.Contains(link.Control))
                {
                    Read(link);
                }
            }

            if (_latch.Value is null && Volatile.Read(ref _stopAtNs) == long.MaxValue)
            {
                CheckGoodbyes();
                CheckTimeout();
            }
        }
    }

    /// <returns>False when nothing can come any more and nobody needs this thread.</returns>
    private bool WaitForInput()
    {
        _readable.Clear();
        foreach (var link in _links)
        {
            if (!link.IsClosed)
            {
                _readable.Add(link.Control);
            }
        }

        if (_readable.Count == 0)
        {
            // All peers are gone: they have said goodbye, or the group has ended. A collective may still be entered in vain.
            return Volatile.Read(ref _stopAtNs) == long.MaxValue && _latch.Value is null
                && !_latch.Token.WaitHandle.WaitOne(_sliceUs / 1000);
        }

        Socket.Select(_readable, null, null, _sliceUs);
        return true;
    }

    private void Read(TcpLink link)
    {
        var input = link.ControlInput;
        var count = link.Control.Receive(input.AsSpan(link.ControlInputCount), SocketFlags.None, out var error);
        if (error is SocketError.WouldBlock or SocketError.Interrupted)
        {
            return;
        }

        if (error != SocketError.Success || count == 0)
        {
            link.IsClosed = true;
            if (!link.Progress.HasLeft && !Volatile.Read(ref _isSevered))
            {
                Abort(CollectiveAbort.Died(link.Peer, Describe(error)));
            }

            return;
        }

        link.ControlInputCount += count;
        var at = 0;
        while (true)
        {
            var length = ControlFrame.TryRead(input.AsSpan(at, link.ControlInputCount - at), out var kind, out var payload);
            if (length == 0)
            {
                break;
            }

            if (length < 0 || !TryHandle(link, kind, payload))
            {
                link.IsClosed = true;
                Abort(CollectiveAbort.Died(link.Peer, "spoke nonsense on its control connection"));
                return;
            }

            at += length;
        }

        input.AsSpan(at, link.ControlInputCount - at).CopyTo(input);
        link.ControlInputCount -= at;
    }

    private bool TryHandle(TcpLink link, ControlFrameKind kind, ReadOnlySpan<byte> payload)
    {
        switch (kind)
        {
            case ControlFrameKind.Question:
                link.TrySendControl(ControlFrame.Answer(ControlFrame.ReadNumber(payload, 0), _own.EnteredPacked));
                return true;
            case ControlFrameKind.Answer:
                link.AnsweredQuestion = ControlFrame.ReadNumber(payload, 0);
                link.AnsweredPacked = ControlFrame.ReadNumber(payload, 1);
                return true;
            case ControlFrameKind.Goodbye:
                link.Progress.LeaveAfter(ControlFrame.ReadNumber(payload, 0));
                _box.Wake();
                return true;
            case ControlFrameKind.Signal:
                _box.Post(link.Peer, ControlFrame.ReadNumber(payload, 0));
                return true;
            default:
                if (ControlFrame.ReadAbort(payload) is not { } abort)
                {
                    return false;
                }

                // Whoever ends the group closes its connections next, and is not dead for that. First the reason, then the leaving:
                // a thread that waits for a word must not find a rank gone before it can know why.
                Abort(abort);
                link.Progress.Leave();
                return true;
        }
    }

    private void CheckGoodbyes()
    {
        var entered = _own.EnteredSequence;
        if (entered > _own.CompletedSequence)
        {
            RequirePresent(entered);
        }
    }

    /// <summary>Ends the group if a rank has left without having done a collective.</summary>
    public void RequirePresent(long sequence)
    {
        foreach (var link in _links)
        {
            if (link.Progress.HasLeft && link.Progress.CompletedSequence < sequence)
            {
                Abort(CollectiveAbort.Left(link.Peer));
            }
        }
    }

    private void CheckTimeout()
    {
        var blockedSinceNs = Volatile.Read(ref _blockedSinceNs);
        var now = MonotonicClock.NowNs();
        if (blockedSinceNs == 0 || now - blockedSinceNs < _timeoutNs)
        {
            _askedAtNs = 0;
            return;
        }

        if (_askedAtNs == 0)
        {
            _askedAtNs = now;
            _question++;
            var frame = ControlFrame.Question(_question);
            foreach (var link in _links)
            {
                link.TrySendControl(frame);
            }

            return;
        }

        var isGraceOver = now - _askedAtNs >= (long)_options.AnswerGrace.TotalNanoseconds;
        if (!isGraceOver && !Array.TrueForAll(_links, link => link.AnsweredQuestion == _question || link.Progress.HasLeft))
        {
            return;
        }

        var stamp = _own.Current;
        var behind = new List<Rank>();
        var silent = 0;
        foreach (var link in _links)
        {
            var isSilent = link.AnsweredQuestion != _question && !link.Progress.HasLeft;
            if (isSilent || (!link.Progress.HasLeft && RankProgress.SequenceOf(link.AnsweredPacked) < stamp.Sequence))
            {
                behind.Add(link.Peer);
                silent += isSilent ? 1 : 0;
            }
        }

        // The rank's thread may have moved on while the peers answered.
        if (Volatile.Read(ref _blockedSinceNs) == blockedSinceNs)
        {
            var waitedOn = new Rank(Volatile.Read(ref _waitedOn));
            Abort(
                silent > 0 && silent == behind.Count
                    ? CollectiveAbort.Silent(behind, stamp, _options.Timeout)
                    : CollectiveAbort.TimedOut(behind, waitedOn, stamp, _options.Timeout));
        }
    }

    internal static string Describe(SocketError error) => error switch
    {
        SocketError.Success => "connection closed",
        SocketError.ConnectionReset or SocketError.ConnectionAborted => "connection reset",
        _ => $"connection failed: {error}",
    };
}
