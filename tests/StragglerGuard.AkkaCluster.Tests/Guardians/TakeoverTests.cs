using System.Diagnostics;
using System.Threading.Channels;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Fabric;
using StragglerGuard.Tests.Guardian;
using StragglerGuard.Tests.Ledger;
using Xunit.Abstractions;

namespace StragglerGuard.AkkaCluster.Tests.Guardians;

/// <summary>What one guardian decided is the next one's: over either kind of ledger.</summary>
public abstract class TakeoverBody(ITestOutputHelper output)
{
    private static readonly JobId Job = new("job");

    protected async Task FollowOneThatDies()
    {
        await using var guardians = new GuardiansUnderTest(3, NewPlace());
        using var mortal = new MortalGuardian(guardians.OptionsOf(0));
        mortal.Post.PhaseChanged += () => guardians.Note(() => { });
        await guardians.StartAsync(1);
        await guardians.StartAsync(2);
        await guardians.When(() =>
            guardians.DecidingNow + (mortal.Post.Phase == GuardianPhase.Deciding ? 1 : 0) == 1
            && guardians.Nodes.Skip(1).All(node => node!.Standing is GuardianStanding.StandingBy or GuardianStanding.Deciding));
        GuardianStay first = mortal.Post.Stay ?? guardians.Deciding.Post.Stay!;
        first.Service.SetMode(Job, PolicyMode.Advise, fromStep: 3, "by hand");
        if (mortal.Post.Stay is null)
        {
            // The mortal one is not the oldest: it becomes that when the others have left and come again.
            foreach (int index in (int[])[1, 2])
            {
                await guardians.StopAsync(guardians.Nodes[index]!);
                await guardians.StartAsync(index);
            }

            await guardians.When(() => mortal.Post.Stay is not null
                && guardians.Nodes.Skip(1).All(node => node!.Standing is GuardianStanding.StandingBy));
        }

        var watch = Stopwatch.StartNew();
        await mortal.DieAsync();
        await guardians.When(() => guardians.DecidingNow == 1);

        output.WriteLine($"takeover {watch.Elapsed.TotalSeconds:0.00} s");
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(10));
        guardians.Deciding.Post.Stay!.Service.SetMode(Job, PolicyMode.Act, fromStep: 9, "by the next");
        using DurableLedgerReader ledger = LedgerLocation.Parse(guardians.Ledger).OpenRead();
        ledger.Read().Select(entry => entry.Decision).Should().Equal(
            new ModeChanged(Job, default, 3, PolicyMode.Advise, "by hand"), new ModeChanged(Job, default, 9, PolicyMode.Act, "by the next"));
    }

    protected async Task TakeOverAPlan()
    {
        await using var guardians = new GuardiansUnderTest(3, NewPlace()) { Mode = PolicyMode.Act };
        await guardians.StartAllAsync();
        await using var agents = AkkaAgentFabric.Connect(guardians.OptionsOf(-1));
        var offers = Channel.CreateUnbounded<OfferedPlan>();
        using IAgentPort port = agents.OpenAgent(new NodeId("node"), offer => offers.Writer.TryWrite(offer));
        var ranks = new VirtualRanks(17, total: 32, 0.020, 0.010, 0.020, 0.020);
        port.Report(ranks.ReportOfAll(1, [.. ranks.SkewProbes(), .. ranks.TakeSteps(40)]));
        OfferedPlan offered = await offers.Reader.Next();
        GuardianNode first = guardians.Deciding;
        string guardian = agents.Guardian!;

        await guardians.StopAsync(first);
        await guardians.When(() => guardians.DecidingNow == 1);
        while (offers.Reader.TryRead(out _))
        {
            // Those of the first guardian.
        }

        // The ranks have not seen the plan: they go on under the even deal.
        long sequence;
        for (sequence = 2; sequence < 40 && agents.Guardian == guardian; sequence++)
        {
            port.Report(ranks.ReportOfAll(sequence, ranks.TakeSteps(4)));
            await port.FlushAsync(TimeSpan.FromSeconds(5));
        }

        port.Report(ranks.ReportOfAll(sequence, ranks.TakeSteps(4)));
        OfferedPlan again = await offers.Reader.Next();

        again.Plan.Should().Be(offered.Plan);
        agents.Guardian.Should().NotBe(guardian);
        using DurableLedgerReader ledger = LedgerLocation.Parse(guardians.Ledger).OpenRead();
        IReadOnlyList<LedgerEntry> entries = ledger.Read();
        entries.Select(entry => entry.Sequence).Should().Equal(Enumerable.Range(1, entries.Count).Select(number => (long)number));
        entries.Should().ContainSingle(entry => entry.Decision is PlanDecided);
        entries.Select(entry => entry.Decision).OfType<GuardianTookOver>().Should().HaveCountGreaterThan(0);
    }

    /// <summary>A ledger that nobody else uses.</summary>
    protected abstract string NewPlace();
}

public sealed class SqliteTakeoverTests(ITestOutputHelper output) : TakeoverBody(output), IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stragglerguard-takeover-");

    [Fact]
    public Task Guardian_ThatDiesWithoutAWord_IsFollowedWithinTenSecondsAndNothingIsLost() => FollowOneThatDies();

    [Fact]
    public Task Plan_ThatWasOnItsWay_ComesFromTheNextGuardianAndIsNotDecidedAgain() => TakeOverAPlan();

    public void Dispose() => _folder.Delete(recursive: true);

    protected override string NewPlace() => Path.Combine(_folder.FullName, "guard.ledger");
}

public sealed class PostgresTakeoverTests(PostgresUnderTest server, ITestOutputHelper output) : TakeoverBody(output), IClassFixture<PostgresUnderTest>
{
    [PostgresFact]
    public Task Guardian_ThatDiesWithoutAWord_IsFollowedWithinTenSecondsAndNothingIsLost() => FollowOneThatDies();

    [PostgresFact]
    public Task Plan_ThatWasOnItsWay_ComesFromTheNextGuardianAndIsNotDecidedAgain() => TakeOverAPlan();

    protected override string NewPlace() => server.OverTcp(server.NewPlace());
}

/// <summary>A fact that needs a PostgreSQL server: skipped, with the reason, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute() => Skip = PostgresUnderTest.AbsentReason;
}
