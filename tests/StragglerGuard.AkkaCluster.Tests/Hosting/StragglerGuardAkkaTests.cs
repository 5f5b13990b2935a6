using System.Threading.Channels;
using Akka.Actor;
using Akka.Cluster;
using Akka.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Hosting;
using StragglerGuard.AkkaCluster.Ranks;
using StragglerGuard.AkkaCluster.Tests.Guardians;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Fabric;
using StragglerGuard.Tests.Guardian;

namespace StragglerGuard.AkkaCluster.Tests.Hosting;

public sealed class StragglerGuardAkkaTests
{
    [Fact]
    public async Task Guardian_InAGenericHost_JoinsLeavesAndSaysHowItIs()
    {
        await using var guardians = new GuardiansUnderTest(1);
        StragglerGuardOptions options = guardians.OptionsOf(0);
        DurableLedger foreign = LedgerLocation.Parse(guardians.Ledger).Open();
        using IHost host = Host(options, AkkaGuardRole.Guardian);
        var hosted = host.Services.GetRequiredService<HostedGuardian>();
        (await Health(host)).Status.Should().Be(HealthStatus.Unhealthy, "it has not started");

        await host.StartAsync();
        var stands = Channel.CreateUnbounded<GuardianStanding>();
        var complaints = Channel.CreateUnbounded<string>();
        hosted.Node!.StandingChanged += standing => stands.Writer.TryWrite(standing);
        hosted.Node.Complained += complaint => complaints.Writer.TryWrite(complaint);
        await complaints.Reader.Next();
        (await Health(host)).Should().Match<HealthReportEntry>(entry =>
            entry.Status == HealthStatus.Unhealthy && entry.Description!.Contains("is written by"));

        foreign.Dispose();
        while (!hosted.Node.IsDeciding)
        {
            await stands.Reader.Next();
        }

        (await Health(host)).Should().Match<HealthReportEntry>(entry => entry.Status == HealthStatus.Healthy && entry.Description == "it decides");
        await host.StopAsync();
        hosted.Node.Should().BeNull();
        (await Health(host)).Status.Should().Be(HealthStatus.Unhealthy);
        LedgerLocation.Parse(guardians.Ledger).Open().Dispose();
    }

    [Fact]
    public async Task Agent_InAGenericHost_ReportsAndSaysWhetherItIsHeard()
    {
        await using var guardians = new GuardiansUnderTest(1) { Mode = PolicyMode.Act };
        using IHost host = Host(guardians.OptionsOf(-1), AkkaGuardRole.Agent);
        await host.StartAsync();
        var offers = Channel.CreateUnbounded<OfferedPlan>();
        IAgentPort port = host.Services.GetRequiredService<IAgentFabric>().OpenAgent(new NodeId("node"), offer => offers.Writer.TryWrite(offer));
        (await Health(host)).Should().Match<HealthReportEntry>(entry =>
            entry.Status == HealthStatus.Degraded && entry.Description == "no guardian has answered node yet");

        await guardians.StartAllAsync();
        var ranks = new VirtualRanks(17, total: 32, 0.020, 0.010, 0.020, 0.020);
        port.Report(ranks.ReportOfAll(1, [.. ranks.SkewProbes(), .. ranks.TakeSteps(40)]));
        await offers.Reader.Next();
        (await port.FlushAsync(Patience.Limit)).Should().BeTrue();

        (await Health(host)).Should().Match<HealthReportEntry>(entry =>
            entry.Status == HealthStatus.Healthy && entry.Description!.StartsWith("guardian "));
        await host.StopAsync();
    }

    [Fact]
    public async Task Agent_InAHostThatWaitsNoLonger_HoldsNothingUp()
    {
        await using var guardians = new GuardiansUnderTest(1);
        using IHost host = Host(guardians.OptionsOf(-1), AkkaGuardRole.Agent);
        await host.StartAsync();
        var agents = host.Services.GetRequiredService<HostedAgents>();
        agents.Fabric.EndMax = TimeSpan.FromMinutes(10);
        using var others = new ManualResetEventSlim();
        var runs = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        RankCrew crew = agents.Fabric.RunRanks([new Stuck(runs, others)]);
        await runs.Task.WaitAsync(Patience.Limit);
        using var patience = new CancellationTokenSource();
        Task stopped = agents.StopAsync(patience.Token);
        stopped.IsCompleted.Should().BeFalse("the host waits still");

        await patience.CancelAsync();

        await stopped.WaitAsync(Patience.Limit);
        crew.Ended.IsCompleted.Should().BeFalse();
        others.Set();
        await agents.DisposeAsync().AsTask().WaitAsync(Patience.Limit);
        crew.Ended.IsCompleted.Should().BeTrue();
    }

