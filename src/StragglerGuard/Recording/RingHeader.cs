using System.Numerics;
using System.Runtime.InteropServices;

namespace StragglerGuard.Recording;

/// <summary>The first page of a ring's region: what the region is, and how far the writer has come.</summary>
[StructLayout(LayoutKind.Explicit, Size = RingHeader.PageBytes)]
internal struct RingHeader
{
    internal const int PageBytes = 4096;

    /// <summary>"SGRING\0\0" in ASCII, little-endian.</summary>
    internal const ulong ExpectedMagic = 0x0000_474E_4952_4753;

    internal const uint LayoutVersion = 1;

    internal const int MinimumSlots = 2;
    internal const int MaximumSlots = 1 << 22;
    internal const int MaximumControlBytes = 1 << 26;

    [FieldOffset(0)] internal ulong Magic;
    [FieldOffset(8)] internal uint Version;
    [FieldOffset(12)] internal uint RecordBytes;
    [FieldOffset(16)] internal uint SlotCount;
    [FieldOffset(20)] internal uint ControlBytes;

    /// <summary>The number of records written so far; on a cache line of its own, since the writer changes it at every step.</summary>
    [FieldOffset(64)] internal ulong Written;

    internal static long RegionBytes(int slots, int controlBytes) =>
        PageBytes + (long)controlBytes + ((long)slots * StepRecordLayout.RecordBytes);

    internal static void ThrowIfImpossible(int slots, int controlBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slots, MinimumSlots);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(slots, MaximumSlots);
        ArgumentOutOfRangeException.ThrowIfNotEqual(BitOperations.IsPow2(slots), true, nameof(slots));
        ArgumentOutOfRangeException.ThrowIfLessThan(controlBytes, PageBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(controlBytes, MaximumControlBytes);
        ArgumentOutOfRangeException.ThrowIfNotEqual(controlBytes % PageBytes, 0, nameof(controlBytes));
    }

    /// <summary>Why the region can't be a ring that this code reads, or null.</summary>
    internal readonly string? Fault(ulong regionBytes)
    {
        if (Magic != ExpectedMagic)
        {
            return $"not a step ring: the region begins with 0x{Magic:X16}, a ring with 0x{ExpectedMagic:X16}";
        }

        if (Version != LayoutVersion)
        {
            return $"layout version {Version}: this guard reads version {LayoutVersion}";
        }

        if (RecordBytes != StepRecordLayout.RecordBytes)
        {
            return $"records of {RecordBytes} bytes: this guard reads records of {StepRecordLayout.RecordBytes}";
        }

        if (SlotCount is < MinimumSlots or > MaximumSlots || !BitOperations.IsPow2(SlotCount))
        {
            return $"{SlotCount} slots: a ring has a power of two between {MinimumSlots} and {MaximumSlots}";
        }

        if (ControlBytes is < PageBytes or > MaximumControlBytes || ControlBytes % PageBytes != 0)
        {
            return $"a control page of {ControlBytes} bytes: it is a multiple of {PageBytes} up to {MaximumControlBytes}";
        }

        var needed = RegionBytes((int)SlotCount, (int)ControlBytes);
        return regionBytes < (ulong)needed ? $"the region has {regionBytes} bytes, its header promises {needed}" : null;
    }
}
