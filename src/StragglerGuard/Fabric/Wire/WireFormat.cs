using System.Diagnostics.CodeAnalysis;
using Google.Protobuf;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;
using StragglerGuard.Recording;

namespace StragglerGuard.Fabric.Wire;

/// <summary>Reports and offers to bytes and back. Malformed bytes are an answer with a reason, never an exception.</summary>
internal static class WireFormat
{
    public const uint SchemaVersion = 1;

    /// <summary>No message is larger: 16 MiB hold the records of 1,000 ranks for a minute of 100 ms steps.</summary>
    public const int MessageBytesMax = 16 << 20;

    public static byte[] Encode(NodeReport report)
    {
        var message = new NodeReportMessage { Node = report.Node.Value, Sequence = report.Sequence, SentNs = report.SentNs };
        foreach (RankReport rank in report.Ranks)
        {
            RankEnrollment who = rank.Enrollment;
            message.Ranks.Add(new RankReportMessage
            {
                Enrollment = new EnrollmentMessage
                {
                    Job = who.Job.Value,
                    Generation = who.Generation.Value,
                    Rank = who.Rank.Value,
                    WorldSize = who.WorldSize,
                    Node = who.Worker.Node.Value,
                    DeviceUuid = who.Worker.DeviceUuid,
                    DeviceClass = who.DeviceClass.Name,
                    Stage = who.Stage,
                    TotalMicroBatches = who.TotalMicroBatches,
                    MicroBatchesMin = who.MicroBatchesMin,
                    MicroBatchesMax = who.MicroBatchesMax,
                    Slot = who.Slot,
                    Slots = who.Slots,
                    Abilities = (uint)who.Abilities,
                },
                Records = EncodeRecords(rank.Timings.Span),
                Lost = rank.Lost,
                Torn = rank.Torn,
                SplitVotes = rank.SplitVotes,
                Left = rank.Left,
                Regroups = rank.Regroups,
                Failure = Encode(rank.Failure),
                Trial = rank.Trial is { } trial
                    ? new RankTrialMessage { Epoch = trial.Epoch.Value, SecondsPerUnit = trial.SecondsPerUnit }
                    : null,
                Device = DeviceWire.Encode(rank.Device),
            });
        }

        foreach (StandbyReport standby in report.Standby)
        {
            message.Standby.Add(new StandbyMessage
            {
                Job = standby.Job.Value,
                Slot = standby.Slot,
                Slots = standby.Slots,
                Node = standby.Worker.Node.Value,
                DeviceUuid = standby.Worker.DeviceUuid,
                DeviceClass = standby.DeviceClass.Name,
                SecondsPerUnit = standby.SecondsPerUnit ?? 0,
            });
        }

        return new Envelope { SchemaVersion = SchemaVersion, Report = message }.ToByteArray();
    }

    public static byte[] Encode(OfferedPlan offer)
    {
        byte[] plan = new byte[offer.Plan.EncodedLength];
        offer.Plan.Write(plan);
        return new Envelope
        {
            SchemaVersion = SchemaVersion,
            Offer = new PlanOfferMessage
            {
                Job = offer.Job.Value,
                Generation = offer.Generation.Value,
                Plan = UnsafeByteOperations.UnsafeWrap(plan),
            },
        }.ToByteArray();
    }

    /// <summary>Reads a report, whatever is in it. Who reads thousands a second has a <see cref="ReportDecoder"/>, which answers the same.</summary>
    public static bool TryDecodeReport(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out NodeReport? report, out string reason)
    {
        report = null;
        if (!TryOpen(bytes, Envelope.BodyOneofCase.Report, out Envelope? envelope, out reason))
        {
            return false;
        }

        NodeReportMessage message = envelope.Report;
        var ranks = new List<RankReport>(message.Ranks.Count);
        foreach (RankReportMessage rank in message.Ranks)
        {
            RankEnrollment enrollment = ToEnrollment(rank.Enrollment ?? new EnrollmentMessage());
            if (enrollment.FindFault() is { } impossible)
            {
                reason = $"ranks[{ranks.Count}].enrollment: {impossible}";
                return false;
            }

            if (!TryDecodeRecords(rank.Records.Span, out StepTiming[] timings, out string fault))
            {
                reason = $"ranks[{ranks.Count}].records: {fault}";
                return false;
            }

            ranks.Add(new RankReport(enrollment, timings, rank.Lost, rank.Torn, rank.SplitVotes, rank.Left)
            {
                Failure = rank.Failure is { } failure
                    ? new GroupFailure([.. failure.Culprits.Select(culprit => new Rank(culprit))], failure.Reason)
                    : null,
                Regroups = rank.Regroups,
                Trial = rank.Trial is { SecondsPerUnit: > 0 } trial && double.IsFinite(trial.SecondsPerUnit)
                    ? new RankTrial(new PlanEpoch(trial.Epoch), trial.SecondsPerUnit)
                    : null,
                Device = DeviceWire.Decode(rank.Device),
            });
        }

        var standby = new List<StandbyReport>(message.Standby.Count);
        foreach (StandbyMessage waiting in message.Standby)
        {
            var read = new StandbyReport(
                new JobId(waiting.Job), waiting.Slot, waiting.Slots, new WorkerId(new NodeId(waiting.Node), waiting.DeviceUuid),
                new DeviceClass(waiting.DeviceClass), waiting.SecondsPerUnit == 0 ? null : waiting.SecondsPerUnit);
            if (read.FindFault() is { } impossible)
            {
                reason = $"standby[{standby.Count}]: {impossible}";
                return false;
            }

            standby.Add(read);
        }

        report = new NodeReport(new NodeId(message.Node), message.Sequence, message.SentNs, ranks) { Standby = standby };
        return true;
    }

