using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Fabric.Wire;
using WireFormat = StragglerGuard.Fabric.Wire.WireFormat;

namespace StragglerGuard.Tests.Fabric.Wire;

public sealed class WireFormatTests
{
    private static readonly Config Checked = Config.QuickThrowOnFailure.WithReplay(1789, 41);

    [Fact]
    public void Report_EncodedAndDecoded_IsTheSame() =>
        Prop.ForAll(Seeds(), seed =>
        {
            var report = RandomReports.Report(new Random(seed));
            return (WireFormat.TryDecodeReport(WireFormat.Encode(report), out var decoded, out string reason)
                && Reports.Same(report, decoded)).Label($"seed {seed}: {reason}");
        }).Check(Checked.WithMaxTest(300));

    [Fact]
    public void Offer_EncodedAndDecoded_IsTheSame() =>
        Prop.ForAll(Seeds(), seed =>
        {
            var random = new Random(seed);
            var offer = new OfferedPlan(
                new JobId($"job {random.Next()} ü"), new Generation(random.Next()),
                new JobPlan(new PlanEpoch(random.NextInt64()), new Generation(random.Next()), RandomReports.Draw(random, 1 + random.Next(40), () => random.Next(1000))));
            return (WireFormat.TryDecodeOffer(WireFormat.Encode(offer), out var decoded, out string reason)
                && decoded == offer).Label($"seed {seed}: {reason}");
        }).Check(Checked.WithMaxTest(300));

    /// <summary>Whatever a broken network or a stranger sends: an answer with a reason, never an exception.</summary>
    [Fact]
    public void Decode_OfDamagedBytes_NeverThrowsAndGivesAReason() =>
        Prop.ForAll(Seeds(), seed =>
        {
            var random = new Random(seed);
            byte[] bytes = random.Next(2) == 0 ? WireFormat.Encode(RandomReports.Report(random)) : WireFormat.Encode(Reports.Offer(epoch: 3));
            bytes = random.Next(3) switch
            {
                0 => bytes[..random.Next(bytes.Length)],
                1 => RandomReports.Draw(random, random.Next(400), () => (byte)random.Next(256)),
                _ => bytes,
            };
            for (int flips = random.Next(1, 6); flips > 0 && bytes.Length > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            }

            bool isReport = WireFormat.TryDecodeReport(bytes, out var report, out string reportReason);
            bool isOffer = WireFormat.TryDecodeOffer(bytes, out var offer, out string offerReason);
            return (isReport ? report is not null : report is null && reportReason.Length > 0)
                .And(isOffer ? offer is not null : offer is null && offerReason.Length > 0)
                .Label($"seed {seed}");
        }).Check(Checked.WithMaxTest(2000));

    [Fact]
    public void Report_WithFieldsOfANewerMinorSchema_IsRead()
    {
        // Field 63, a varint: what a later build may add, and this one skips.
        byte[] bytes = [.. WireFormat.Encode(Reports.Report(1)), 0xF8, 0x03, 0x2A];

        WireFormat.TryDecodeReport(bytes, out var report, out string reason).Should().BeTrue(reason);
        Reports.Same(report!, Reports.Report(1)).Should().BeTrue();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(uint.MaxValue)]
    public void Message_OfASchemaThatThisBuildDoesNotRead_IsRefused(uint version)
    {
        Refusal(Reports.Report(1), envelope => envelope.SchemaVersion = version)
            .Should().Be($"schema version {version}; this build reads 1 to 1");
    }

    public static TheoryData<string, RankEnrollment> Impossible => new()
    {
        { "*rank 2 of 2*", Reports.Enrollment() with { Rank = new Rank(2) } },
        { "*rank -1 of 2*", Reports.Enrollment() with { Rank = new Rank(-1) } },
        { "*world size*", Reports.Enrollment() with { WorldSize = 0 } },
        { "*world size*", Reports.Enrollment() with { WorldSize = int.MaxValue } },
        { "*generation*", Reports.Enrollment() with { Generation = new Generation(-1) } },
        { "*stage*", Reports.Enrollment() with { Stage = -1 } },
        { "*job*", Reports.Enrollment() with { Job = new JobId("") } },
        { "*total micro-batches*", Reports.Enrollment() with { TotalMicroBatches = -1, MicroBatchesMin = 0, MicroBatchesMax = 0 } },
        { "*micro-batches*", Reports.Enrollment() with { MicroBatchesMin = -1 } },
        { "*micro-batches*", Reports.Enrollment() with { MicroBatchesMin = 9, MicroBatchesMax = 8 } },
    };

    [Theory]
    [MemberData(nameof(Impossible))]
    public void Report_OfARankThatCannotBe_IsRefusedNamingTheField(string reason, RankEnrollment enrollment)
    {
        var report = new NodeReport(new NodeId("n"), 1, 1, [new RankReport(Reports.Enrollment(), default, 0, 0, 0, false), Of(enrollment)]);

        WireFormat.TryDecodeReport(WireFormat.Encode(report), out _, out string said).Should().BeFalse();

        said.Should().Match($"ranks[1].enrollment: {reason}");

        static RankReport Of(RankEnrollment enrollment) => new(enrollment, default, 0, 0, 0, false);
    }

    [Fact]
    public void Report_WithoutAnEnrollment_IsRefused() =>
        Refusal(Reports.Report(1), envelope => envelope.Report.Ranks[0].Enrollment = null).Should().StartWith("ranks[0].enrollment: ");

    [Fact]
    public void Offer_WithADamagedPlan_IsRefusedWithThePlansReason()
    {
        var envelope = Envelope.Parser.ParseFrom(WireFormat.Encode(Reports.Offer()));
        byte[] plan = envelope.Offer.Plan.ToByteArray();
        plan[^1] ^= 1;
        envelope.Offer.Plan = ByteString.CopyFrom(plan);

        WireFormat.TryDecodeOffer(envelope.ToByteArray(), out _, out string reason).Should().BeFalse();

        reason.Should().StartWith("offer.plan: the hash is ");
    }

    private static string Refusal(NodeReport report, Action<Envelope> alter)
    {
        var envelope = Envelope.Parser.ParseFrom(WireFormat.Encode(report));
        alter(envelope);
        WireFormat.TryDecodeReport(envelope.ToByteArray(), out _, out string reason).Should().BeFalse();
        return reason;
    }

    [Fact]
    public void Reading_WithNumbersThatCantBe_IsUnknownInThoseAndTheReportIsRead()
    {
        var report = Reports.Report(1);
        var reading = new DeviceReading(double.NaN, -5, true)
        {
            TemperatureCelsius = double.PositiveInfinity,
            PowerWatts = -1,
            Utilization = 1.5,
        };

        WireFormat.TryDecodeReport(WireFormat.Encode(report with { Ranks = [report.Ranks[0] with { Device = reading }] }), out var decoded, out string reason)
            .Should().BeTrue(reason);
        decoded!.Ranks[0].Device.Should().Be(new DeviceReading(IsThrottled: true));
    }

    [Fact]
    public void Reading_OfZero_IsZeroAndNotUnknown()
    {
        var report = Reports.Report(1);
        var reading = new DeviceReading(0, 0, false) { Limits = ClockLimits.None, TemperatureCelsius = 0, PowerWatts = 0, Utilization = 0 };

        WireFormat.TryDecodeReport(WireFormat.Encode(report with { Ranks = [report.Ranks[0] with { Device = reading }] }), out var decoded, out _);

        decoded!.Ranks[0].Device.Should().Be(reading);
    }

    private static Arbitrary<int> Seeds() => Arb.From(Gen.Choose(0, int.MaxValue));
}
