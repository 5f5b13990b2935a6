using System.Collections.Immutable;
using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Serialization;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Settings;

public sealed class GuardActorSystemTests : IDisposable
{
    private readonly LoopbackSystems _systems = new();

    public void Dispose() => _systems.Dispose();

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("localhost")]
    [InlineData("::1")]
    public async Task Messages_BetweenTwoSystems_ArriveWithTheirSender(string host)
    {
        ClusterSection section = LoopbackSystems.Section() with { Host = host };
        ActorSystem here = _systems.Start(section);
        ActorSystem there = _systems.Start(section);
        var (_, heard) = LoopbackSystems.Listen(there, "intake");
        var (replies, answered) = LoopbackSystems.Listen(here, "agent");

        At(there, "intake", here).Tell(new AgentHello(new NodeId("node-a"), replies));
        var hello = (AgentHello)await heard.Next();
        hello.ReplyTo.Tell(new GuardianWelcome("guardian-1", hello.ReplyTo));

        ((GuardianWelcome)await answered.Next()).Guardian.Should().Be("guardian-1");
        _systems.Said.Should().BeEmpty("nothing is amiss");
    }

    [Fact]
    public async Task Message_OfATypeThatIsNotListed_DoesNotLeaveAndHarmsNoOther()
    {
        ActorSystem here = _systems.Start(LoopbackSystems.Section());
        ActorSystem there = _systems.Start(LoopbackSystems.Section());
        var (_, heard) = LoopbackSystems.Listen(there, "intake");
        IActorRef intake = At(there, "intake", here);

        intake.Tell(new ReportReceipt(1));
        intake.Tell(new Uri("http://localhost/"));
        intake.Tell(new ReportReceipt(2));

        (await heard.Next(2)).Should().Equal(new ReportReceipt(1), new ReportReceipt(2));
        here.Serialization.Invoking(s => s.Serialize(new Uri("http://localhost/"))).Should().Throw<SerializationException>();
        await _systems.Hear("no serializer binding found for type Uri");
    }

    [Theory]
    [InlineData(1, "System.Uri, System.Private.Uri", "JSON")]
    [InlineData(2, "Google.Protobuf.WellKnownTypes.Any, Google.Protobuf", "any protobuf")]
    [InlineData(3, "", "remote deployment")]
    [InlineData(-5, "", "Hyperion")]
    public void Bytes_OfASerializerThatMakesAnyType_AreRefused(int identifier, string manifest, string what)
    {
        ActorSystem system = _systems.Start(LoopbackSystems.Section());

        system.Serialization.Invoking(s => s.Deserialize([1, 2, 3], identifier, manifest)).Should().Throw<SerializationException>(what);
    }

    [Theory]
    [InlineData(ClusterRole.Guardian)]
    [InlineData(ClusterRole.AgentClient)]
    [InlineData(ClusterRole.AgentMember)]
    internal void System_OfEveryRole_WritesMessagesAndHoldsTheEnginesOwn(ClusterRole role)
    {
        int port = LoopbackSystems.FreePort();
        ActorSystem system = _systems.Start(LoopbackSystems.Section(guardians: $"127.0.0.1:{port}") with
        {
            Port = role == ClusterRole.Guardian ? port : null,
        }, role);

        Serializer serializer = system.Serialization.FindSerializerFor(new ReportReceipt(1));

        serializer.Should().BeOfType<FabricSerializer>();
        system.Serialization.FindSerializerForType(typeof(Identify)).Identifier.Should().Be(16);
        system.Name.Should().Be("stragglerguard");
        _systems.Said.Should().BeEmpty("nothing is amiss");
    }

    [Fact]
    public async Task Report_OfTheLargestSize_Arrives()
    {
        ActorSystem here = _systems.Start(LoopbackSystems.Section());
        ActorSystem there = _systems.Start(LoopbackSystems.Section());
        var (_, heard) = LoopbackSystems.Listen(there, "intake");
        NodeReport report = Reports.Report(1, records: ((16 << 20) / 128) - 2);
        StragglerGuard.Fabric.Wire.WireFormat.Encode(report).Length.Should().BeInRange((16 << 20) - 512, 16 << 20);

        At(there, "intake", here).Tell(new AgentReport(report, WantsReceipt: true));

        Reports.Same(((AgentReport)await heard.Next()).Report, report).Should().BeTrue();
    }

    [Fact]
    public async Task Frame_BeyondTheLimit_IsNotSentAndSaidAndHarmsNoOther()
    {
        ActorSystem here = _systems.Start(LoopbackSystems.Section());
        ActorSystem there = _systems.Start(LoopbackSystems.Section());
        var (_, heard) = LoopbackSystems.Listen(there, "intake");
        IActorRef intake = At(there, "intake", here);

        intake.Tell(new ReportReceipt(1));
        intake.Tell(new AgentReport(Reports.Report(1, records: (17 << 20) / 128), WantsReceipt: false));
        intake.Tell(new ReportReceipt(2));

        (await heard.Next(2)).Should().Equal(new ReportReceipt(1), new ReportReceipt(2));
        await _systems.Hear("oversized");
        await _systems.HearRefused("oversized");
    }

    [Fact]
    public async Task Frame_ThatSomebodySendsBeyondTheLimit_IsRefusedCountedAndHarmsNoOther()
    {
        ActorSystem there = _systems.Start(LoopbackSystems.Section());
        var (_, heard) = LoopbackSystems.Listen(there, "intake");
        using var stranger = new System.Net.Sockets.TcpClient();
        await stranger.ConnectAsync("127.0.0.1", LoopbackSystems.AddressOf(there).Port!.Value);

        // The length of a frame stands before it, lowest byte first.
        byte[] length = BitConverter.GetBytes(SystemConfig.FrameBytesMax + 1);
        await stranger.GetStream().WriteAsync(length);
        await stranger.GetStream().WriteAsync(new byte[64]);

        await _systems.HearRefused("oversized");
        At(there, "intake", _systems.Start(LoopbackSystems.Section())).Tell(new ReportReceipt(1));
        (await heard.Next()).Should().Be(new ReportReceipt(1));
    }

    [Fact]
    public void Message_OfANewerVersion_ArrivesAsUnreadable()
    {
        ActorSystem system = _systems.Start(LoopbackSystems.Section());

        system.Serialization.Deserialize([1], FabricSerializer.FabricIdentifier, "report:9").Should().BeOfType<Unreadable>()
            .Which.Kind.Should().Be(UnreadableKind.Newer);
    }

    [Theory]
    [InlineData(FabricSerializer.FabricIdentifier, "report:9")]
    [InlineData(FabricSerializer.FabricIdentifier, "rumour:1")]
    [InlineData(FabricSerializer.FabricIdentifier, "report:1")]
    public async Task Message_OfAnotherProgram_ArrivesAsUnreadableAndHarmsNoOther(int identifier, string manifest)
    {
        ActorSystem there = _systems.Start(LoopbackSystems.Section());
        var (_, heard) = LoopbackSystems.Listen(there, "intake");
        IActorRef intake = At(there, "intake", Other(identifier, manifest));

        intake.Tell(new Foreign());

        (await heard.Next()).Should().BeOfType<Unreadable>().Which.Manifest.Should().Be(manifest);
        At(there, "intake", _systems.Start(LoopbackSystems.Section())).Tell(new ReportReceipt(1));
        (await heard.Next()).Should().Be(new ReportReceipt(1));
    }

    [Fact]
    public async Task Message_OfASerializerThatIsNotThere_IsDroppedAndSaidAndHarmsNoOther()
    {
        ActorSystem there = _systems.Start(LoopbackSystems.Section());
        var (_, heard) = LoopbackSystems.Listen(there, "intake");
        IActorRef intake = At(there, "intake", Other(identifier: 4711, "System.Uri"));

        intake.Tell(new Foreign());
        intake.Tell(ActorRefs.Nobody);

        (await heard.Next()).Should().NotBeOfType<Foreign>();
        (await _systems.Hear("serializer id [4711]")).Should().Contain("association remains live");
        await _systems.HearRefused("foreign");
    }

    [Fact]
    public void Create_OnAPortThatIsTaken_SaysSo()
    {
        ActorSystem first = _systems.Start(LoopbackSystems.Section());
        int port = LoopbackSystems.AddressOf(first).Port!.Value;

        FluentActions.Invoking(() => _systems.Start(LoopbackSystems.Section() with { Port = port }))
            .Should().Throw<EndpointUnavailableException>().WithMessage($"Can't listen on 127.0.0.1:{port}: *");
    }

    /// <summary>A system that writes what this program does not.</summary>
    private ActorSystem Other(int identifier, string manifest) => _systems.Keep(ActorSystem.Create(GuardNames.System, ActorSystemSetup.Create(
        BootstrapSetup.Create().WithConfig(
            ClusterSettings.ReadOrThrow(LoopbackSystems.Options(LoopbackSystems.Section()), ClusterRole.AgentClient).Config),
        SerializationSetup.Create(system => ImmutableHashSet.Create(
            SerializerDetails.Create("foreign", new ForeignSerializer(system, identifier, manifest), [typeof(Foreign)]))))));

    private static IActorRef At(ActorSystem there, string name, ActorSystem here) =>
        LoopbackSystems.Far(here, LoopbackSystems.AddressOf(there), name);

    private sealed record Foreign;

    private sealed class ForeignSerializer(ExtendedActorSystem system, int identifier, string manifest) : SerializerWithStringManifest(system)
    {
        public override int Identifier => identifier;

        public override string Manifest(object o) => manifest;

        public override byte[] ToBinary(object obj) => [0x0a, 0xff, 0x13];

        public override object FromBinary(byte[] bytes, string manifest) => throw new NotSupportedException();
    }
}
