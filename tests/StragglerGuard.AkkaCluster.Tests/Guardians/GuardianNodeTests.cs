using System.Buffers;
using System.Diagnostics;
using System.Text;
using Akka.Actor;
using Akka.Cluster;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Fabric;
using Xunit.Abstractions;

namespace StragglerGuard.AkkaCluster.Tests.Guardians;

public sealed class GuardianNodeTests(ITestOutputHelper output)
{
    private static readonly JobId Job = new("llm-7b");

    [Fact]
    public async Task Guardians_Three_OfWhomOneDecides()
    {
        await using var guardians = new GuardiansUnderTest(3);

        await guardians.StartAllAsync();

        guardians.DecidingNow.Should().Be(1);
        guardians.Deciding.Members.Should().HaveCount(3).And.OnlyContain(member => member.IsReachable);
        guardians.Deciding.Members[0].Should().Match<GuardianMember>(member => member.IsSelf && member.IsOldest);
    }

    [Fact]
    public async Task Guardian_ThatLeavesInOrder_IsFollowedWithinThreeSecondsAndNothingIsLost()
    {
        await using var guardians = new GuardiansUnderTest(3);
        await guardians.StartAllAsync();
        GuardianNode first = guardians.Deciding;
        first.Post.Stay!.Service.SetMode(Job, PolicyMode.Advise, fromStep: 3, "by hand");

        var watch = Stopwatch.StartNew();
        Task stopped = guardians.StopAsync(first);
        await guardians.When(() => guardians.Nodes.Any(node => node != first && node is { IsDeciding: true }));
        TimeSpan took = watch.Elapsed;
        await stopped;

        output.WriteLine($"handover {took.TotalSeconds:0.00} s, left after {watch.Elapsed.TotalSeconds:0.00} s");
        took.Should().BeLessThan(TimeSpan.FromSeconds(3));
        first.Standing.Should().Be(GuardianStanding.Left);
        guardians.Deciding.Post.Stay!.Service.SetMode(Job, PolicyMode.Act, fromStep: 9, "by the next");
        await guardians.When(() => guardians.Told.Count == 2);
        guardians.Deciding.Post.Stay!.Ledger.Read().Select(entry => entry.Decision).Should().Equal(
            new ModeChanged(Job, default, 3, PolicyMode.Advise, "by hand"), new ModeChanged(Job, default, 9, PolicyMode.Act, "by the next"));
    }

    [Fact]
    public async Task Guardian_ThatIsPutOut_JoinsAgainByItself()
    {
        await using var guardians = new GuardiansUnderTest(3);
        await guardians.StartAllAsync();
        GuardianNode first = guardians.Deciding;
        ActorSystem before = first.System;

        GuardianNode other = guardians.Nodes.First(node => node != first)!;
        var watch = Stopwatch.StartNew();
        Cluster.Get(other.System).Down(Cluster.Get(before).SelfAddress);

        await guardians.When(() => first.System != before && first.Standing == GuardianStanding.StandingBy && guardians.DecidingNow == 1);
        output.WriteLine($"again after {watch.Elapsed.TotalSeconds:0.00} s");
        guardians.Complaints.Should().Contain(complaint => complaint.Contains("joins them again"));
    }

    [Fact]
    public async Task Guardians_OfTwoClusters_BecomeOne()
    {
        await using var guardians = new GuardiansUnderTest(3);
        await guardians.StartAsync(0);
        await guardians.StartAsync(1);

        // As parts that were cut off from each other may have come to be.
        Cluster[] before = [Cluster.Get(guardians.Nodes[0]!.System), Cluster.Get(guardians.Nodes[1]!.System)];
        foreach (Cluster alone in before)
        {
            alone.Join(alone.SelfAddress);
        }

        await guardians.StartAsync(2);

        await guardians.When(() => guardians.Complaints.Exists(complaint => complaint.Contains("gives way")));
        await guardians.WhenAllStand();
        guardians.Nodes.Select(node => node!.Members.Count).Should().Equal(3, 3, 3);
        guardians.Complaints.Should().Contain(complaint => complaint.Contains("is written by"), "of the two one had the ledger");
    }

