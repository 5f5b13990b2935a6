using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Tests.Settings;

public sealed class ClusterSettingsTests : IDisposable
{
    private static readonly ClusterSection Guardian = new() { Port = 4053, Guardians = "127.0.0.1:4053, 127.0.0.1:4054" };

    private readonly Certificates _certificates = new();

    public static TheoryData<string, Func<ClusterSection, ClusterSection>, string> Faults => new()
    {
        { "no host", s => s with { Host = "a host" }, "cluster.host: \"a host\" is neither a host's name nor an address" },
        { "quotes", s => s with { Host = "x\"}" }, "cluster.host: \"x\"}\" is neither*" },
        { "any", s => s with { Host = "0.0.0.0", BindAddress = "127.0.0.1" }, "cluster.host: 0.0.0.0 is no address that others can reach*" },
        { "bind", s => s with { BindAddress = "everywhere" }, "cluster.bindAddress: \"everywhere\" is no IPv4 or IPv6 address" },
        { "no guardians", s => s with { Guardians = "" }, "cluster.guardians: empty*" },
        { "no port", s => s with { Port = null }, "cluster.port: none; a guardian needs the one under which cluster.guardians names it" },
        { "port 0", s => s with { Port = 0 }, "cluster.port: none;*" },
        { "a stranger", s => s with { Port = 4055 }, "cluster.guardians: 127.0.0.1:4055*is not among them: 127.0.0.1:4053, 127.0.0.1:4054" },
        {
            "an open host", s => s with { Host = "10.0.0.7", Guardians = "10.0.0.7:4053" },
            "cluster.host: 10.0.0.7 is not loopback, which needs cluster.certificateFile, cluster.keyFile and cluster.authorityFile*"
        },
        { "an open port", s => s with { BindAddress = "0.0.0.0" }, "cluster.bindAddress: 0.0.0.0 is not loopback*" },
        { "open guardians", s => s with { Guardians = "127.0.0.1:4053, guardian-1:4053" }, "cluster.guardians: guardian-1 is not loopback*" },
    };

    public static TheoryData<string, string> GoodHosts => new()
    {
        { "localhost", "localhost:4053" }, { "127.0.0.9", "127.0.0.9:4053" }, { "::1", "[::1]:4053" }, { "LOCALHOST", "localhost:4053" },
    };

    public void Dispose() => _certificates.Dispose();

    [Theory]
    [MemberData(nameof(Faults))]
    public void Read_OfASectionWithOneFault_SaysItInOneSentenceThatNamesTheKey(
        string what, Func<ClusterSection, ClusterSection> fault, string problem)
    {
        ClusterSettingsOutcome outcome = Read(fault(Guardian), ClusterRole.Guardian);

        outcome.Settings.Should().BeNull();
        outcome.Problems.Should().ContainSingle($"it is about {what}").Which.Should().Match(problem);
    }

    [Fact]
    public void Read_OfASectionWithManyFaults_SaysAllAtOnce()
    {
        ClusterSettingsOutcome outcome = Read(
            Guardian with { Host = "?", BindAddress = "?", Guardians = "", Port = null, KeyFile = "key.pem" }, ClusterRole.Guardian);

        outcome.Problems.Select(problem => problem.Split(':')[0]).Should().Equal(
            "cluster.host", "cluster.bindAddress", "cluster.guardians", "cluster.port", "cluster.certificateFile", "cluster.authorityFile",
            "cluster.keyFile");
    }

    [Theory]
    [MemberData(nameof(GoodHosts))]
    public void Read_OfAGuardianOnLoopback_HoldsWithoutCertificate(string host, string guardians) =>
        Read(Guardian with { Host = host, Guardians = guardians }, ClusterRole.Guardian).Problems.Should().BeEmpty();

    [Fact]
    public void Read_OfAnAgent_NeedsNoPortAndNoPlaceAmongTheGuardians() =>
        Read(Guardian with { Port = null }, ClusterRole.AgentClient).Problems.Should().BeEmpty();

    [Fact]
    public void Read_OfAnAgentOnAGuardiansPort_SaysThatItNeedsItsOwn() =>
        Read(Guardian, ClusterRole.AgentMember).Problems.Should().ContainSingle()
            .Which.Should().Match("cluster.port: 127.0.0.1:4053 is a guardian's; an agent takes another one*");

    [Fact]
    public void Read_OfCertificatesThatFit_Holds()
    {
        Certificates.Shown shown = _certificates.Issue(_certificates.NewAuthority("house"), "guardian-0", host: "guardian-0");

        ClusterSettingsOutcome outcome = Read(
            Sealed(shown) with { Host = "guardian-0", BindAddress = "0.0.0.0", Guardians = "guardian-0:4053" }, ClusterRole.Guardian);

        outcome.Problems.Should().BeEmpty();
        outcome.Settings!.Trust!.Certificate.HasPrivateKey.Should().BeTrue();
        outcome.Settings.Config.GetBoolean("akka.remote.dot-netty.tcp.enable-ssl").Should().BeTrue();
    }

    [Fact]
    public void Read_OfFilesThatAreNotThere_NamesEach()
    {
        ClusterSettingsOutcome outcome = Read(
            Guardian with { CertificateFile = "/nowhere/c.pem", KeyFile = "/nowhere/k.pem", AuthorityFile = "/nowhere/a.pem" }, ClusterRole.Guardian);

        outcome.Problems.Should().SatisfyRespectively(
            problem => problem.Should().StartWith("cluster.certificateFile: /nowhere/c.pem can't be read: "),
            problem => problem.Should().StartWith("cluster.keyFile: /nowhere/k.pem can't be read: "),
            problem => problem.Should().StartWith("cluster.authorityFile: /nowhere/a.pem can't be read: "));
    }