    [Fact]
    public async Task System_OfSomebodyElsesThatIsPutOut_StaysAndSaysWhoseItIsToMend()
    {
        using ActorSystem one = TheirSystem("guardian");
        using ActorSystem two = TheirSystem("trainer");
        await using EmbeddedAkkaGuard guard = two.WithStragglerGuard(new StragglerGuardOptions());
        var complaints = Channel.CreateUnbounded<string>();
        guard.Complained += complaint => complaints.Writer.TryWrite(complaint);
        await Cluster.Get(one).JoinAsync(Cluster.Get(one).SelfAddress).WaitAsync(Patience.Limit);
        await Cluster.Get(two).JoinAsync(Cluster.Get(one).SelfAddress).WaitAsync(Patience.Limit);

        Cluster.Get(one).Down(Cluster.Get(two).SelfAddress);

        (await complaints.Reader.Next()).Should().Contain("until its owner has another one join");
    }

    [Fact]
    public void Add_WithOptionsThatDontHold_ThrowsAtOnce()
    {
        var services = new ServiceCollection();

        services.Invoking(s => s.AddStragglerGuardAkka(new StragglerGuardOptions(), AkkaGuardRole.Guardian))
            .Should().Throw<ArgumentException>().WithMessage("*cluster.guardians: empty*");
        services.Invoking(s => s.AddStragglerGuardAkka(new StragglerGuardOptions(), AkkaGuardRole.Agent))
            .Should().Throw<ArgumentException>().WithMessage("*cluster.guardians: empty*");
    }

    [Fact]
    public async Task System_OfSomebodyElses_CarriesAGuardianAndAgents()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("stragglerguard-embedded-");
        var options = new StragglerGuardOptions { Mode = PolicyMode.Act, Ledger = new LedgerSection { Location = Path.Combine(folder.FullName, "guard.ledger") } };
        using ActorSystem one = TheirSystem("guardian");
        using ActorSystem two = TheirSystem("trainer");
        await using EmbeddedAkkaGuard first = one.WithStragglerGuard(options);
        await using EmbeddedAkkaGuard second = two.WithStragglerGuard(options);
        first.IsGuardian.Should().BeTrue();
        second.IsGuardian.Should().BeFalse("its system has not the role");
        second.MetricsPage.Should().BeNull();
        Cluster.Get(one).Join(Cluster.Get(one).SelfAddress);
        Cluster.Get(two).Join(Cluster.Get(one).SelfAddress);

        var offers = Channel.CreateUnbounded<OfferedPlan>();
        using IAgentPort port = second.Agents.OpenAgent(new NodeId("node"), offer => offers.Writer.TryWrite(offer));
        var ranks = new VirtualRanks(17, total: 32, 0.020, 0.010, 0.020, 0.020);
        port.Report(ranks.ReportOfAll(1, [.. ranks.SkewProbes(), .. ranks.TakeSteps(40)]));
        await offers.Reader.Next();

        first.IsDeciding.Should().BeTrue();
        await first.DisposeAsync();
        first.IsDeciding.Should().BeFalse();
        LedgerLocation.Parse(options.Ledger.Location).Open().Dispose();
        folder.Delete(recursive: true);
    }

    [Fact]
    public void System_OfOneOfSeveralGuardiansWithoutALedger_IsRefused()
    {
        using ActorSystem system = TheirSystem("guardian");
        var options = new StragglerGuardOptions { Cluster = new ClusterSection { Guardians = "127.0.0.1:4053, 127.0.0.1:4054" } };

        system.Invoking(s => s.WithStragglerGuard(options)).Should().Throw<ArgumentException>().WithMessage("ledger.location: empty;*");
    }

    [Fact]
    public void System_ThatReachesNobody_IsRefused()
    {
        using var system = ActorSystem.Create("lonely");

        system.Invoking(s => s.WithStragglerGuard(new StragglerGuardOptions())).Should().Throw<ArgumentException>().WithMessage("*neither cluster nor remoting*");
    }

    private static ActorSystem TheirSystem(string role) => ActorSystem.Create("theirs", ConfigurationFactory.ParseString($$"""
        akka {
          loglevel = ERROR
          stdout-loglevel = OFF
          actor.provider = cluster
          remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }
          cluster.roles = ["{{role}}"]
        }
        """));

    private static IHost Host(StragglerGuardOptions options, AkkaGuardRole role)
    {
        HostApplicationBuilder builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(settings: null);
        builder.Services.AddStragglerGuardAkka(options, role);
        return builder.Build();
    }

    private static async Task<HealthReportEntry> Health(IHost host) =>
        (await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries.Single().Value;

    private sealed class Stuck(TaskCompletionSource runs, ManualResetEventSlim others) : IRankWork
    {
        public bool Advance()
        {
            runs.TrySetResult();
            others.Wait(Patience.Limit).Should().BeTrue();
            return false;
        }
    }
}
