using System.Runtime.InteropServices;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Recording;

/// <summary>
/// The 128-byte record that a rank writes for each step: the contract between the training process, whatever language it is
/// written in, and the agent.
/// </summary>
/// <remarks>
/// <para>
/// Little-endian, schema version <see cref="SchemaVersion"/>. Offsets in bytes:
/// 0 u64 sequence; 8 u64 check; 16 u16 schema version; 18 u16 kind (<see cref="TimingKind"/>); 20 i32 generation; 24 i32 rank;
/// 28 i32 work units; 32 i64 step; 40 i64 startNs; 48 i64 computeNs; 56 i64 dataWaitNs; 64 i64 arrivalNs; 72 i64 departureNs;
/// 80 f64 weight; 88 f64 workload feature; 96 i64 epoch in force; 104 and 112 spare, zero; 120 u64 sequence.
/// </para>
/// <para>
/// The sequence counts records from 1 and stands at both ends; 0 means never written. With w[i] the 64-bit word at byte 8·i, k = the four
/// keys 0x6A09E667F3BCC909, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1, and F(a, b) = high xor low half of the
/// 128-bit product a·b, the check is
/// F(w0^k0, w2^k1) ^ F(w3^k1, w4^k2) ^ F(w5^k2, w6^k3) ^ F(w7^k3, w8^k0) ^ F(w9^k0, w10^k2) ^ F(w11^k1, w12^k3) ^ F(w13^k2, w14^k0).
/// </para>
/// </remarks>
public static class StepRecordLayout
{
    /// <summary>Size of a record.</summary>
    /// <value>Bytes.</value>
    public const int RecordBytes = 128;

    /// <summary>The version of this layout, written into every record.</summary>
    public const ushort SchemaVersion = 1;

    internal const int HeadSequenceOffset = 0;
    internal const int CheckOffset = 8;
    internal const int SchemaVersionOffset = 16;
    internal const int RankOffset = 24;
    internal const int StepOffset = 32;
    internal const int StartNsOffset = 40;
    internal const int ComputeNsOffset = 48;
    internal const int DataWaitNsOffset = 56;
    internal const int ArrivalNsOffset = 64;
    internal const int DepartureNsOffset = 72;
    internal const int WeightOffset = 80;
    internal const int WorkloadFeatureOffset = 88;
    internal const int EpochOffset = 96;
    internal const int SpareOffset = 104;
    internal const int TailSequenceOffset = 120;

    /// <summary>Encodes one record. Allocates nothing.</summary>
    /// <param name="sequence">1 or more.</param>
    /// <param name="timing">What the rank reports.</param>
    /// <param name="destination">At least <see cref="RecordBytes"/> long; no more is written.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="sequence"/> is 0, or <paramref name="destination"/> is too short.</exception>
    public static void Encode(ulong sequence, in StepTiming timing, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfZero(sequence);
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, RecordBytes, nameof(destination));
        var record = default(StepRecord);
        StepRecord.Write(ref record, sequence, in timing);
        MemoryMarshal.Write(destination, in record);
    }

    /// <summary>Decodes one record, or refuses it. Allocates nothing.</summary>
    /// <param name="source">The bytes of the record, <see cref="RecordBytes"/> or more; the rest is ignored.</param>
    /// <param name="sequence">The number of the record; 0 where it was refused.</param>
    /// <param name="timing">What the rank reported.</param>
    /// <returns>False where the bytes are too few, never written, torn or corrupt (sequences or check disagree), or of another schema version.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> source, out ulong sequence, out StepTiming timing)
    {
        sequence = 0;
        timing = default;
        if (source.Length < RecordBytes)
        {
            return false;
        }

        var record = MemoryMarshal.Read<StepRecord>(source);
        if (record.HeadSequence == 0 || !record.IsWhole(record.HeadSequence))
        {
            return false;
        }

        sequence = record.HeadSequence;
        timing = record.ToTiming();
        return true;
    }
}
