using Akka.Actor;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Hosting;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Settings;

public sealed class PeerTrustTests : IDisposable
{
    private readonly LoopbackSystems _systems = new();
    private readonly Certificates _certificates = new();
    private readonly Certificates.Authority _house;
    private readonly ActorSystem _guardian;
    private readonly System.Threading.Channels.ChannelReader<object> _heard;

    public PeerTrustTests()
    {
        _house = _certificates.NewAuthority("house");
        _guardian = _systems.Start(LoopbackSystems.Section(_certificates.Issue(_house, "guardian")));
        (_, _heard) = LoopbackSystems.Listen(_guardian, "intake");
    }

    public void Dispose()
    {
        _systems.Dispose();
        _certificates.Dispose();
    }

    [Fact]
    public async Task Peers_ThatTrustTheSameAuthority_HearEachOther()
    {
        ActorSystem agent = _systems.Start(LoopbackSystems.Section(_certificates.Issue(_house, "agent")));
        var (replies, answered) = LoopbackSystems.Listen(agent, "agent");

        Intake(agent).Tell(new AgentHello(new Core.NodeId("node-a"), replies));
        ((AgentHello)await _heard.Next()).ReplyTo.Tell(new ReportReceipt(5));

        (await answered.Next()).Should().Be(new ReportReceipt(5));
        _systems.Said.Should().BeEmpty();
    }

    [Fact]
    public async Task Peer_WhoseCertificateAnotherAuthoritySigned_IsRefusedAndBothLiveOn()
    {
        // It trusts the guardian's authority, so that it is the guardian that refuses.
        Certificates.Shown stranger = _certificates.Issue(_certificates.NewAuthority("elsewhere"), "stranger");
        string both = _certificates.Write("both.pem", File.ReadAllText(stranger.AuthorityFile) + "\n" + File.ReadAllText(_house.Path));
        ActorSystem refused = _systems.Start(LoopbackSystems.Section(stranger with { AuthorityFile = both }));

        LoopbackSystems.KeepTelling(refused, Intake(refused), new ReportReceipt(666));

        (await _systems.Hear("nobody who is trusted signed CN=stranger")).Should().Contain("is refused");
        await _systems.HearRefused("certificate");
        await OthersAreHeard();
        await LivesOn(refused, stranger with { AuthorityFile = both });
    }

    [Fact]
    public async Task Guardian_WhoseCertificateTheAgentsAuthorityDidNotSign_IsRefusedByTheAgent()
    {
        Certificates.Shown shown = _certificates.Issue(_certificates.NewAuthority("elsewhere"), "careful");
        ActorSystem careful = _systems.Start(LoopbackSystems.Section(shown));

        LoopbackSystems.KeepTelling(careful, Intake(careful), new ReportReceipt(666));

        (await _systems.Hear("nobody who is trusted signed CN=guardian")).Should().Contain("is refused");
        await _systems.HearRefused("certificate");
        await _systems.HearRefused("handshake");
        await OthersAreHeard();
        await LivesOn(careful, shown);
    }

    [Fact]
    public async Task Guardian_WhoseCertificateNamesAnotherHost_IsRefusedByTheAgent()
    {
        ActorSystem misled = _systems.Start(LoopbackSystems.Section(_certificates.Issue(_house, "misled")));
        Certificates.Shown elsewhere = _certificates.Issue(_house, "elsewhere", host: "localhost");
        ActorSystem impostor = _systems.Start(LoopbackSystems.Section(elsewhere) with { Host = "localhost", BindAddress = "127.0.0.1" });
        Address claimed = LoopbackSystems.AddressOf(impostor).WithHost("127.0.0.1");

        LoopbackSystems.KeepTelling(misled, LoopbackSystems.Far(misled, claimed, "intake"), new ReportReceipt(666));

        (await _systems.Hear("CN=elsewhere doesn't name it")).Should().Contain("127.0.0.1");
        await LivesOn(misled, _certificates.Issue(_house, "another"));
    }

    [Fact]
    public async Task Peer_WithoutCertificate_IsNotHeardAndBothLiveOn()
    {
        ActorSystem open = _systems.Start(LoopbackSystems.Section());

        LoopbackSystems.KeepTelling(open, Intake(open), new ReportReceipt(666));

        await _systems.Hear("association");
        await OthersAreHeard();
        open.WhenTerminated.IsCompleted.Should().BeFalse("it lives on");
    }

    [Fact]
    public async Task Guardian_WithoutCertificate_IsNotHeardByAnAgentWithOne()
    {
        ActorSystem open = _systems.Start(LoopbackSystems.Section());
        var (_, heard) = LoopbackSystems.Listen(open, "intake");
        ActorSystem agent = _systems.Start(LoopbackSystems.Section(_certificates.Issue(_house, "agent")));

        LoopbackSystems.KeepTelling(
            agent, LoopbackSystems.Far(agent, LoopbackSystems.AddressOf(open).WithProtocol("akka.ssl.tcp"), "intake"), new ReportReceipt(666));

        await _systems.Hear("TLS handshake failed");
        await LivesOn(agent, _certificates.Issue(_house, "another"));
        heard.TryRead(out _).Should().BeFalse();
    }

    /// <summary>A system that had to do with a wrong peer still reaches a right one.</summary>
    private async Task LivesOn(ActorSystem system, Certificates.Shown trusted)
    {
        ActorSystem right = _systems.Start(LoopbackSystems.Section(trusted));
        var (_, heard) = LoopbackSystems.Listen(right, "intake");
        LoopbackSystems.Far(system, LoopbackSystems.AddressOf(right), "intake").Tell(new ReportReceipt(8));
        (await heard.Next()).Should().Be(new ReportReceipt(8));
        CoordinatedShutdown.Get(system).ShutdownReason.Should().BeNull("it lives on");
    }

    private IActorRef Intake(ActorSystem from) => LoopbackSystems.Far(
        from, LoopbackSystems.AddressOf(_guardian).WithProtocol(LoopbackSystems.AddressOf(from).Protocol), "intake");

    /// <summary>After a refusal a peer that may speak is heard, and was the only one.</summary>
    private async Task OthersAreHeard()
    {
        ActorSystem other = _systems.Start(LoopbackSystems.Section(_certificates.Issue(_house, "other")));
        Intake(other).Tell(new ReportReceipt(7));
        (await _heard.Next()).Should().Be(new ReportReceipt(7));
    }
}