    [Fact]
    public async Task Guardian_WhoseLedgerAnotherHas_SaysSoAndTakesOverWhenItIsFree()
    {
        await using var guardians = new GuardiansUnderTest(1);
        DurableLedger foreign = LedgerLocation.Parse(guardians.Ledger).Open();
        await guardians.StartAsync(0);
        GuardianNode node = guardians.Nodes[0]!;

        await guardians.When(() => guardians.Complaints.Count > 0);
        node.Standing.Should().Be(GuardianStanding.Claiming);
        node.Trouble.Should().Contain($"is written by process {Environment.ProcessId} on ");
        foreign.Append(1, DateTimeOffset.UnixEpoch, new ModeChanged(Job, default, 5, PolicyMode.Act, "by the foreign one")).Appended.Should().BeTrue();
        foreign.Dispose();

        await guardians.When(() => node.IsDeciding);
        node.Trouble.Should().BeNull();
        guardians.Complaints.Should().ContainSingle("the same is not said over and over");
        node.Post.Stay!.Service.SetMode(Job, PolicyMode.Observe, fromStep: 7, "by hand");
        await guardians.When(() => guardians.Told.Count == 1);
        node.Post.Stay!.Ledger.LastSequence.Should().Be(2);
    }

    [Fact]
    public async Task Guardian_ThatHearsWhatItCantRead_CountsItAndGoesOn()
    {
        await using var guardians = new GuardiansUnderTest(1);
        await guardians.StartAllAsync();
        GuardianNode node = guardians.Deciding;
        ActorSelection singleton = node.System.ActorSelection($"/user/{GuardNames.SingletonManager}/{GuardNames.Singleton}");

        singleton.Tell(new Unreadable("report:9", "version 9") { Kind = UnreadableKind.Newer });
        singleton.Tell(new Unreadable("report:1", "cut"));
        singleton.Tell(new Unreadable("report:1", "cut again"));
        singleton.Tell(new ReportReceipt(4));
        GuardianWelcome welcome = await Hello(node, "node-a");

        welcome.Guardian.Should().Be(node.Post.Stay!.Service.Name);
        var page = new ArrayBufferWriter<byte>();
        await node.MetricsPage.WriteAsync(page, default);
        Encoding.UTF8.GetString(page.WrittenSpan).Should().ContainAll(
            "stragglerguard_fabric_refused_total{reason=\"newer\"} 1",
            "stragglerguard_fabric_refused_total{reason=\"malformed\"} 2",
            "stragglerguard_fabric_refused_total{reason=\"misdirected\"} 1",
            "stragglerguard_guardian_deciding 1");
    }

    [Fact]
    public async Task Guardian_ThatStandsByAndHearsWhatItCantRead_CountsItItself()
    {
        await using var guardians = new GuardiansUnderTest(2);
        await guardians.StartAllAsync();
        GuardianNode standby = guardians.Nodes.Single(node => node!.Standing == GuardianStanding.StandingBy)!;
        ActorSelection door = standby.System.ActorSelection(GuardNames.SingletonProxyPath);

        door.Tell(new Unreadable("hello:9", "version 9") { Kind = UnreadableKind.Newer });
        (await Hello(standby, "node-a", door)).Guardian.Should().Be(guardians.Deciding.Post.Stay!.Service.Name, "what can be read is passed on");

        var page = new ArrayBufferWriter<byte>();
        await standby.MetricsPage.WriteAsync(page, default);
        Encoding.UTF8.GetString(page.WrittenSpan).Should().Contain("stragglerguard_fabric_refused_total{reason=\"newer\"} 1");
    }

