using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Operations;

/// <summary>The collectives of one rank: all ranks call the same ones in the same order, with equal lengths.</summary>
/// <remarks>
/// Belongs to one thread; a <see cref="PartialReducer{T}"/> borrows it for the length of a step. Every call returns when this rank is done, throws <see cref="CollectiveException"/> when the group has
/// ended (from then on every call does), and allocates nothing once the largest size has been seen. Results are the same bits on
/// all ranks. Vectors of devices whose memory the host can't see go through host memory piece by piece, but for an all-reduce between
/// <see cref="IPeerDevice"/>s of one process, which sums on the devices (<see cref="CommunicatorOptions.ReducesOnDevices"/>). A rank that fails on its
/// own between or inside calls should tell the others with <see cref="ITransport.Abort"/>: until then they wait.
/// </remarks>
public sealed class Communicator : IDisposable
{
    // Bounds one message well below 2 GiB, and the host memory that a distant vector goes through.
    private const int WindowElements = 1 << 26;
    private const int StagedWindowElements = 1 << 20;

    private readonly ITransport _transport;
    private readonly IComputeDevice _device;
    private readonly CommunicatorOptions _options;
    private readonly Ring _ring;
    private readonly RingReducer<float> _singleReducer = new();
    private readonly RingReducer<double> _doubleReducer = new();
    private readonly HostScratch _staging = new();
    private readonly HostScratch _sums = new();
    private readonly byte[] _small;
    private long _sequence;
    private Thread? _holder;
    private DeviceRingSeat? _seat;
    private bool _isSeated;

    /// <summary>The collectives of a group.</summary>
    /// <param name="transport">This rank's end of the group; stays the caller's to dispose.</param>
    /// <param name="device">Where the vectors live; stays the caller's to dispose.</param>
    /// <param name="options">Defaults where null; equal at all ranks.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public Communicator(ITransport transport, IComputeDevice device, CommunicatorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(transport);
        ArgumentNullException.ThrowIfNull(device);
        _options = options ?? new CommunicatorOptions();
        _options.Validate();
        _transport = transport;
        _device = device;
        _ring = new Ring(transport);

