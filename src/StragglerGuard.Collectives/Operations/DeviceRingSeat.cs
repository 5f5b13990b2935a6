using System.Numerics;
using System.Runtime.InteropServices;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Operations;

/// <summary>One rank's part in all-reduces whose vectors stay on the devices: the algorithm of <see cref="Ring"/>, and the same bits.</summary>
/// <remarks>
/// Each rank fetches from the one before it, with its own device and its own thread: straight from the other device's memory where it can
/// read that, else from host memory into which the owner has put it. The transport carries only words: "it lies ready" ahead, "I have it"
/// back. So a rank that is gone or late is noticed as in every collective. A vector that is being fetched can't be freed: its owner, should
/// the group end, waits until the other has done.
/// </remarks>
internal sealed class DeviceRingSeat : IDisposable
{
    private readonly object _gate = new();
    private readonly ITransport _transport;
    private readonly IPeerDevice _device;
    private readonly int _chunkBytes;
    private readonly int _rank;
    private readonly int _size;
    private readonly DeviceRingSeat _previous;
    private readonly bool _readsPrevious;
    private readonly bool _isReadByNext;

    // Under the gate: what the next rank may fetch from.
    private object? _offered;
    private int _offeredAt;
    private HostStage? _stage;

    // Where what comes from a stage lies before it is added.
    private DeviceBuffer<float>? _singleScratch;
    private DeviceBuffer<double>? _doubleScratch;

    /// <summary>Takes a seat and finds the neighbours; all ranks of the group do so together, inside a collective.</summary>
    public DeviceRingSeat(DeviceRing ring, ITransport transport, IPeerDevice device, int chunkBytes)
    {
        _transport = transport;
        _device = device;
        _chunkBytes = chunkBytes;
        _rank = transport.Rank.Value;
        _size = transport.WorldSize;
        ring.Take(transport.Rank, this);
        Tell(Next, Previous, 0);
        _previous = ring.Of(Previous);
        _readsPrevious = device.CanRead(_previous._device);
        Tell(Previous, Next, 0);

        // The next rank has set its own before it said so.
        _isReadByNext = ring.Of(Next)._readsPrevious;
    }

    private Rank Next => new((_rank + 1) % _size);

    private Rank Previous => new((_rank + _size - 1) % _size);

    /// <summary>Every rank's vector becomes the sum of all, the same bits on all ranks.</summary>
    /// <param name="vector">Equal length on all ranks.</param>
    public unsafe void AllReduce<T>(DeviceSlice<T> vector)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var chunk = Math.Max(1, _chunkBytes / sizeof(T));
        var longest = (int)(((long)vector.Length + _size - 1) / _size);
        try
        {
            Offer(vector, Math.Min(chunk, longest) * sizeof(T));
            for (var step = 0; step < _size - 1; step++)
            {
                Move(vector, Ring.Part(vector.Length, _rank - 1 - step, _size), Ring.Part(vector.Length, _rank - 2 - step, _size), chunk, longest, adds: true);
            }

            for (var step = 0; step < _size - 1; step++)
            {
                Move(vector, Ring.Part(vector.Length, _rank - step, _size), Ring.Part(vector.Length, _rank - 1 - step, _size), chunk, longest, adds: false);
            }
        }
        finally
        {
            lock (_gate)
            {
                _offered = null;
            }
        }
    }

    /// <summary>Frees what was borrowed of the device; nobody fetches any more when it returns.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _offered = null;
            _stage?.Dispose();
            _stage = null;
        }

        _singleScratch?.Dispose();
        _doubleScratch?.Dispose();
        _singleScratch = null;
        _doubleScratch = null;
    }

    private void Offer<T>(DeviceSlice<T> vector, int stageBytes)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        lock (_gate)
        {
            _offered = vector.Buffer;
            _offeredAt = vector.Offset;
            if (!_isReadByNext && (_stage is null || _stage.Bytes.Length < stageBytes))
            {
                _stage?.Dispose();
                _stage = _device.CreateStage(stageBytes);
            }
        }
    }

    /// <summary>One part goes on to the next rank, another comes from the one before: chunk by chunk, as many on all ranks.</summary>
    private void Move<T>(
        DeviceSlice<T> vector, (int Start, int Length) outgoing, (int Start, int Length) incoming, int chunk, int longest, bool adds)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (var at = 0; at < longest; at += chunk)
        {
            var sent = Cut(outgoing, at, chunk);
            if (_isReadByNext)
            {
                _device.Synchronize();
            }
            else if (sent.Length > 0)
            {
                _device.Store(vector.Slice(sent.Start, sent.Length), _stage!);
            }

            Tell(Next, Previous, vector.Length);
            var fetched = Cut(incoming, at, chunk);
            if (fetched.Length > 0)
            {
                Fetch(vector.Slice(fetched.Start, fetched.Length), fetched.Start, adds);
            }

            Tell(Previous, Next, vector.Length);
        }
    }

    private void Fetch<T>(DeviceSlice<T> destination, int at, bool adds)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        lock (_previous._gate)
        {
            if (_previous._offered is not DeviceBuffer<T> theirs)
            {
                // It left in the middle: what this rank waits for next will say why.
                return;
            }

            if (_readsPrevious)
            {
                var source = theirs.Slice(_previous._offeredAt + at, destination.Length);
                if (adds)
                {
                    _device.AddFrom(source, destination);
                }
                else
                {
                    _device.CopyFrom(source, destination);
                }
            }
            else if (adds)
            {
                var scratch = Scratch<T>(destination.Length).Slice(0, destination.Length);
                _device.Load(_previous._stage!, scratch);
                _device.Add(scratch, destination);
            }
            else
            {
                _device.Load(_previous._stage!, destination);
            }

            _device.Synchronize();
        }
    }

    /// <summary>A word one way round and the same the other: nobody passes before its neighbour has come as far.</summary>
    private void Tell(Rank to, Rank from, long length)
    {
        Span<long> words = stackalloc long[2];
        words[0] = length;
        _transport.Exchange(to, MemoryMarshal.AsBytes(words[..1]), from, MemoryMarshal.AsBytes(words[1..]));
        if (words[1] != length)
        {
            var reason = $"{_transport.Rank} reduces {length} elements on its device, {from} {words[1]}";
            _transport.Abort(reason);
            throw new CollectiveMismatchException([.. new[] { _transport.Rank, from }.OrderBy(rank => rank.Value)], reason);
        }
    }

    private static (int Start, int Length) Cut((int Start, int Length) part, int at, int chunk) =>
        at >= part.Length ? (part.Start, 0) : (part.Start + at, Math.Min(chunk, part.Length - at));

    private DeviceBuffer<T> Scratch<T>(int length)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        typeof(T) == typeof(float)
            ? (DeviceBuffer<T>)(object)(_singleScratch = Grown(_singleScratch, length))
            : (DeviceBuffer<T>)(object)(_doubleScratch = Grown(_doubleScratch, length));

    private DeviceBuffer<T> Grown<T>(DeviceBuffer<T>? scratch, int length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (scratch?.Length >= length)
        {
            return scratch;
        }

        scratch?.Dispose();
        return _device.Allocate<T>(length);
    }
}
