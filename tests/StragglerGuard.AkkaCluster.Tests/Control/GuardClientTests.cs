using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Akka.Cluster;
using StragglerGuard.AkkaCluster.Control;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Tests.Guardians;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Control;

/// <summary>A client and real guardians, each an actor system of its own on loopback.</summary>
public sealed class GuardClientTests
{
    private static readonly JobId Job = new("llm-7b");

    [Fact]
    public async Task Client_OfThreeGuardians_HearsOfTheJobFromWhoeverDecides()
    {
        await using GuardiansUnderTest guardians = new(3);
        await guardians.StartAllAsync();
        await using GuardClient client = await GuardClient.ConnectAsync(guardians.OptionsOf(0));
        GuardianService service = guardians.Deciding.Post.Stay!.Service;

        GuardAnswer<JobStatus> before = await client.StatusAsync(Reports.Job);
        before.Should().Be(new GuardAnswer<JobStatus>(service.Name, null, ""));
        (await client.JobEndedAsync(Reports.Job, TimeSpan.Zero)).Should().Be(new GuardAnswer<bool>(service.Name, false, ""));

        guardians.Deciding.Post.Stay!.Fabric.Take(Both(left: false));
        JobStatus status = await StatusOnceAsync(client, known => known.Ranks.Count == 2);
        status.Should().BeEquivalentTo(service.Status(Reports.Job), options => options.Excluding(known => known!.LatenessSeconds));

        Task<GuardAnswer<bool>> ended = client.JobEndedAsync(Reports.Job, Patience.Limit);
        guardians.Deciding.Post.Stay!.Fabric.Take(Both(left: true));
        (await ended).Should().Be(new GuardAnswer<bool>(service.Name, true, ""));
    }

    [Fact]
    public async Task Question_ThatIsToWaitForEver_IsAMistake()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using GuardClient client = await GuardClient.ConnectAsync(
            new StragglerGuardOptions { Cluster = new ClusterSection { Guardians = $"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}" } });

