using System.Numerics;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Operations;

/// <summary>
/// The two halves of the ring all-reduce over a vector cut into one part per rank. Each moves (n − 1)/n of the vector through
/// every rank, the least that any algorithm can: P. Patarasuk, X. Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
/// workstations", J. Parallel Distrib. Comput. 69 (2009).
/// </summary>
/// <remarks>Each part is summed in one order, by the ranks one after another, and then copied: all ranks end with the same bits.</remarks>
internal readonly unsafe struct Ring(ITransport transport)
{
    private readonly int _rank = transport.Rank.Value;
    private readonly int _size = transport.WorldSize;

    private Rank Next => new((_rank + 1) % _size);

    private Rank Previous => new((_rank + _size - 1) % _size);

    /// <summary>Afterwards this rank's own part is the sum; the other parts hold rubbish.</summary>
    public void ReduceScatter<T>(Span<T> vector, RingReducer<T> reducer)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        fixed (T* start = vector)
        {
            for (var step = 0; step < _size - 1; step++)
            {
                var outgoing = Part(vector.Length, _rank - 1 - step, _size);
                var incoming = Part(vector.Length, _rank - 2 - step, _size);
                reducer.AddTo(start + incoming.Start, incoming.Length);
                transport.Exchange(
                    Next, new ReadOnlySpan<byte>(start + outgoing.Start, checked(outgoing.Length * sizeof(T))),
                    Previous, checked(incoming.Length * sizeof(T)), reducer);
            }
        }
    }

    /// <summary>Every rank's own part goes to all.</summary>
    public void AllGather<T>(Span<T> vector)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        fixed (T* start = vector)
        {
            for (var step = 0; step < _size - 1; step++)
            {
                var outgoing = Part(vector.Length, _rank - step, _size);
                var incoming = Part(vector.Length, _rank - 1 - step, _size);
                transport.Exchange(
                    Next, new ReadOnlySpan<byte>(start + outgoing.Start, checked(outgoing.Length * sizeof(T))),
                    Previous, new Span<byte>(start + incoming.Start, checked(incoming.Length * sizeof(T))));
            }
        }
    }

    /// <summary>Where a part of a vector lies; parts differ by one element at most.</summary>
    /// <param name="length">Of the vector.</param>
    /// <param name="index">Of the part, counted round the ring.</param>
    /// <param name="size">Parts.</param>
    public static (int Start, int Length) Part(int length, int index, int size)
    {
        var part = ((index % size) + size) % size;
        var start = (int)((long)length * part / size);
        return (start, (int)((long)length * (part + 1) / size) - start);
    }
}
