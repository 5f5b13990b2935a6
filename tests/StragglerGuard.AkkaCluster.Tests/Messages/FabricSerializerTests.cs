using Akka.Actor;
using Akka.Serialization;
using FsCheck;
using FsCheck.Fluent;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Core;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Messages;

public sealed class FabricSerializerTests : IDisposable
{
    private readonly ActorSystem _system = ActorSystem.Create("serializer", "akka.loglevel = OFF");
    private readonly FabricSerializer _serializer;
    private readonly IActorRef _actor;

    public FabricSerializerTests()
    {
        _serializer = new FabricSerializer((ExtendedActorSystem)_system);
        _actor = _system.ActorOf(Props.Empty, "someone");
    }

    /// <summary>One of each.</summary>
    private IFabricMessage[] Examples =>
    [
        new AgentHello(new NodeId("node-a"), _actor), new GuardianWelcome("guardian-1#7", _actor),
        new AgentReport(Reports.Report(3), WantsReceipt: true), new AgentReport(Reports.Report(4), WantsReceipt: false),
        new AgentReport(Reports.Report(5), WantsReceipt: true) { Agent = long.MaxValue, Distance = 300 },
        new ReportReceipt(long.MaxValue), new ReportReceipt(long.MinValue, LacksOlder: true), new PlanOffered(Reports.Offer(4, 2, 9, 7)), new AgentGoodbye(new NodeId("node-a"), _actor),
        new GuardianFarewell("a guardian"),
        new RollCall(-7), new RollAnswer(
            IsMember: true, CountsCaller: true, 3, "akka.tcp://stragglerguard@127.0.0.1:4053", new Dictionary<string, string> { ["mode"] = "a5", ["job"] = "" }),
        .. ControlExamples.All(_actor),
    ];

    public void Dispose() => _system.Dispose();

    [Fact]
    public void Messages_OfEveryKind_AreAmongTheExamples() =>
        Examples.Select(example => example.GetType()).Distinct().Should().BeEquivalentTo(FabricFormats.All.Select(format => format.Type));

    [Fact]
    public void Manifests_OfEveryKind_AreTheOnesOnTheWire() =>
        FabricFormats.All.Select(format => format.Manifest).Should()
            .Equal("hello:1", "welcome:1", "report:1", "receipt:1", "offer:1", "goodbye:1", "farewell:1", "roll-call:1", "roll-answer:1",
                "status-question:1", "end-question:1", "mode-order:1", "decisions-question:1", "status-told:1", "mode-set:1", "end-told:1", "decisions-told:1",
                "control-refused:1");

    [Fact]
    public void Message_OfEveryKind_ComesThroughWhole()
    {
        _serializer.Identifier.Should().Be(7301);
        foreach (IFabricMessage message in Examples)
        {
            Same(message, RoundTrip(message)).Should().BeTrue($"{message} was written and read");
        }
    }

    [Fact]
    public void Plan_ForManyAgents_IsEncodedOnce()
    {
        var plan = new PlanOffered(Reports.Offer(4, 2, 9, 7));

        byte[] bytes = _serializer.ToBinary(plan);

        _serializer.ToBinary(plan).Should().BeSameAs(bytes);
        bytes.Should().Equal(_serializer.ToBinary(plan with { }));
        plan.Should().Be(new PlanOffered(Reports.Offer(4, 2, 9, 7)), "what is written of it is no part of it");
        _serializer.ToBinary(plan with { Offer = Reports.Offer(5, 2, 9, 7) }).Should().NotEqual(bytes, "another plan has bytes of its own");
    }

