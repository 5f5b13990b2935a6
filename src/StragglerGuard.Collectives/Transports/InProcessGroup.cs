using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>A group whose ranks are threads of this process.</summary>
public sealed class InProcessGroup
{
    private readonly InProcessLane[] _lanes;
    private readonly RankProgress[] _progress;
    private readonly InProcessTransport[] _transports;
    private readonly SignalBox[] _boxes;

    private int _events;

    private InProcessGroup(int worldSize, TransportOptions options)
    {
        Options = options;
        Devices = new DeviceRing(worldSize);
        _lanes = new InProcessLane[worldSize * worldSize];
        _progress = new RankProgress[worldSize];
        _transports = new InProcessTransport[worldSize];
        _boxes = new SignalBox[worldSize];
        for (var i = 0; i < _lanes.Length; i++)
        {
            _lanes[i] = new InProcessLane();
        }

        for (var rank = 0; rank < worldSize; rank++)
        {
            _progress[rank] = new RankProgress();
            _boxes[rank] = new SignalBox();
            _transports[rank] = new InProcessTransport(this, new Rank(rank));
        }
    }

    /// <summary>The ranks' ends, indexed by rank. Each belongs to one thread, which disposes it.</summary>
    public IReadOnlyList<ITransport> Transports => _transports;

    internal int WorldSize => _progress.Length;

    /// <summary>Where the ranks' devices find each other.</summary>
    internal DeviceRing Devices { get; }

    internal TransportOptions Options { get; }

    internal AbortLatch Latch { get; } = new();

    /// <summary>Counts aborts and departures, whatever makes a wait pointless.</summary>
    internal int Events => Volatile.Read(ref _events);

    /// <summary>A new group.</summary>
    /// <param name="worldSize">Ranks, 1 or more.</param>
    /// <param name="options">Defaults where null.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public static InProcessGroup Create(int worldSize, TransportOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        options ??= new TransportOptions();
        options.Validate();
        return new InProcessGroup(worldSize, options);
    }

    /// <exception cref="ArgumentOutOfRangeException"><paramref name="peer"/> is not another rank of the group.</exception>
    internal InProcessLane LaneTo(Rank peer, Rank own) => _lanes[(own.Value * WorldSize) + RequirePeer(peer, own)];

    /// <exception cref="ArgumentOutOfRangeException"><paramref name="peer"/> is not another rank of the group.</exception>
    internal InProcessLane LaneFrom(Rank peer, Rank own) => _lanes[(RequirePeer(peer, own) * WorldSize) + own.Value];

    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rank"/> is not of the group.</exception>
    internal SignalBox Box(Rank rank) => (uint)rank.Value < (uint)WorldSize
        ? _boxes[rank.Value]
        : throw new ArgumentOutOfRangeException(nameof(rank), rank, $"There is no such rank among {WorldSize}.");

    internal RankProgress Progress(Rank rank) => _progress[rank.Value];

    internal void Abort(CollectiveAbort abort)
    {
        Latch.Set(abort);
        WakeAll();
    }

    internal void Leave(Rank rank)
    {
        Progress(rank).Leave();
        WakeAll();
    }

    /// <summary>A rank that has left without having done a collective.</summary>
    internal Rank? FindLeftBefore(long sequence)
    {
        for (var rank = 0; rank < _progress.Length; rank++)
        {
            if (_progress[rank].HasLeft && _progress[rank].CompletedSequence < sequence)
            {
                return new Rank(rank);
            }
        }

        return null;
    }

    /// <summary>Ranks that have not come to a collective.</summary>
    internal List<Rank> FindBehind(long sequence) =>
        [.. Enumerable.Range(0, WorldSize).Where(r => _progress[r].EnteredSequence < sequence).Select(r => new Rank(r))];

    private int RequirePeer(Rank peer, Rank own)
    {
        if ((uint)peer.Value >= (uint)WorldSize || peer == own)
        {
            throw new ArgumentOutOfRangeException(nameof(peer), peer, $"{own} has no such peer among {WorldSize} ranks.");
        }

        return peer.Value;
    }

    private void WakeAll()
    {
        Interlocked.Increment(ref _events);
        foreach (var lane in _lanes)
        {
            lane.Wake();
        }

        foreach (var box in _boxes)
        {
            box.Wake();
        }
    }
}