    [Fact]
    public void Read_OfFilesThatHoldSomethingElse_NamesEach()
    {
        string noise = _certificates.Write("noise.pem", "-----BEGIN CERTIFICATE-----\nbm9pc2U=\n-----END CERTIFICATE-----\n");
        string empty = _certificates.Write("empty.pem", "");
        Certificates.Shown good = _certificates.Issue(_certificates.NewAuthority("house"), "guardian-0");

        Read(Sealed(good with { CertificateFile = empty }), ClusterRole.Guardian).Problems
            .Should().Equal($"cluster.certificateFile: {empty} holds no PEM certificate");
        Read(Sealed(good with { KeyFile = empty }), ClusterRole.Guardian).Problems
            .Should().Equal($"cluster.keyFile: {empty} holds no unencrypted PEM key of the certificate in {good.CertificateFile}");
        Read(Sealed(good with { AuthorityFile = empty }), ClusterRole.Guardian).Problems
            .Should().Equal($"cluster.authorityFile: {empty} holds no PEM certificates");
        Read(Sealed(good with { AuthorityFile = noise }), ClusterRole.Guardian).Problems
            .Should().Equal($"cluster.authorityFile: {noise} holds no PEM certificates");
    }

    [Fact]
    public void Read_OfCertificatesThatDontFit_SaysHow()
    {
        Certificates.Authority house = _certificates.NewAuthority("house");
        Certificates.Shown good = _certificates.Issue(house, "good");
        Certificates.Shown other = _certificates.Issue(house, "other");
        Certificates.Shown expired = _certificates.Issue(house, "expired", from: TimeSpan.FromDays(-9), until: TimeSpan.FromDays(-1));
        Certificates.Shown early = _certificates.Issue(house, "early", from: TimeSpan.FromDays(1), until: TimeSpan.FromDays(9));
        Certificates.Shown misnamed = _certificates.Issue(house, "misnamed", host: "guardian-9");
        string stranger = _certificates.NewAuthority("stranger").Path;

        Problem(good with { KeyFile = other.KeyFile }).Should().Be(
            $"cluster.keyFile: {other.KeyFile} holds no unencrypted PEM key of the certificate in {good.CertificateFile}");
        Problem(expired).Should().Match($"cluster.certificateFile: {expired.CertificateFile} expired at *");
        Problem(early).Should().Match($"cluster.certificateFile: {early.CertificateFile} is not valid before *");
        Problem(misnamed).Should().Match($"cluster.certificateFile: {misnamed.CertificateFile} doesn't name 127.0.0.1 (cluster.host)*");
        Problem(good with { AuthorityFile = stranger }).Should().Match(
            $"cluster.certificateFile: {good.CertificateFile} is signed by nobody in {stranger} (cluster.authorityFile)*");

        string Problem(Certificates.Shown shown) => Read(Sealed(shown), ClusterRole.Guardian).Problems.Should().ContainSingle().Subject;
    }

    [Fact]
    public void Config_OfAGuardian_FollowsTheOptions()
    {
        ClusterSettings settings = Read(
            Guardian with { FailureSeconds = 1.5, SettleSeconds = 4, BindAddress = "127.0.0.2" }, ClusterRole.Guardian).Settings!;

        settings.Config.GetTimeSpan("akka.cluster.failure-detector.acceptable-heartbeat-pause").Should().Be(TimeSpan.FromSeconds(1.5));
        settings.Config.GetTimeSpan("akka.cluster.split-brain-resolver.stable-after").Should().Be(TimeSpan.FromSeconds(4));
        settings.Config.GetTimeSpan("akka.cluster.down-removal-margin").Should().Be(TimeSpan.FromMilliseconds(200));
        settings.Config.GetStringList("akka.cluster.roles").Should().Equal("guardian");
        settings.Config.GetStringList("akka.cluster.seed-nodes").Should().BeEmpty("guardians call the roll before they join");
        settings.Config.GetString("akka.remote.dot-netty.tcp.hostname").Should().Be("127.0.0.2");
        settings.Config.GetString("akka.remote.dot-netty.tcp.public-hostname").Should().Be("127.0.0.1");
        settings.Config.GetInt("akka.remote.dot-netty.tcp.port").Should().Be(4053);
        settings.Config.GetByteSize("akka.remote.dot-netty.tcp.maximum-frame-size").Should().Be((16 << 20) + (64 << 10));
    }

    [Fact]
    public void ReadOrThrow_OfOptionsThatDontHold_SaysEveryProblem()
    {
        Action reading = () => ClusterSettings.ReadOrThrow(
            LoopbackSystems.Options(new ClusterSection { Host = "?", Guardians = "" }), ClusterRole.AgentClient);

        reading.Should().Throw<ArgumentException>().WithMessage("*cluster.host*cluster.guardians*");
    }

    [Fact]
    public void ReadOrThrow_OfOptionsBeyondTheirRanges_SaysWhich()
    {
        Action reading = () => ClusterSettings.ReadOrThrow(
            LoopbackSystems.Options(Guardian with { FailureSeconds = 0.01 }), ClusterRole.AgentClient);

        reading.Should().Throw<ArgumentException>().WithMessage("*cluster.failureSeconds*");
    }

    private static ClusterSection Sealed(Certificates.Shown shown) => Guardian with
    {
        CertificateFile = shown.CertificateFile, KeyFile = shown.KeyFile, AuthorityFile = shown.AuthorityFile,
    };

    private static ClusterSettingsOutcome Read(ClusterSection section, ClusterRole role) =>
        ClusterSettings.Read(LoopbackSystems.Options(section), role, DateTimeOffset.UtcNow);
}