    [Fact]
    public void Report_OfAnyContent_ComesThroughWhole()
    {
        Gen<NodeReport> reports =
            from sequence in Gen.Choose(0, int.MaxValue)
            from ranks in Gen.ListOf(AnyRank())
            from standby in Gen.ListOf(AnyStandby())
            from node in Gen.Elements("a", "node-b", "ü 漢字")
            select new NodeReport(new NodeId(node), sequence, sequence * 3L, [.. ranks]) { Standby = [.. standby] };

        Prop.ForAll(reports.ToArbitrary(), Gen.Elements(true, false).ToArbitrary(), (report, wantsReceipt) =>
            RoundTrip(new AgentReport(report, wantsReceipt)) is AgentReport read
            && read.WantsReceipt == wantsReceipt && Reports.Same(report, read.Report))
            .Check(Config.QuickThrowOnFailure.WithReplay(7301, 11).WithMaxTest(200));
    }

    [Theory]
    [InlineData("report:2", nameof(UnreadableKind.Newer), "version 2 of report; this build reads up to 1")]
    [InlineData("report:0", nameof(UnreadableKind.Unknown), "no message has that name")]
    [InlineData("report", nameof(UnreadableKind.Unknown), "no message has that name")]
    [InlineData("report:", nameof(UnreadableKind.Unknown), "no message has that name")]
    [InlineData("report:+2", nameof(UnreadableKind.Unknown), "no message has that name")]
    [InlineData("verdict:1", nameof(UnreadableKind.Unknown), "no message has that name")]
    [InlineData("", nameof(UnreadableKind.Unknown), "no message has that name")]
    [InlineData("System.Object, mscorlib", nameof(UnreadableKind.Unknown), "no message has that name")]
    public void Bytes_OfAnotherName_AreUnreadable(string manifest, string kind, string reason) =>
        _serializer.FromBinary([1, 2, 3], manifest).Should().Be(new Unreadable(manifest, reason) { Kind = Enum.Parse<UnreadableKind>(kind) });

    [Fact]
    public void Manifest_ThatIsLongOrNotPrintable_IsShownShortAndPrintable()
    {
        var unreadable = (Unreadable)_serializer.FromBinary([], "a\nb\u001b" + new string('c', 100_000));

        unreadable.Manifest.Should().Be("a?b?" + new string('c', 60) + "…");
    }

    [Fact]
    public void Bytes_CutAnywhere_AreUnreadableOrAnotherMessageAndNeverAnException()
    {
        foreach (IFabricMessage message in Examples)
        {
            byte[] whole = _serializer.ToBinary(message);
            string manifest = _serializer.Manifest(message);
            for (int length = 0; length < whole.Length; length++)
            {
                object read = _serializer.FromBinary(whole[..length], manifest);

                read.Should().Match(r => r is Unreadable || r.GetType() == message.GetType(), $"{manifest} was cut to {length} bytes");
                (read is IFabricMessage other && Same(message, other)).Should().BeFalse($"{manifest} cut to {length} bytes lacks something");
            }
        }
    }

    [Fact]
    public void Report_CutAnywhere_IsUnreadable()
    {
        byte[] whole = _serializer.ToBinary(new AgentReport(Reports.Report(3), WantsReceipt: true));

        for (int length = 0; length < whole.Length; length++)
        {
            object read = _serializer.FromBinary(whole[..length], "report:1");

            read.Should().BeOfType<Unreadable>($"{length} of {whole.Length} bytes are no report").Which.Reason.Should().NotBeEmpty();
        }
    }

    [Fact]
    public void Bytes_WithBitsFlipped_NeverRaiseAnException()
    {
        Gen<(int Example, (int At, int Bit)[] Flips)> damage =
            from example in Gen.Choose(0, Examples.Length - 1)
            from flips in Gen.NonEmptyListOf(Gen.Choose(0, int.MaxValue).Zip(Gen.Choose(0, 7)))
            select (example, flips.Select(flip => (flip.Item1, flip.Item2)).ToArray());

        Prop.ForAll(damage.ToArbitrary(), one =>
        {
            IFabricMessage message = Examples[one.Example];
            byte[] bytes = [.. _serializer.ToBinary(message)];
            foreach ((int at, int bit) in one.Flips)
            {
                bytes[at % bytes.Length] ^= (byte)(1 << bit);
            }

            object read = _serializer.FromBinary(bytes, _serializer.Manifest(message));
            return read is Unreadable { Reason.Length: > 0, Kind: UnreadableKind.Malformed } || read.GetType() == message.GetType();
        }).Check(Config.QuickThrowOnFailure.WithReplay(7301, 13).WithMaxTest(2_000));
    }

