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
            var report = RandomReport(new Random(seed));
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
                new JobPlan(new PlanEpoch(random.NextInt64()), new Generation(random.Next()), Draw(random, 1 + random.Next(40), () => random.Next(1000))));
            return (WireFormat.TryDecodeOffer(WireFormat.Encode(offer), out var decoded, out string reason)
                && decoded == offer).Label($"seed {seed}: {reason}");
        }).Check(Checked.WithMaxTest(300));

    /// <summary>Whatever a broken network or a stranger sends: an answer with a reason, never an exception.</summary>
    [Fact]
    public void Decode_OfDamagedBytes_NeverThrowsAndGivesAReason() =>
        Prop.ForAll(Seeds(), seed =>
        {
            var random = new Random(seed);
            byte[] bytes = random.Next(2) == 0 ? WireFormat.Encode(RandomReport(random)) : WireFormat.Encode(Reports.Offer(epoch: 3));
            bytes = random.Next(3) switch
            {
                0 => bytes[..random.Next(bytes.Length)],
                1 => Draw(random, random.Next(400), () => (byte)random.Next(256)),
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

    private static Arbitrary<int> Seeds() => Arb.From(Gen.Choose(0, int.MaxValue));

    private static T[] Draw<T>(Random random, int count, Func<T> next)
    {
        ArgumentNullException.ThrowIfNull(random);
        var drawn = new T[count];
        for (int i = 0; i < count; i++)
        {
            drawn[i] = next();
        }

        return drawn;
    }

    private static NodeReport RandomReport(Random random) => new(
        new NodeId($"node-{random.Next()}"), random.NextInt64(), random.NextInt64(),
        Draw(random, random.Next(4), () =>
        {
            int world = 1 + random.Next(512);
            int total = random.Next(1, 1 << 20);
            return new RankReport(
                new RankEnrollment(
                    new JobId($"job-{random.Next()}"), new Generation(random.Next()), new Rank(random.Next(world)), world,
                    new WorkerId(new NodeId("n"), $"GPU-{random.Next()}"), new DeviceClass("GB200"), random.Next(64), total,
                    random.Next(3), 3 + random.Next(total))
                {
                    Slots = world + 3,
                    Slot = random.Next(world + 3),
                    Abilities = (RankAbilities)random.Next(32),
                },
                Draw(random, random.Next(20), () => RandomTiming(random)), random.NextInt64(), random.NextInt64(), random.NextInt64(),
                random.Next(2) == 0)
            {
                Failure = random.Next(2) == 0 ? null : new GroupFailure(Draw(random, random.Next(4), () => new Rank(random.Next())), $"why {random.Next()}"),
                Regroups = random.Next(2) == 0,
                Trial = random.Next(2) == 0 ? null : new RankTrial(new PlanEpoch(random.NextInt64()), 1 + random.NextDouble()),
                Device = RandomReading(random),
            };
        }))
    {
        Standby = Draw(random, random.Next(4), () => new StandbyReport(
            new JobId($"job-{random.Next()}"), random.Next(8), 8, new WorkerId(new NodeId("n"), $"GPU-{random.Next()}"), new DeviceClass("H100"),
            random.Next(2) == 0 ? null : 1 + random.NextDouble())),
    };

    private static DeviceReading RandomReading(Random random)
    {
        double? Perhaps(double value) => random.Next(2) == 0 ? null : value;
        return new DeviceReading(Perhaps(random.Next(3000)), Perhaps(random.Next(3000)), random.Next(3) switch { 0 => null, 1 => true, _ => false })
        {
            Limits = random.Next(2) == 0 ? null : (ClockLimits)random.Next(512),
            TemperatureCelsius = Perhaps(random.Next(-40, 110)),
            PowerWatts = Perhaps(random.NextDouble() * 1000),
            Utilization = Perhaps(random.NextDouble()),
        };
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

    private static StepTiming RandomTiming(Random random) => new()
    {
        Generation = new Generation(random.Next()),
        Step = random.NextInt64(),
        Rank = new Rank(random.Next()),
        Kind = (TimingKind)random.Next(2),
        StartNs = random.NextInt64(),
        ComputeNs = random.NextInt64(),
        DataWaitNs = random.NextInt64(),
        ArrivalNs = random.NextInt64(),
        DepartureNs = random.NextInt64(),
        WorkUnits = random.Next(),
        Weight = random.NextDouble(),
        WorkloadFeature = random.NextDouble(),
        Epoch = new PlanEpoch(random.NextInt64()),
    };
}
