using StragglerGuard.Core.Timing;

namespace StragglerGuard.Recording;

/// <summary>
/// Follows a <see cref="StepRing"/> from any thread or process, without the writer noticing. For one thread at a time; readers of the
/// same ring don't know of each other.
/// </summary>
/// <remarks>
/// Every record is accounted for once: after a drain that found nothing more, <see cref="Read"/> + <see cref="Lost"/> + <see cref="Torn"/>
/// equals the number of records written.
/// </remarks>
public sealed unsafe class StepRingReader
{
    // A writer without fences may show its stores late; after so many looks at an unchanged slot it is corruption.
    private const int LooksAtTornRecord = 64;

    private readonly StepRing _ring;
    private readonly StepRecord* _slots;
    private readonly ulong _slotCount;
    private ulong _position;

    internal StepRingReader(StepRing ring)
    {
        _ring = ring;
        _slots = ring.FirstSlot;
        _slotCount = (ulong)ring.Slots;
    }

    /// <summary>Records handed out.</summary>
    public long Read { get; private set; }

    /// <summary>Records overwritten before they were read.</summary>
    public long Lost { get; private set; }

    /// <summary>Records that were there but damaged, or of a schema version that this guard doesn't read.</summary>
    public long Torn { get; private set; }

    /// <summary>How often the ring was found formatted anew; reading then begins again with its first record.</summary>
    public long Restarts { get; private set; }

    /// <summary>Copies out what is readable, in the order of writing. Never blocks, allocates nothing.</summary>
    /// <param name="destination">Where the records go; any length.</param>
    /// <returns>How many were copied. Fewer than <paramref name="destination"/> holds: there was no more.</returns>
    public int Drain(Span<StepTiming> destination)
    {
        var written = ReadWritten();
        var count = 0;
        var looks = 0;
        while (count < destination.Length)
        {
            if (_position == written)
            {
                written = ReadWritten();
                if (_position == written)
                {
                    break;
                }
            }

            if (written - _position > _slotCount)
            {
                var oldest = written - _slotCount;
                Lost += (long)(oldest - _position);
                _position = oldest;
            }

            var sequence = _position + 1;
            ref var slot = ref _slots[_position & (_slotCount - 1)];
            var head = Volatile.Read(ref slot.HeadSequence);
            var copy = slot;
            // Between the two looks at the head lies the copy: equal heads mean that no newer record had been begun.
            Volatile.ReadBarrier();
            if (head == sequence && Volatile.Read(ref slot.HeadSequence) == sequence && copy.IsWhole(sequence))
            {
                destination[count++] = copy.ToTiming();
                Read++;
                _position = sequence;
                looks = 0;
                continue;
            }

            written = ReadWritten();
            if (_position >= written)
            {
                continue;
            }

            if (IsOverwritten(Volatile.Read(ref slot.HeadSequence), sequence, written))
            {
                Lost++;
                _position = sequence;
                looks = 0;
            }
            else if (++looks >= LooksAtTornRecord)
            {
                Torn++;
                _position = sequence;
                looks = 0;
            }
        }

        // The slots are reached by a bare pointer: the ring must outlive the last look through it.
        GC.KeepAlive(_ring);
        return count;
    }

    /// <summary>A later record's head that belongs into this slot; any other number there is damage, not progress.</summary>
    private bool IsOverwritten(ulong head, ulong sequence, ulong written) =>
        written - _position > _slotCount
        || (head > sequence && (head - sequence) % _slotCount == 0 && head <= written + 1);

    private ulong ReadWritten()
    {
        var written = Volatile.Read(ref _ring.Header.Written);
        if (written < _position)
        {
            Restarts++;
            _position = 0;
        }

        return written;
    }
}