    [Theory]
    [InlineData("hello:1")]
    [InlineData("welcome:1")]
    [InlineData("report:1")]
    [InlineData("offer:1")]
    [InlineData("goodbye:1")]
    public void Bytes_ThatSayNothing_AreUnreadable(string manifest) =>
        _serializer.FromBinary([], manifest).Should().BeOfType<Unreadable>();

    [Fact]
    public void Hello_WithAnAddressThatIsNone_IsUnreadable()
    {
        foreach (string path in new[] { "nobody", "akka://", "http://127.0.0.1/user/a", new string('x', 5_000) })
        {
            byte[] bytes = Google.Protobuf.MessageExtensions.ToByteArray(
                new AkkaCluster.Messages.Wire.HelloMessage { Node = "node-a", ReplyTo = path });

            _serializer.FromBinary(bytes, "hello:1").Should().Be(new Unreadable("hello:1", "reply_to is no address of an actor"));
        }
    }

    [Fact]
    public void Report_WithANumberThatIsNone_IsUnreadable() =>
        _serializer.FromBinary(_serializer.ToBinary(new AgentReport(Reports.Report(3), WantsReceipt: true) { Agent = 7, Distance = -1 }), "report:1")
            .Should().Be(new Unreadable("report:1", "agent 7 or distance -1 is negative"));

    [Fact]
    public void Unreadable_IsNeverWritten() =>
        _serializer.Invoking(s => s.ToBinary(new Unreadable("report:1", "why"))).Should().Throw<ArgumentException>().WithMessage("*no message of the fabric*");

    private static Gen<RankReport> AnyRank() =>
        from rank in Gen.Choose(0, 7)
        from records in Gen.Choose(0, 3)
        from counts in Gen.Choose(0, 1_000_000)
        from left in Gen.Elements(true, false)
        from reason in Gen.Elements(null, "", "rank 3 hung")
        from trial in Gen.Choose(0, 3)
        select new RankReport(
            Reports.Enrollment(rank, worldSize: 8) with { Slot = 7 - rank, Slots = 9, Abilities = RankAbilities.Rebalance | RankAbilities.Regroup },
            Enumerable.Range(1, records).Select(step => Reports.Timing(rank, step)).ToArray(), counts, counts / 2, counts / 3, left)
        {
            Failure = reason is null ? null : new GroupFailure([new Rank(3), new Rank(rank)], reason),
            Regroups = left && counts % 2 == 0,
            Trial = trial == 0 ? null : new RankTrial(new PlanEpoch(counts), trial / 7.0),
        };

    private static Gen<StandbyReport> AnyStandby() =>
        from slot in Gen.Choose(0, 7)
        from tried in Gen.Elements(true, false)
        select new StandbyReport(
            Reports.Job, slot, Slots: 8, new WorkerId(new NodeId("spare"), $"GPU-{slot}"), new DeviceClass("H200"), tried ? 0.25 * (slot + 1) : null);

    private static bool Same(IFabricMessage left, IFabricMessage right) =>
        (left, right) switch
        {
            (AgentReport a, AgentReport b) => (a.WantsReceipt, a.Agent, a.Distance) == (b.WantsReceipt, b.Agent, b.Distance) && Reports.Same(a.Report, b.Report),
            (ControlAnswer a, ControlAnswer b) => ControlExamples.Same(a, b),
            (RollAnswer a, RollAnswer b) => a with { Options = b.Options } == b && a.Options.OrderBy(one => one.Key).SequenceEqual(b.Options.OrderBy(one => one.Key)),
            _ => left.Equals(right),
        };

    private IFabricMessage RoundTrip(IFabricMessage message) => (IFabricMessage)Serialization.WithTransport(
        (ExtendedActorSystem)_system, () => _serializer.FromBinary(_serializer.ToBinary(message), _serializer.Manifest(message)));
}
