using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using StragglerGuard.Core;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Recording;

/// <summary>One slot of the ring, word for word; see <see cref="StepRecordLayout"/> for the contract.</summary>
[StructLayout(LayoutKind.Explicit, Size = StepRecordLayout.RecordBytes)]
internal struct StepRecord
{
    [FieldOffset(StepRecordLayout.HeadSequenceOffset)] internal ulong HeadSequence;
    [FieldOffset(StepRecordLayout.CheckOffset)] internal ulong Check;
    [FieldOffset(StepRecordLayout.SchemaVersionOffset)] internal ulong Format;
    [FieldOffset(StepRecordLayout.RankOffset)] internal ulong RankAndUnits;
    [FieldOffset(StepRecordLayout.StepOffset)] internal long Step;
    [FieldOffset(StepRecordLayout.StartNsOffset)] internal long StartNs;
    [FieldOffset(StepRecordLayout.ComputeNsOffset)] internal long ComputeNs;
    [FieldOffset(StepRecordLayout.DataWaitNsOffset)] internal long DataWaitNs;
    [FieldOffset(StepRecordLayout.ArrivalNsOffset)] internal long ArrivalNs;
    [FieldOffset(StepRecordLayout.DepartureNsOffset)] internal long DepartureNs;
    [FieldOffset(StepRecordLayout.WeightOffset)] internal ulong WeightBits;
    [FieldOffset(StepRecordLayout.WorkloadFeatureOffset)] internal ulong FeatureBits;
    [FieldOffset(StepRecordLayout.EpochOffset)] internal long Epoch;
    [FieldOffset(StepRecordLayout.SpareOffset)] internal ulong Spare0;
    [FieldOffset(StepRecordLayout.SpareOffset + 8)] internal ulong Spare1;
    [FieldOffset(StepRecordLayout.TailSequenceOffset)] internal ulong TailSequence;

    /// <summary>Fills the slot in place: head, body, check, tail, in that order as seen from every processor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Write(ref StepRecord slot, ulong sequence, in StepTiming timing)
    {
        // The head goes first: whoever sees a word of the new record also sees that the old one is gone. On x86 neither barrier is an instruction.
        Volatile.Write(ref slot.HeadSequence, sequence);
        Volatile.WriteBarrier();
        slot.Format = StepRecordLayout.SchemaVersion | ((ulong)timing.Kind << 16) | ((ulong)(uint)timing.Generation.Value << 32);
        slot.RankAndUnits = (uint)timing.Rank.Value | ((ulong)(uint)timing.WorkUnits << 32);
        slot.Step = timing.Step;
        slot.StartNs = timing.StartNs;
        slot.ComputeNs = timing.ComputeNs;
        slot.DataWaitNs = timing.DataWaitNs;
        slot.ArrivalNs = timing.ArrivalNs;
        slot.DepartureNs = timing.DepartureNs;
        slot.WeightBits = BitConverter.DoubleToUInt64Bits(timing.Weight);
        slot.FeatureBits = BitConverter.DoubleToUInt64Bits(timing.WorkloadFeature);
        slot.Epoch = timing.Epoch.Value;
        slot.Spare0 = 0;
        slot.Spare1 = 0;
        slot.Check = slot.ComputeCheck(sequence);
        Volatile.Write(ref slot.TailSequence, sequence);
    }

    /// <summary>Whether this copy is record <paramref name="sequence"/>, whole and in a schema that this code reads.</summary>
    internal readonly bool IsWhole(ulong sequence) =>
        HeadSequence == sequence
        && TailSequence == sequence
        && Check == ComputeCheck(sequence)
        && (ushort)Format == StepRecordLayout.SchemaVersion;

    internal readonly StepTiming ToTiming() => new()
    {
        Kind = (TimingKind)(ushort)(Format >> 16),
        Generation = new Generation((int)(Format >> 32)),
        Rank = new Rank((int)RankAndUnits),
        WorkUnits = (int)(RankAndUnits >> 32),
        Step = Step,
        StartNs = StartNs,
        ComputeNs = ComputeNs,
        DataWaitNs = DataWaitNs,
        ArrivalNs = ArrivalNs,
        DepartureNs = DepartureNs,
        Weight = BitConverter.UInt64BitsToDouble(WeightBits),
        WorkloadFeature = BitConverter.UInt64BitsToDouble(FeatureBits),
        Epoch = new PlanEpoch(Epoch),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly ulong ComputeCheck(ulong sequence) =>
        CheckWord.Fold(sequence ^ CheckWord.Key0, Format ^ CheckWord.Key1)
        ^ CheckWord.Fold(RankAndUnits ^ CheckWord.Key1, (ulong)Step ^ CheckWord.Key2)
        ^ CheckWord.Fold((ulong)StartNs ^ CheckWord.Key2, (ulong)ComputeNs ^ CheckWord.Key3)
        ^ CheckWord.Fold((ulong)DataWaitNs ^ CheckWord.Key3, (ulong)ArrivalNs ^ CheckWord.Key0)
        ^ CheckWord.Fold((ulong)DepartureNs ^ CheckWord.Key0, WeightBits ^ CheckWord.Key2)
        ^ CheckWord.Fold(FeatureBits ^ CheckWord.Key1, (ulong)Epoch ^ CheckWord.Key3)
        ^ CheckWord.Fold(Spare0 ^ CheckWord.Key2, Spare1 ^ CheckWord.Key0);
}
