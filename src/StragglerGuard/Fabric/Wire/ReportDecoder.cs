using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;
using Google.Protobuf;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;
using StragglerGuard.Recording;

namespace StragglerGuard.Fabric.Wire;

/// <summary>
/// Bytes to reports for whoever hears of a whole fleet: the same answers as <see cref="WireFormat.TryDecodeReport"/>, at a fraction of the
/// time and memory. Any number of threads may use it.
/// </summary>
/// <remarks>
/// Every report says anew who its ranks are; what a node said last is kept, and used again where it says the same, byte for byte. All records
/// of a report lie in one array. Only what this program itself writes, day in, day out, is read here; whatever else comes — fields of a newer
/// schema, another order, the end of a group, workers on standby, damage — is <see cref="WireFormat"/>'s to read or refuse.
/// </remarks>
internal sealed class ReportDecoder
{
    /// <summary>Ranks whose enrollments are kept, in each half: more than the largest fleet has.</summary>
    private const int KnownRanksMax = 1 << 18;

    /// <summary>Names of jobs and device classes of which one copy is kept.</summary>
    private const int NamesMax = 1_024;

    private const byte EnvelopeSchemaTag = (Envelope.SchemaVersionFieldNumber << 3) | VarintType;
    private const byte EnvelopeReportTag = (Envelope.ReportFieldNumber << 3) | BytesType;
    private const byte NodeTag = (NodeReportMessage.NodeFieldNumber << 3) | BytesType;
    private const byte SequenceTag = (NodeReportMessage.SequenceFieldNumber << 3) | VarintType;
    private const byte SentNsTag = (NodeReportMessage.SentNsFieldNumber << 3) | VarintType;
    private const byte RankTag = (NodeReportMessage.RanksFieldNumber << 3) | BytesType;
    private const byte EnrollmentTag = (RankReportMessage.EnrollmentFieldNumber << 3) | BytesType;
    private const byte RecordsTag = (RankReportMessage.RecordsFieldNumber << 3) | BytesType;
    private const byte LostTag = (RankReportMessage.LostFieldNumber << 3) | VarintType;
    private const byte TornTag = (RankReportMessage.TornFieldNumber << 3) | VarintType;
    private const byte SplitVotesTag = (RankReportMessage.SplitVotesFieldNumber << 3) | VarintType;
    private const byte LeftTag = (RankReportMessage.LeftFieldNumber << 3) | VarintType;
    private const byte TrialTag = (RankReportMessage.TrialFieldNumber << 3) | BytesType;
    private const byte RegroupsTag = (RankReportMessage.RegroupsFieldNumber << 3) | VarintType;
    private const byte DeviceTag = (RankReportMessage.DeviceFieldNumber << 3) | BytesType;
    private const byte TrialEpochTag = (RankTrialMessage.EpochFieldNumber << 3) | VarintType;
    private const byte TrialSecondsTag = (RankTrialMessage.SecondsPerUnitFieldNumber << 3) | Fixed64Type;
    private const int VarintType = 0;
    private const int Fixed64Type = 1;
    private const int BytesType = 2;

    private readonly KnownNodes _nodes;
    private readonly ConcurrentDictionary<string, string> _names = [];

    /// <summary>Begins with nothing known.</summary>
    /// <param name="knownRanksMax">Ranks whose enrollments are kept, in each of two halves.</param>
    public ReportDecoder(int knownRanksMax = KnownRanksMax) => _nodes = new KnownNodes(knownRanksMax);

    /// <summary>Ranks whose enrollments are known.</summary>
    public int KnownRanks => _nodes.Ranks;

    /// <summary>Reads a report.</summary>
    /// <param name="bytes">The whole message.</param>
    /// <param name="report">The report; null where the bytes are none.</param>
    /// <param name="reason">Why they are none; empty where they are one.</param>
    public bool TryDecode(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out NodeReport? report, out string reason)
    {
        reason = "";
        return TryDecodeUsual(bytes, out report) || WireFormat.TryDecodeReport(bytes, out report, out reason);
    }

    /// <summary>Reads a report that is written as usual.</summary>
    /// <returns>False where it is not, which says nothing about whether it is one.</returns>
    internal bool TryDecodeUsual(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out NodeReport? report)
    {
        report = null;
        var envelope = new WireReader(bytes);
        if (!envelope.TryReadTag(EnvelopeSchemaTag) || !envelope.TryReadTag((byte)WireFormat.SchemaVersion)
            || !envelope.TryReadTag(EnvelopeReportTag) || !envelope.TryReadBytes(out ReadOnlySpan<byte> body) || !envelope.IsAtEnd)
        {
            return false;
        }

        var reader = new WireReader(body);
        if (!reader.TryReadOptional(NodeTag, out ReadOnlySpan<byte> name) || !reader.TryReadOptional(SequenceTag, out long sequence)
            || !reader.TryReadOptional(SentNsTag, out long sentNs) || !TryCount(reader, out int ranks, out int records))
        {
            return false;
        }

        return TryDecodeRanks(reader, name, ranks, records, out NodeId node, out RankReport[] reports)
            && (report = new NodeReport(node, sequence, sentNs, reports)) is not null;
    }

    /// <summary>How many ranks and records there are. The reader is a copy: it does not move.</summary>
    private static bool TryCount(WireReader reader, out int ranks, out int records)
    {
        ranks = 0;
        records = 0;
        while (reader.TryReadTag(RankTag))
        {
            if (!reader.TryReadBytes(out ReadOnlySpan<byte> body))
            {
                return false;
            }

            var rank = new WireReader(body);
            if (!rank.TryReadTag(EnrollmentTag) || !rank.TryReadBytes(out _)
                || !rank.TryReadOptional(RecordsTag, out ReadOnlySpan<byte> bytes) || bytes.Length % StepRecordLayout.RecordBytes != 0)
            {
                return false;
            }

            ranks++;
            records += bytes.Length / StepRecordLayout.RecordBytes;
        }

        return reader.IsAtEnd;
    }