    [Fact]
    public async Task Guardian_WithOptionsOfItsOwn_JoinsAndSaysInWhichItDiffers()
    {
        await using var guardians = new GuardiansUnderTest(2)
        {
            Change = (index, options) => index == 0 ? options : options with
            {
                Mode = PolicyMode.Advise, Ledger = options.Ledger with { Location = options.Ledger.Location + ".other" },
            },
        };
        await guardians.StartAllAsync();

        await guardians.When(() => guardians.Complaints.Exists(complaint => complaint.Contains("differs from this guardian in ledger.location, mode:")));
    }

    /// <summary>As any peer with a certificate of the authority could, and any local user where there is no TLS.</summary>
    [Theory]
    [InlineData(GuardNames.SingletonManager + "/" + GuardNames.Singleton)]
    [InlineData(GuardNames.SingletonManager)]
    [InlineData(GuardNames.SingletonProxy)]
    public async Task Guardian_OfWhomAPartIsEndedByAMessage_LeavesAndTheNextOneDecides(string part)
    {
        await using var guardians = new GuardiansUnderTest(2);
        await guardians.StartAllAsync();
        GuardianNode first = guardians.Deciding;
        GuardianNode second = guardians.Nodes.Single(node => node != first)!;
        ActorSystem before = first.System;

        before.ActorSelection($"/user/{part}").Tell(PoisonPill.Instance);

        await guardians.When(() => second.IsDeciding && first.System != before && first.Standing == GuardianStanding.StandingBy);
        guardians.Complaints.Should().Contain(complaint => complaint.Contains("ended from outside"));
    }

    [Fact]
    public async Task Guardian_OfWhomAPartIsEndedWhileItIsAlone_DecidesAgain()
    {
        await using var guardians = new GuardiansUnderTest(1);
        await guardians.StartAllAsync();
        GuardianNode node = guardians.Deciding;
        ActorSystem before = node.System;

        before.ActorSelection($"/user/{GuardNames.SingletonManager}/{GuardNames.Singleton}").Tell(Kill.Instance);

        await guardians.When(() => node.System != before && node.IsDeciding);
    }

    [Fact]
    public async Task Start_WithOptionsThatDontHold_NamesEachOfThem()
    {
        var several = new StragglerGuardOptions { Cluster = new ClusterSection { Port = 4053, Guardians = "127.0.0.1:4053, 127.0.0.1:4054" } };

        (await FluentActions.Awaiting(() => GuardianNode.StartAsync(several)).Should().ThrowAsync<ArgumentException>())
            .WithMessage("ledger.location: empty*");
        (await FluentActions.Awaiting(() => GuardianNode.StartAsync(new StragglerGuardOptions { Job = "" })).Should().ThrowAsync<ArgumentException>())
            .WithMessage("*job*");
        (await FluentActions.Awaiting(() => GuardianNode.StartAsync(new StragglerGuardOptions())).Should().ThrowAsync<ArgumentException>())
            .WithMessage("*cluster.guardians: empty*");
    }

    [Fact]
    public async Task Start_OnAPortThatIsTaken_SaysSo()
    {
        await using var guardians = new GuardiansUnderTest(1);
        await guardians.StartAllAsync();

        await FluentActions.Awaiting(() => GuardianNode.StartAsync(guardians.OptionsOf(0))).Should().ThrowAsync<EndpointUnavailableException>();
    }

    private static Task<GuardianWelcome> Hello(GuardianNode node, string name, ActorSelection? way = null)
    {
        var welcomed = new TaskCompletionSource<GuardianWelcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        Action<object> heard = message =>
        {
            if (message is GuardianWelcome welcome)
            {
                welcomed.TrySetResult(welcome);
            }
        };
        IActorRef agent = node.System.ActorOf(Props.Create(() => new Listener(heard)));
        way ??= node.System.ActorSelection($"/user/{GuardNames.SingletonManager}/{GuardNames.Singleton}");
        way.Tell(new AgentHello(new NodeId(name), agent));
        return welcomed.Task.WaitAsync(Patience.Limit);
    }

    private sealed class Listener(Action<object> heard) : UntypedActor
    {
        protected override void OnReceive(object message) => heard(message);
    }
}