    public static bool TryDecodeOffer(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out OfferedPlan? offer, out string reason)
    {
        offer = null;
        if (!TryOpen(bytes, Envelope.BodyOneofCase.Offer, out Envelope? envelope, out reason))
        {
            return false;
        }

        PlanOfferMessage message = envelope.Offer;
        if (!JobPlan.TryRead(message.Plan.Span, out JobPlan? plan, out reason))
        {
            reason = $"offer.plan: {reason}";
            return false;
        }

        offer = new OfferedPlan(new JobId(message.Job), new Generation(message.Generation), plan);
        return true;
    }

    /// <summary>A rank's place in its job as a message has it, possible or not.</summary>
    public static RankEnrollment ToEnrollment(EnrollmentMessage who) => new(
        new JobId(who.Job), new Generation(who.Generation), new Rank(who.Rank), who.WorldSize,
        new WorkerId(new NodeId(who.Node), who.DeviceUuid), new DeviceClass(who.DeviceClass), who.Stage,
        who.TotalMicroBatches, who.MicroBatchesMin, who.MicroBatchesMax)
    {
        Slot = who.Slots == 0 ? who.Rank : who.Slot,
        Slots = who.Slots == 0 ? who.WorldSize : who.Slots,
        Abilities = who.Slots == 0 ? RankAbilities.Rebalance : (RankAbilities)who.Abilities,
    };

    private static GroupFailureMessage? Encode(GroupFailure? failure)
    {
        if (failure is null)
        {
            return null;
        }

        var message = new GroupFailureMessage { Reason = failure.Reason };
        message.Culprits.AddRange(failure.Culprits.Select(culprit => culprit.Value));
        return message;
    }

    private static bool TryOpen(
        ReadOnlySpan<byte> bytes, Envelope.BodyOneofCase expected, [NotNullWhen(true)] out Envelope? envelope, out string reason)
    {
        envelope = null;
        try
        {
            envelope = Envelope.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException broken)
        {
            reason = $"not a fabric message: {broken.Message}";
            return false;
        }

        if (envelope.SchemaVersion is 0 or > SchemaVersion)
        {
            reason = $"schema version {envelope.SchemaVersion}; this build reads 1 to {SchemaVersion}";
            return false;
        }

        if (envelope.BodyCase != expected)
        {
            reason = $"a message of kind {envelope.BodyCase} where {expected} was expected";
            return false;
        }

        reason = "";
        return true;
    }

    private static ByteString EncodeRecords(ReadOnlySpan<StepTiming> timings)
    {
        byte[] records = new byte[timings.Length * StepRecordLayout.RecordBytes];
        for (int i = 0; i < timings.Length; i++)
        {
            StepRecordLayout.Encode((ulong)i + 1, timings[i], records.AsSpan(i * StepRecordLayout.RecordBytes, StepRecordLayout.RecordBytes));
        }

        return UnsafeByteOperations.UnsafeWrap(records);
    }

    private static bool TryDecodeRecords(ReadOnlySpan<byte> bytes, out StepTiming[] timings, out string reason)
    {
        timings = [];
        if (bytes.Length % StepRecordLayout.RecordBytes != 0)
        {
            reason = $"{bytes.Length} bytes are no whole number of records of {StepRecordLayout.RecordBytes}";
            return false;
        }

        timings = new StepTiming[bytes.Length / StepRecordLayout.RecordBytes];
        for (int i = 0; i < timings.Length; i++)
        {
            if (!StepRecordLayout.TryDecode(bytes.Slice(i * StepRecordLayout.RecordBytes, StepRecordLayout.RecordBytes), out _, out timings[i]))
            {
                reason = $"record {i} fails its check";
                return false;
            }
        }

        reason = "";
        return true;
    }
}
