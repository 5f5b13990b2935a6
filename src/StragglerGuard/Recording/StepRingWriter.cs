using StragglerGuard.Core.Timing;

namespace StragglerGuard.Recording;

/// <summary>The rank's end of a <see cref="StepRing"/>: never blocks, never throws, allocates nothing. For one thread.</summary>
public sealed unsafe class StepRingWriter
{
    private readonly StepRing _ring;
    private readonly StepRecord* _slots;
    private readonly ulong _mask;
    private ulong _written;

    internal StepRingWriter(StepRing ring)
    {
        _ring = ring;
        _slots = ring.FirstSlot;
        _mask = (ulong)ring.Slots - 1;
        _written = Volatile.Read(ref ring.Header.Written);
    }

    /// <summary>Records written into the ring so far, those of earlier writers included.</summary>
    public long Written => (long)_written;

    /// <summary>Writes one record over the oldest. Readers that haven't read that one count it as lost.</summary>
    /// <param name="timing">What the rank reports; nothing is judged here.</param>
    public void Write(in StepTiming timing)
    {
        var sequence = _written + 1;
        StepRecord.Write(ref _slots[_written & _mask], sequence, in timing);
        _written = sequence;
        Volatile.Write(ref _ring.Header.Written, sequence);
        // The slots are reached by a bare pointer: the ring must outlive the last store through it.
        GC.KeepAlive(_ring);
    }
}
