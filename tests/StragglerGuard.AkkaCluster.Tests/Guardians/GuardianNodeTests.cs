using System.Diagnostics;
using Akka.Actor;
using Akka.Cluster;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Ledger;
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
}
