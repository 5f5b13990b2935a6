using System.Runtime.Serialization;
using Akka.Actor;
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
    }

    [Fact]
    public void Message_OfANewerVersion_ArrivesAsUnreadable()
    {
        ActorSystem system = _systems.Start(LoopbackSystems.Section());

        system.Serialization.Deserialize([1], FabricSerializer.FabricIdentifier, "report:9").Should().BeOfType<Unreadable>()
            .Which.Kind.Should().Be(UnreadableKind.Newer);
    }

    [Fact]
    public void Create_OnAPortThatIsTaken_SaysSo()
    {
        ActorSystem first = _systems.Start(LoopbackSystems.Section());
        int port = LoopbackSystems.AddressOf(first).Port!.Value;

        FluentActions.Invoking(() => _systems.Start(LoopbackSystems.Section() with { Port = port }))
            .Should().Throw<EndpointUnavailableException>().WithMessage($"Can't listen on 127.0.0.1:{port}: *");
    }

    private static IActorRef At(ActorSystem there, string name, ActorSystem here) =>
        LoopbackSystems.Far(here, LoopbackSystems.AddressOf(there), name);
}