        // Also holds one number of every rank, whatever the limit for vectors.
        _small = GC.AllocateArray<byte>(transport.WorldSize * Math.Max(_options.SmallBytesMax, sizeof(long)), pinned: true);
    }

    /// <summary>Who we are.</summary>
    public Rank Rank => _transport.Rank;

    /// <summary>How many ranks there are.</summary>
    public int WorldSize => _transport.WorldSize;

    /// <summary>Cancelled as soon as the group has ended, also while this rank computes.</summary>
    public CancellationToken Aborted => _transport.Aborted;

    /// <summary>This rank's end of the group.</summary>
    internal ITransport Transport => _transport;

    /// <summary>Whether a partial reducer lives on it: there is one at most.</summary>
    internal bool HasPartialReducer { get; set; }

    /// <summary>What the next collective will be counted as: the same at all ranks between collectives.</summary>
    internal long NextSequence => _sequence;

    /// <summary>Every rank's vector becomes the sum of all.</summary>
    /// <param name="vector">Equal length on all ranks.</param>
    public CollectiveTiming AllReduce<T>(DeviceSlice<T> vector)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        RequireOwn(vector);
        var enterNs = Enter(CollectiveKind.AllReduce);
        if (FindSeat(vector) is { } seat)
        {
            seat.AllReduce(vector);
        }
        else
        {
            AllReduceOnHost(vector);
        }

        return Leave(enterNs);
    }

    /// <summary>As the other <c>AllReduce</c>, never on the devices: for when host memory stands in for the vectors of some ranks.</summary>
    internal CollectiveTiming AllReduceThroughHost<T>(DeviceSlice<T> vector)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        RequireOwn(vector);
        var enterNs = Enter(CollectiveKind.AllReduce);
        AllReduceOnHost(vector);
        return Leave(enterNs);
    }

    /// <summary>As the other <c>AllReduce</c>, for control data in host memory.</summary>
    /// <param name="vector">Equal length on all ranks.</param>
    public CollectiveTiming AllReduce<T>(Span<T> vector)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var enterNs = Enter(CollectiveKind.AllReduce);
        AllReduceInWindows(vector);
        return Leave(enterNs);
    }

    /// <summary>As the other <c>AllReduce</c>, with host memory standing in for this rank's vector, which is neither read nor written.</summary>
    /// <param name="absent">Whose place is taken.</param>
    /// <param name="standIn">As long; becomes the sum.</param>
    internal CollectiveTiming AllReduceInPlaceOf<T>(DeviceSlice<T> absent, Span<T> standIn)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var enterNs = Enter(CollectiveKind.AllReduce);
        if (absent.Buffer.IsHostVisible)
        {
            AllReduceInWindows(standIn);
        }
        else
        {
            // The same windows as the peers' vectors are cut into.
            for (var at = 0; at < standIn.Length; at += StagedWindowElements)
            {
                AllReduceInWindows(standIn.Slice(at, Math.Min(StagedWindowElements, standIn.Length - at)));
            }
        }

        return Leave(enterNs);
    }

    /// <summary>The sum of all ranks' vectors, this rank's part of it.</summary>
    /// <param name="source">World size × part, equal on all ranks; is not changed.</param>
    /// <param name="destination">The part.</param>
    /// <exception cref="ArgumentException">The lengths don't fit, or the part is over 2 GiB.</exception>
    public CollectiveTiming ReduceScatter<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        RequireOwn(source);
        RequireOwn(destination);
        RequireParts<T>(source.Length, destination.Length);
        var enterNs = Enter(CollectiveKind.ReduceScatter);
        var sums = _sums.Take<T>(source.Length);
        source.Buffer.Download(sums, source.Offset);
        _ring.ReduceScatter(sums, Reducer<T>());
        destination.Buffer.Upload(sums.Slice(Rank.Value * destination.Length, destination.Length), destination.Offset);
        return Leave(enterNs);
    }

    /// <summary>The vectors of all ranks, one after another.</summary>
    /// <param name="source">This rank's part, equal length on all ranks; may be its own place in <paramref name="destination"/>.</param>
    /// <param name="destination">World size × part.</param>
    /// <exception cref="ArgumentException">The lengths don't fit, or the part is over 2 GiB.</exception>
    public CollectiveTiming AllGather<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        RequireOwn(source);
        RequireOwn(destination);
        RequireParts<T>(destination.Length, source.Length);
        var enterNs = Enter(CollectiveKind.AllGather);
        var isVisible = destination.Buffer.IsHostVisible;
        var all = isVisible ? destination.HostSpan : _staging.Take<T>(destination.Length);
        source.Buffer.Download(all.Slice(Rank.Value * source.Length, source.Length), source.Offset);
        _ring.AllGather(all);
        if (!isVisible)
        {
            destination.Buffer.Upload(all, destination.Offset);
        }

        return Leave(enterNs);
    }

    /// <summary>One number of every rank, in host memory.</summary>
    /// <param name="value">This rank's.</param>
    /// <param name="all">World size numbers, by rank.</param>
    /// <exception cref="ArgumentException">The length is not the world size.</exception>
    public CollectiveTiming AllGather(long value, Span<long> all)
    {
        if (all.Length != WorldSize)
        {
            throw new ArgumentException($"There are {WorldSize} ranks and room for {all.Length}.", nameof(all));
        }

        var enterNs = Enter(CollectiveKind.AllGather);
        ExchangeSmall(MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in value)));
        MemoryMarshal.Cast<byte, long>(_small)[..WorldSize].CopyTo(all);
        return Leave(enterNs);
    }

    /// <summary>Every rank's vector becomes the root's.</summary>
    /// <param name="vector">Equal length on all ranks.</param>
    /// <param name="root">Who has it; the same on all ranks.</param>
    public CollectiveTiming Broadcast<T>(DeviceSlice<T> vector, Rank root)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        RequireOwn(vector);
        RequireRank(root);
        var enterNs = Enter(CollectiveKind.Broadcast);
        var isVisible = vector.Buffer.IsHostVisible;
        for (var at = 0; at < vector.Length; at += StagedWindowElements)
        {
            var window = vector.Slice(at, Math.Min(StagedWindowElements, vector.Length - at));
            var host = isVisible ? window.HostSpan
                : Rank == root ? Download(window)
                : _staging.Take<T>(window.Length);
            BroadcastBytes(MemoryMarshal.AsBytes(host), root);
            if (!isVisible && Rank != root)
            {
                window.Buffer.Upload(host, window.Offset);
            }
        }

        return Leave(enterNs);
    }

    /// <summary>As the other <c>Broadcast</c>, for control data in host memory.</summary>
    /// <param name="bytes">Equal length on all ranks.</param>
    /// <param name="root">Who has them; the same on all ranks.</param>
    public CollectiveTiming Broadcast(Span<byte> bytes, Rank root)
    {
        RequireRank(root);
        var enterNs = Enter(CollectiveKind.Broadcast);
        BroadcastBytes(bytes, root);
        return Leave(enterNs);
    }

    /// <summary>Nobody leaves before everyone has come.</summary>
    /// <remarks>Everyone tells everyone: one hop after the last arrival all are free, so the exits lie close together.</remarks>
    public CollectiveTiming Barrier()
    {
        var enterNs = Enter(CollectiveKind.Barrier);
        ExchangeSmall([]);
        return Leave(enterNs);
    }

    /// <summary>Ranks measure their links in pairs: all ranks call it, each then moves what it and its peer agree on, and leaves.</summary>
    /// <param name="enterNs">When this rank came.</param>
    internal ITransport EnterLinkProbe(out long enterNs)
    {
        enterNs = Enter(CollectiveKind.LinkProbe);
        return _transport;
    }

    internal CollectiveTiming LeaveLinkProbe(long enterNs) => Leave(enterNs);

    /// <summary>Frees scratch memory. The transport is told nothing: dispose it too.</summary>
    public void Dispose()
    {
        _seat?.Dispose();
        _staging.Dispose();
        _sums.Dispose();
    }

    /// <summary>From now on this thread only may call collectives; null: whoever calls. The caller sees to the fences.</summary>
    internal void LendTo(Thread? holder) => _holder = holder;

    internal void RequireOwn<T>(DeviceSlice<T> slice)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (!ReferenceEquals(slice.Buffer?.Device, _device))
        {
            throw new ArgumentException("The slice does not live on this communicator's device.");
        }
    }

    private long Enter(CollectiveKind kind)
    {
        if (_holder is not null && _holder != Thread.CurrentThread)
        {
            throw new InvalidOperationException("The communicator belongs to a partial reduction until the step's Finish has returned.");
        }

        var enterNs = MonotonicClock.NowNs();
        _transport.Enter(new CollectiveStamp(kind, _sequence));
        return enterNs;
    }

    private CollectiveTiming Leave(long enterNs)
    {
        _transport.Leave();
        return new CollectiveTiming(_sequence++, enterNs, MonotonicClock.NowNs());
    }

    /// <summary>This rank's place in the ring of devices; null where some rank has no device for it. All ranks ask together.</summary>
    private DeviceRingSeat? FindSeat<T>(DeviceSlice<T> vector)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (_transport is not InProcessTransport near || WorldSize == 1
            || (long)vector.Length * Unsafe.SizeOf<T>() <= _options.SmallBytesMax)
        {
            return null;
        }

        if (!_isSeated)
        {
            var device = _options.ReducesOnDevices ? _device as IPeerDevice : null;
            ExchangeSmall([device is null ? (byte)0 : (byte)1]);
            _seat = _small.AsSpan(0, WorldSize).Contains((byte)0) ? null : new DeviceRingSeat(near.Devices, _transport, device!, _options.DeviceChunkBytes);
            _isSeated = true;
        }

        return _seat;
    }

    private void AllReduceOnHost<T>(DeviceSlice<T> vector)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (vector.Buffer.IsHostVisible)
        {
            AllReduceInWindows(vector.HostSpan);
            return;
        }

        for (var at = 0; at < vector.Length; at += StagedWindowElements)
        {
            var window = vector.Slice(at, Math.Min(StagedWindowElements, vector.Length - at));
            var staged = Download(window);
            AllReduceInWindows(staged);
            window.Buffer.Upload(staged, window.Offset);
        }
    }

    private void AllReduceInWindows<T>(Span<T> vector)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (var at = 0; at < vector.Length; at += WindowElements)
        {
            var window = vector.Slice(at, Math.Min(WindowElements, vector.Length - at));
            if (MemoryMarshal.AsBytes(window).Length <= _options.SmallBytesMax)
            {
                AllReduceSmall(window);
            }
            else
            {
                _ring.ReduceScatter(window, Reducer<T>());
                _ring.AllGather(window);
            }
        }

        if (vector.IsEmpty)
        {
            // Nothing to sum is still a meeting: timing and failures stay the same for every length.
            ExchangeSmall([]);
        }
    }

    /// <summary>Everyone gets all vectors and adds them in the order of the ranks: the same bits everywhere.</summary>
    private void AllReduceSmall<T>(Span<T> vector)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ExchangeSmall(MemoryMarshal.AsBytes(vector));
        var all = MemoryMarshal.Cast<byte, T>(_small);
        all[..vector.Length].CopyTo(vector);
        for (var rank = 1; rank < WorldSize; rank++)
        {
            TensorPrimitives.Add(all.Slice(rank * vector.Length, vector.Length), vector, vector);
        }
    }

    /// <summary>Every rank's bytes, one after another, in the small buffer.</summary>
    private void ExchangeSmall(ReadOnlySpan<byte> own)
    {
        own.CopyTo(_small.AsSpan(Rank.Value * own.Length));
        for (var distance = 1; distance < WorldSize; distance++)
        {
            _transport.Send(new Rank((Rank.Value + distance) % WorldSize), own);
        }

        for (var distance = 1; distance < WorldSize; distance++)
        {
            var from = (Rank.Value + WorldSize - distance) % WorldSize;
            _transport.Receive(new Rank(from), _small.AsSpan(from * own.Length, own.Length));
        }
    }

    /// <summary>
    /// Small: from the root to all. Else along a chain that begins at the root; each passes a chunk on while the next comes in.
    /// </summary>
    private void BroadcastBytes(Span<byte> bytes, Rank root)
    {
        var position = (Rank.Value - root.Value + WorldSize) % WorldSize;
        if (bytes.Length <= _options.SmallBytesMax)
        {
            if (position > 0)
            {
                _transport.Receive(root, bytes);
                return;
            }

            for (var distance = 1; distance < WorldSize; distance++)
            {
                _transport.Send(new Rank((Rank.Value + distance) % WorldSize), bytes);
            }

            return;
        }

        var next = new Rank((Rank.Value + 1) % WorldSize);
        var previous = new Rank((Rank.Value + WorldSize - 1) % WorldSize);
        var isLast = position == WorldSize - 1;
        var chunkBytes = _options.BroadcastChunkBytes;
        if (position > 0)
        {
            _transport.Receive(previous, bytes[..Math.Min(chunkBytes, bytes.Length)]);
        }

        for (var at = 0; at < bytes.Length; at += chunkBytes)
        {
            var chunk = bytes.Slice(at, Math.Min(chunkBytes, bytes.Length - at));
            var rest = bytes[(at + chunk.Length)..];
            var following = rest[..Math.Min(chunkBytes, rest.Length)];
            var receives = position > 0 && !following.IsEmpty;
            if (receives && !isLast)
            {
                _transport.Exchange(next, chunk, previous, following);
            }
            else if (receives)
            {
                _transport.Receive(previous, following);
            }
            else if (!isLast)
            {
                _transport.Send(next, chunk);
            }
        }
    }

    private Span<T> Download<T>(DeviceSlice<T> window)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var staged = _staging.Take<T>(window.Length);
        window.Buffer.Download(staged, window.Offset);
        return staged;
    }

    private RingReducer<T> Reducer<T>()
        where T : unmanaged, IFloatingPointIeee754<T> =>
        typeof(T) == typeof(float) ? (RingReducer<T>)(object)_singleReducer
        : typeof(T) == typeof(double) ? (RingReducer<T>)(object)_doubleReducer
        : throw new NotSupportedException($"Collectives sum float and double, not {typeof(T).Name}.");

    private void RequireRank(Rank root)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(root.Value, nameof(root));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(root.Value, WorldSize, nameof(root));
    }

    private unsafe void RequireParts<T>(int whole, int part)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (whole != (long)part * WorldSize)
        {
            throw new ArgumentException($"{WorldSize} parts of {part} elements are not {whole} elements.");
        }

        if ((long)part * sizeof(T) > int.MaxValue)
        {
            throw new ArgumentException($"A part of {part} elements is over 2 GiB.");
        }
    }
}
