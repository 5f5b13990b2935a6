using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>One rank's end of an <see cref="InProcessGroup"/>.</summary>
internal sealed unsafe class InProcessTransport : ITransport
{
    private readonly InProcessGroup _group;
    private readonly RankProgress _own;
    private readonly long _timeoutNs;
    private readonly int _chunkBytes;
    private readonly SignalBox _box;
    private volatile bool _disposed;

    public InProcessTransport(InProcessGroup group, Rank rank)
    {
        _group = group;
        Rank = rank;
        _own = group.Progress(rank);
        _box = group.Box(rank);
        _timeoutNs = (long)group.Options.Timeout.TotalNanoseconds;
        _chunkBytes = group.Options.ChunkBytes;
    }

    /// <inheritdoc/>
    public Rank Rank { get; }

    /// <inheritdoc/>
    public int WorldSize => _group.WorldSize;

    /// <summary>Where the ranks' devices find each other.</summary>
    public DeviceRing Devices => _group.Devices;

    /// <inheritdoc/>
    public CancellationToken Aborted => _group.Latch.Token;

    /// <inheritdoc/>
    public TimeSpan StandstillMax => _group.Options.Timeout;

    /// <inheritdoc/>
    public void Enter(CollectiveStamp stamp)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _group.Latch.ThrowIfSet(_own);
        _own.Enter(stamp);
    }

    /// <inheritdoc/>
    public void Leave() => _own.Complete();

    /// <inheritdoc/>
    public void Send(Rank to, ReadOnlySpan<byte> message)
    {
        var lane = _group.LaneTo(to, Rank);
        fixed (byte* start = message)
        {
            Post(lane, start, message.Length, to);
            AwaitTaken(lane, message.Length, to);
        }
    }

    /// <inheritdoc/>
    public void Receive(Rank from, Span<byte> message)
    {
        var lane = _group.LaneFrom(from, Rank);
        BeginReading(lane, message.Length, from).CopyTo(message);
        lane.EndReading();
    }

    /// <inheritdoc/>
    public void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, Span<byte> received)
    {
        var outgoing = _group.LaneTo(to, Rank);
        fixed (byte* start = message)
        {
            Post(outgoing, start, message.Length, to);
            var isReceived = false;
            try
            {
                Receive(from, received);
                isReceived = true;
            }
            finally
            {
                if (!isReceived)
                {
                    outgoing.Withdraw();
                }
            }

            AwaitTaken(outgoing, message.Length, to);
        }
    }

    /// <inheritdoc/>
    public void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, int receivedBytes, IChunkReceiver receiver)
    {
        var outgoing = _group.LaneTo(to, Rank);
        fixed (byte* start = message)
        {
            Post(outgoing, start, message.Length, to);
            var isReceived = false;
            try
            {
                ReceiveChunks(_group.LaneFrom(from, Rank), receivedBytes, from, receiver);
                isReceived = true;
            }
            finally
            {
                if (!isReceived)
                {
                    outgoing.Withdraw();
                }
            }

            AwaitTaken(outgoing, message.Length, to);
        }
    }

    /// <inheritdoc/>
    public void Abort(string reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        _group.Abort(CollectiveAbort.GaveUp(Rank, reason));
    }

    /// <inheritdoc/>
    public void GiveUpOn(IReadOnlyList<Rank> late, string reason)
    {
        ArgumentNullException.ThrowIfNull(late);
        ArgumentOutOfRangeException.ThrowIfZero(late.Count, nameof(late));
        ArgumentNullException.ThrowIfNull(reason);
        _group.Abort(CollectiveAbort.Late(late, reason));
    }

    /// <inheritdoc/>
    public void Signal(Rank to, long word)
    {
        var box = _group.Box(to);
        _group.Latch.ThrowIfSet(_own);
        box.Post(Rank, word);
    }

    /// <inheritdoc/>
    public bool WaitSignal(long neededSequence, TimeSpan patience, out RankSignal signal)
    {
        var wait = new SignalWait(patience);
        while (true)
        {
            var seenEvents = _box.Events;
            ObjectDisposedException.ThrowIf(_disposed, this);
            _group.Latch.ThrowIfSet(_own);
            if (_group.FindLeftBefore(neededSequence) is { } left)
            {
                End(CollectiveAbort.Left(left));
            }

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

    /// <summary>Leaves the group: a goodbye, no error, unless a collective still needs this rank.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _group.Leave(Rank);
        }
    }

    private void Post(InProcessLane lane, byte* message, int length, Rank to)
    {
        Await(lane, LaneState.Empty, to);
        lane.Post(message, length, _own.Current);
    }

    private void AwaitTaken(InProcessLane lane, int length, Rank to)
    {
        if (length <= TransportLimits.EagerBytesMax)
        {
            return;
        }

        var isTaken = false;
        try
        {
            Await(lane, LaneState.Empty, to);
            isTaken = true;
        }
        finally
        {
            if (!isTaken)
            {
                lane.Withdraw();
            }
        }
    }

    private void ReceiveChunks(InProcessLane lane, int length, Rank from, IChunkReceiver receiver)
    {
        var message = BeginReading(lane, length, from);
        try
        {
            for (var offset = 0; offset < length; offset += _chunkBytes)
            {
                receiver.Receive(message.Slice(offset, Math.Min(_chunkBytes, length - offset)), offset);
            }
        }
        finally
        {
            lane.EndReading();
        }
    }

    private ReadOnlySpan<byte> BeginReading(InProcessLane lane, int length, Rank from)
    {
        ReadOnlySpan<byte> message;
        do
        {
            Await(lane, LaneState.Posted, from);
        }
        while (!lane.TryBeginReading(out message));

        var own = _own.Current;
        if (lane.Stamp != own || message.Length != length)
        {
            var abort = CollectiveAbort.Mismatch(from, lane.Stamp, message.Length, Rank, own, length);
            lane.EndReading();
            _group.Abort(abort);
            _group.Latch.ThrowIfSet(_own);
        }

        return message;
    }

    private void Await(InProcessLane lane, LaneState wanted, Rank peer)
    {
        var seenEvents = _group.Events;
        if (lane.WaitFor(wanted, _group, seenEvents, 0))
        {
            return;
        }

        var blockedSinceNs = MonotonicClock.NowNs();
        while (true)
        {
            seenEvents = _group.Events;
            _group.Latch.ThrowIfSet(_own);
            if (_group.FindLeftBefore(_own.EnteredSequence) is { } left)
            {
                End(CollectiveAbort.Left(left));
            }

            var remainingNs = _timeoutNs - (MonotonicClock.NowNs() - blockedSinceNs);
            if (remainingNs <= 0)
            {
                End(CollectiveAbort.TimedOut(_group.FindBehind(_own.EnteredSequence), peer, _own.Current, _group.Options.Timeout));
            }

            if (lane.WaitFor(wanted, _group, seenEvents, (int)(remainingNs / 1_000_000) + 1))
            {
                return;
            }
        }
    }

    private void End(CollectiveAbort abort)
    {
        _group.Abort(abort);
        _group.Latch.ThrowIfSet(_own);
    }
}
