using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace StragglerGuard.Recording;

/// <summary>
/// A ring of step records in one preallocated region: embedded in memory, or over a mapped file that the training process and the
/// agent share. One rank writes, any number of readers follow, nobody waits for anybody.
/// </summary>
/// <remarks>
/// The region, little-endian: a header page of 4,096 bytes (0 u64 magic "SGRING\0\0"; 8 u32 layout version 1; 12 u32 record size, 128;
/// 16 u32 slots, a power of two; 20 u32 size of the control page; 64 u64 records written so far), the <see cref="ControlPage"/>,
/// then the slots. Record n, counted from 1, stands in slot (n − 1) mod slots; a full ring overwrites the oldest.
/// </remarks>
public sealed unsafe class StepRing : IDisposable
{
    /// <summary>Size of the control page unless told otherwise.</summary>
    /// <value>Bytes; enough for a plan of about 4,000 bytes.</value>
    public const int DefaultControlBytes = RingHeader.PageBytes;

    private const int CacheLineBytes = 64;

    // Holds the region in place: a pinned array that lives as long as this object, or a mapping that is released on disposal.
    private readonly byte[]? _memory;
    private readonly SafeBuffer? _mapping;
    private readonly byte* _region;
    private bool _disposed;

    private StepRing(byte[]? memory, SafeBuffer? mapping, byte* region)
    {
        _memory = memory;
        _mapping = mapping;
        _region = region;
        Slots = (int)Header.SlotCount;
        Control = new ControlPage(this, region + RingHeader.PageBytes, (int)Header.ControlBytes);
    }

    /// <summary>How many records the ring holds before it overwrites.</summary>
    /// <value>A power of two, 2 … 4,194,304.</value>
    public int Slots { get; }

    /// <summary>The page on which plans come down to the rank.</summary>
    public ControlPage Control { get; }

    internal ref RingHeader Header => ref Unsafe.AsRef<RingHeader>(_region);

    internal StepRecord* FirstSlot => (StepRecord*)(_region + RingHeader.PageBytes + Header.ControlBytes);

    /// <summary>The size of region that a ring needs.</summary>
    /// <param name="slots">A power of two, 2 … 4,194,304.</param>
    /// <param name="controlBytes">A multiple of 4,096, up to 64 MiB.</param>
    /// <returns>Bytes.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public static long RegionBytes(int slots, int controlBytes = DefaultControlBytes)
    {
        RingHeader.ThrowIfImpossible(slots, controlBytes);
        return RingHeader.RegionBytes(slots, controlBytes);
    }

    /// <summary>Makes an empty ring in memory of this process.</summary>
    /// <param name="slots">A power of two, 2 … 4,194,304.</param>
    /// <param name="controlBytes">A multiple of 4,096, up to 64 MiB.</param>
    /// <returns>The ring. It may be left to the garbage collector.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public static StepRing Allocate(int slots, int controlBytes = DefaultControlBytes)
    {
        // A pinned array rather than native memory: it stays valid for as long as a writer or a reader can still reach it.
        var memory = GC.AllocateArray<byte>(checked((int)RegionBytes(slots, controlBytes) + CacheLineBytes), pinned: true);
        var address = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(memory));
        var region = (byte*)((address + CacheLineBytes - 1) & ~(nuint)(CacheLineBytes - 1));
        WriteHeader(region, slots, controlBytes);
        return new StepRing(memory, mapping: null, region);
    }

    /// <summary>Makes an empty ring over a region that others can map; whatever it held is gone.</summary>
    /// <param name="region">A mapping that begins at the ring's first byte, for example the handle of a memory-mapped view at offset 0.</param>
    /// <param name="slots">A power of two, 2 … 4,194,304.</param>
    /// <param name="controlBytes">A multiple of 4,096, up to 64 MiB.</param>
    /// <returns>The ring; disposing it lets go of the mapping.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range, or the region is smaller than <see cref="RegionBytes"/>.</exception>
    /// <exception cref="ArgumentException">The region isn't aligned to 8 bytes.</exception>
    public static StepRing Format(SafeBuffer region, int slots, int controlBytes = DefaultControlBytes)
    {
        ArgumentNullException.ThrowIfNull(region);
        ArgumentOutOfRangeException.ThrowIfLessThan(region.ByteLength, (ulong)RegionBytes(slots, controlBytes), nameof(region));
        var start = Acquire(region);
        NativeMemory.Clear(start, (nuint)RegionBytes(slots, controlBytes));
        WriteHeader(start, slots, controlBytes);
        return new StepRing(memory: null, region, start);
    }

    /// <summary>Joins a ring that another process, or another part of this one, has formatted.</summary>
    /// <param name="region">A mapping that begins at the ring's first byte.</param>
    /// <returns>The ring, or the reason why the region isn't one.</returns>
    /// <exception cref="ArgumentException">The region isn't aligned to 8 bytes.</exception>
    public static RingAttachment Attach(SafeBuffer region)
    {
        ArgumentNullException.ThrowIfNull(region);
        if (region.ByteLength < RingHeader.PageBytes)
        {
            return new RingAttachment(null, $"not a step ring: the region has {region.ByteLength} bytes, the header alone {RingHeader.PageBytes}");
        }

        var start = Acquire(region);
        var fault = Unsafe.AsRef<RingHeader>(start).Fault(region.ByteLength);
        if (fault is null)
        {
            return new RingAttachment(new StepRing(memory: null, region, start), "attached");
        }

        region.ReleasePointer();
        return new RingAttachment(null, fault);
    }

    /// <summary>The rank's end. A ring has one writer at a time; a new one goes on after the last record written.</summary>
    /// <returns>The writer.</returns>
    public StepRingWriter CreateWriter() => new(this);

    /// <summary>A reader with a position of its own, before the first record ever written: what is already overwritten it counts as lost.</summary>
    /// <returns>The reader.</returns>
    public StepRingReader CreateReader() => new(this);

    /// <summary>Lets go of a mapped region. The caller sees to it that no writer, reader or control page of this ring is used any more.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _mapping?.ReleasePointer();
        }
    }

    private static byte* Acquire(SafeBuffer region)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException("The ring's layout is little-endian.");
        }

        byte* start = null;
        region.AcquirePointer(ref start);
        if ((nuint)start % sizeof(ulong) != 0)
        {
            region.ReleasePointer();
            throw new ArgumentException("The region must begin at a multiple of 8 bytes: words of the ring are read and written whole.", nameof(region));
        }

        return start;
    }

    private static void WriteHeader(byte* region, int slots, int controlBytes)
    {
        ref var header = ref Unsafe.AsRef<RingHeader>(region);
        header.Version = RingHeader.LayoutVersion;
        header.RecordBytes = StepRecordLayout.RecordBytes;
        header.SlotCount = (uint)slots;
        header.ControlBytes = (uint)controlBytes;
        // Last: who sees the magic sees the rest.
        Volatile.Write(ref header.Magic, RingHeader.ExpectedMagic);
    }
}

/// <summary>What came of <see cref="StepRing.Attach"/>.</summary>
/// <param name="Ring">The ring, or null.</param>
/// <param name="Reason">Why there is none: what was found and what this guard reads.</param>
public sealed record RingAttachment(StepRing? Ring, string Reason);
