using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Tests.Settings;

public sealed class SharedOptionsTests
{
    private static readonly StragglerGuardOptions Options = new()
    {
        Ledger = new LedgerSection { Location = "postgres://guard:one@db.example/fleet" },
        Cluster = new ClusterSection { Guardians = "a:1, b:2" },
    };

    [Fact]
    public void Guardians_ThatDifferInWhatIsTheirOwn_Agree() =>
        Differences(Options with
        {
            Metrics = Options.Metrics with { Port = 9464 },
            Agent = Options.Agent with { IntervalMs = Options.Agent.IntervalMs + 1 },
            Cluster = Options.Cluster with { Host = "b", BindAddress = "0.0.0.0", Port = 2, KeyFile = "k", ControlTokenFile = "t" },
            Ledger = Options.Ledger with { Location = "postgres://guard:another@db.example/fleet" },
        }).Should().BeEmpty("a password is no matter of where the ledger is");

    [Fact]
    public void Guardians_ThatDifferInWhatTheyDecideBy_DontAgree() =>
        Differences(Options with
        {
            Mode = PolicyMode.Act,
            Cluster = Options.Cluster with { Guardians = "a:1, b:2, c:3", SettleSeconds = 5 },
            Ledger = Options.Ledger with { Location = "postgres://guard:one@db.example/another" },
        }).Should().Equal("cluster.guardians", "cluster.settleSeconds", "ledger.location", "mode");

    [Fact]
    public void Guardians_OfAnotherVersion_AgreeInWhatBothKnow()
    {
        Dictionary<string, string> newer = new(SharedOptions.Digests(Options)) { ["policy.newest"] = "a5" };
        newer.Remove("mode");

        SharedOptions.Differences(SharedOptions.Digests(Options), newer).Should().BeEmpty();
    }

    [Fact]
    public void Digests_OfAnyOptions_ShowNoValue() =>
        SharedOptions.Digests(Options).Values.Should().OnlyContain(digest => digest.Length == 16).And.HaveCountGreaterThan(20);

    private static IReadOnlyList<string> Differences(StragglerGuardOptions other) =>
        SharedOptions.Differences(SharedOptions.Digests(Options), SharedOptions.Digests(other));
}