    private bool TryDecodeRanks(
        WireReader reader, ReadOnlySpan<byte> name, int count, int records, out NodeId node, out RankReport[] reports)
    {
        reports = count == 0 ? [] : new RankReport[count];
        bool isKnown = _nodes.TryFind(name, out KnownNode? known);
        if (!isKnown && !Utf8.IsValid(name))
        {
            node = default;
            return false;
        }

        node = known?.Node ?? new NodeId(Encoding.UTF8.GetString(name));
        KnownRank[] before = known?.Ranks ?? [];
        KnownRank[] now = before.Length == count ? before : new KnownRank[count];
        Memory<StepTiming> left = records == 0 ? default : new StepTiming[records];
        for (int i = 0; i < count; i++)
        {
            if (!reader.TryReadTag(RankTag) || !reader.TryReadBytes(out ReadOnlySpan<byte> body))
            {
                return false;
            }

            var rank = new WireReader(body);
            if (!rank.TryReadTag(EnrollmentTag) || !rank.TryReadBytes(out ReadOnlySpan<byte> who)
                || !rank.TryReadOptional(RecordsTag, out ReadOnlySpan<byte> bytes))
            {
                return false;
            }

            KnownRank? enrolled = i < before.Length && who.SequenceEqual(before[i].Bytes) ? before[i] : Read(who, node);
            if (enrolled is null)
            {
                return false;
            }

            if (i >= before.Length || enrolled != before[i])
            {
                // Others read what is known: it is replaced, not written to.
                now = now == before ? [.. before] : now;
            }

            now[i] = enrolled;
            Memory<StepTiming> timings = left[..(bytes.Length / StepRecordLayout.RecordBytes)];
            left = left[timings.Length..];
            if (!TryDecodeRecords(bytes, timings.Span) || !TryDecodeRest(ref rank, enrolled.Enrollment, timings, out reports[i]))
            {
                return false;
            }
        }

        if (!isKnown || now != before)
        {
            _nodes.Keep(name, new KnownNode(node, now));
        }

        return true;
    }

    private static bool TryDecodeRecords(ReadOnlySpan<byte> bytes, Span<StepTiming> timings)
    {
        for (int i = 0; i < timings.Length; i++)
        {
            if (!StepRecordLayout.TryDecode(bytes[(i * StepRecordLayout.RecordBytes)..], out _, out timings[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>All of a rank that comes after its records.</summary>
    private static bool TryDecodeRest(
        ref WireReader rank, RankEnrollment enrollment, ReadOnlyMemory<StepTiming> timings, out RankReport report)
    {
        report = null!;
        RankTrial? trial = null;
        DeviceReading device = default;
        if (!rank.TryReadOptional(LostTag, out long lost) || !rank.TryReadOptional(TornTag, out long torn)
            || !rank.TryReadOptional(SplitVotesTag, out long splitVotes) || !rank.TryReadOptional(LeftTag, out long left)
            || (rank.TryReadTag(TrialTag) && !TryDecodeTrial(ref rank, out trial))
            || !rank.TryReadOptional(RegroupsTag, out long regroups)
            || (rank.TryReadTag(DeviceTag) && !TryDecodeDevice(ref rank, out device)) || !rank.IsAtEnd)
        {
            return false;
        }

        report = new RankReport(enrollment, timings, lost, torn, splitVotes, left != 0)
        {
            Regroups = regroups != 0,
            Trial = trial,
            Device = device,
        };
        return true;
    }

    private static bool TryDecodeDevice(ref WireReader rank, out DeviceReading device)
    {
        device = default;
        if (!rank.TryReadBytes(out ReadOnlySpan<byte> bytes))
        {
            return false;
        }

        try
        {
            device = DeviceWire.Decode(DeviceReadingMessage.Parser.ParseFrom(bytes));
            return true;
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }
    }

    private static bool TryDecodeTrial(ref WireReader rank, out RankTrial? trial)
    {
        trial = null;
        if (!rank.TryReadBytes(out ReadOnlySpan<byte> bytes))
        {
            return false;
        }

        var reader = new WireReader(bytes);
        double secondsPerUnit = 0;
        if (!reader.TryReadOptional(TrialEpochTag, out long epoch)
            || (reader.TryReadTag(TrialSecondsTag) && !reader.TryReadDouble(out secondsPerUnit)) || !reader.IsAtEnd)
        {
            return false;
        }

        trial = secondsPerUnit > 0 && double.IsFinite(secondsPerUnit) ? new RankTrial(new PlanEpoch(epoch), secondsPerUnit) : null;
        return true;
    }

    /// <returns>Null where the bytes are no enrollment, or an impossible one.</returns>
    private KnownRank? Read(ReadOnlySpan<byte> bytes, NodeId node)
    {
        EnrollmentMessage who;
        try
        {
            who = EnrollmentMessage.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }

        // Thousands of ranks say the same names: one copy of each is kept.
        who.Job = OneCopy(who.Job);
        who.DeviceClass = OneCopy(who.DeviceClass);
        who.Node = who.Node == node.Value ? node.Value : who.Node;
        RankEnrollment enrollment = WireFormat.ToEnrollment(who);
        return enrollment.FindFault() is null ? new KnownRank(bytes.ToArray(), enrollment) : null;
    }

    private string OneCopy(string name) =>
        _names.TryGetValue(name, out string? copy) ? copy
        : _names.Count < NamesMax && name.Length <= KnownNodes.NameBytesMax ? _names.GetOrAdd(name, name)
        : name;
}