        foreach (TimeSpan within in new[] { Timeout.InfiniteTimeSpan, TimeSpan.MaxValue })
        {
            await client.Awaiting(c => c.StatusAsync(Job, within)).Should().ThrowAsync<ArgumentOutOfRangeException>();
            await client.Awaiting(c => c.JobEndedAsync(Job, within)).Should().ThrowAsync<ArgumentOutOfRangeException>();
        }
    }

    [Fact]
    public async Task Decisions_ThroughAHandoverAndADowning_AreToldOnceEachInOrder()
    {
        await using GuardiansUnderTest guardians = new(3);
        await guardians.StartAllAsync();
        await using GuardClient client = await GuardClient.ConnectAsync(guardians.OptionsOf(1));
        ConcurrentQueue<LedgerEntry> told = [];
        ConcurrentQueue<string?> deciding = [];
        client.Decided += entry => guardians.Note(() => told.Enqueue(entry));
        client.GuardianChanged += deciding.Enqueue;
        client.Follow(after: 0);

        (await client.SetModeAsync(Job, PolicyMode.Advise, 1, "first")).IsAnswered.Should().BeTrue();
        await guardians.StopAsync(guardians.Deciding);
        (await client.SetModeAsync(Job, PolicyMode.Act, 2, "second")).IsAnswered.Should().BeTrue();

        GuardianNode second = guardians.Deciding;
        GuardianNode third = guardians.Nodes.First(node => node is not null && node != second)!;
        Cluster.Get(third.System).Down(Cluster.Get(second.System).SelfAddress);
        await guardians.When(() => third is { IsDeciding: true });
        (await client.SetModeAsync(Job, PolicyMode.Observe, 3, "third")).IsAnswered.Should().BeTrue();

        IReadOnlyList<LedgerEntry> ledger = third.Post.Stay!.Ledger.Read();
        await guardians.When(() => told.Count >= ledger.Count);
        told.Should().Equal(ledger);
        told.Select(entry => entry.Decision).OfType<ModeChanged>().Select(change => change.Reason).Should().Equal("first", "second", "third");
        deciding.OfType<string>().Distinct().Should().HaveCount(3);
        client.Guardian.Should().Be(third.Post.Stay!.Service.Name);
        client.LastFault.Should().BeNull();
    }

    [Fact]
    public async Task Order_WithoutTheControlToken_IsRefusedAndNothingChanges()
    {
        await using GuardiansUnderTest guardians = new(1);
        await guardians.StartAllAsync();
        StragglerGuardOptions ours = guardians.OptionsOf(0);
        string foreign = guardians.TokenFile + ".foreign";
        await File.WriteAllTextAsync(foreign, "a token of somebody else's");

        GuardAnswer without = await OrderAsync(ours with { Cluster = ours.Cluster with { ControlTokenFile = "" } });
        GuardAnswer another = await OrderAsync(ours with { Cluster = ours.Cluster with { ControlTokenFile = foreign } });

        without.IsAnswered.Should().BeFalse();
        without.Reason.Should().Contain("this client's options name none (cluster.controlTokenFile");
        another.IsAnswered.Should().BeFalse();
        another.Reason.Should().Be("the order shows another control token than this guardian's");
        guardians.Deciding.Post.Stay!.Ledger.LastSequence.Should().Be(0);
        guardians.Deciding.Post.LastRefusal.Should().Be(another.Reason);
        (await OrderAsync(ours)).IsAnswered.Should().BeTrue();
        guardians.Deciding.Post.Stay!.Ledger.LastSequence.Should().Be(1);

        static async Task<GuardAnswer> OrderAsync(StragglerGuardOptions options)
        {
            await using GuardClient client = await GuardClient.ConnectAsync(options);
            return await client.SetModeAsync(Job, PolicyMode.Act);
        }
    }

    [Fact]
    public async Task Connect_WithATokenThatCantBeRead_NamesKeyAndFile() =>
        (await FluentActions.Awaiting(() => GuardClient.ConnectAsync(
            Alone() with { Cluster = Alone().Cluster with { ControlTokenFile = "/nowhere/token" } })).Should().ThrowAsync<ArgumentException>())
            .WithMessage("cluster.controlTokenFile: *'/nowhere/token'*");

    [Fact]
    public async Task Client_WhereNobodyRuns_SaysSoInTime()
    {
        await using GuardClient client = await GuardClient.ConnectAsync(Alone());

        GuardAnswer<JobStatus> answer = await client.StatusAsync(Job, TimeSpan.FromSeconds(0.5));

        answer.IsAnswered.Should().BeFalse();
        answer.Reason.Should().StartWith("no guardian of 127.0.0.1:").And.EndWith(" decided within 0.5 s");
    }

    [Fact]
    public async Task Client_WhereTheLedgerIsClaimed_SaysByWhom()
    {
        await using GuardiansUnderTest guardians = new(1);
        using DurableLedger other = LedgerLocation.Parse(guardians.Ledger).Open();
        await guardians.StartAsync(0);
        await using GuardClient client = await GuardClient.ConnectAsync(guardians.OptionsOf(0));
        await guardians.When(() => guardians.Nodes[0]!.Trouble is not null);

        GuardAnswer answer = await client.SetModeAsync(Job, PolicyMode.Act, within: TimeSpan.FromSeconds(5));

        answer.IsAnswered.Should().BeFalse();
        answer.Reason.Should().Contain(" decided within 5 s: ").And.Contain("guard.ledger");
    }

    [Fact]
    public async Task Client_ClosedWhileItAsks_AnswersWhoeverWaits()
    {
        GuardClient client = await GuardClient.ConnectAsync(Alone());
        Task<GuardAnswer<JobStatus>> asked = client.StatusAsync(Job, TimeSpan.FromMinutes(10));

        await client.DisposeAsync();

        (await asked.WaitAsync(Patience.Limit)).Reason.Should().Be("this client was closed");
        await client.Invoking(closed => closed.StatusAsync(Job)).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Client_WhoseListenerDoesNotComeBack_ClosesInTimeAndSaysSo()
    {
        await using GuardiansUnderTest guardians = new(1);
        await guardians.StartAllAsync();
        GuardClient client = await GuardClient.ConnectAsync(guardians.OptionsOf(0));
        using var back = new ManualResetEventSlim();
        var called = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        client.GuardianChanged += _ =>
        {
            called.TrySetResult(Thread.CurrentThread.IsBackground);
            back.Wait(Patience.Limit);
        };
        client.Follow();
        (await called.Task.WaitAsync(Patience.Limit)).Should().BeTrue("else its thread would keep the process");

        await client.DisposeAsync().AsTask().WaitAsync(Patience.Limit);

        client.LastFault.Should().StartWith("a listener has not come back");
        back.Set();
    }

    private static StragglerGuardOptions Alone()
    {
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();
        return new StragglerGuardOptions { Cluster = new ClusterSection { Guardians = $"127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}" } };
    }

    private static async Task<JobStatus> StatusOnceAsync(GuardClient client, Func<JobStatus, bool> condition)
    {
        using CancellationTokenSource patience = new(Patience.Limit);
        while (true)
        {
            if ((await client.StatusAsync(Reports.Job)).Value is { } status && condition(status))
            {
                return status;
            }

            patience.Token.ThrowIfCancellationRequested();
        }
    }

    private static NodeReport Both(bool left) => new(
        new NodeId("node-a"), left ? 2 : 1, SentNs: 5_000,
        [
            .. Enumerable.Range(0, 2).Select(rank => new RankReport(
                Reports.Enrollment(rank), left ? default : Enumerable.Range(0, 4).Select(step => Reports.Timing(rank, step)).ToArray(),
                Lost: 0, Torn: 0, SplitVotes: 0, left)),
        ]);
}
