using System.Globalization;
using StragglerGuard.EndToEnd.Tests.Running;
using StragglerGuard.Ledger;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.Failover;

/// <summary>
/// Guardians that die, leave and are cut off while five ranks compute under their plans. Timed, so that nothing of this project runs beside
/// them.
/// </summary>
[Collection(TimedRuns.Name)]
public sealed class FailoverTests(ITestOutputHelper log)
{
    /// <summary>Until another guardian decides, in 95 of 100 failures.</summary>
    private static readonly TimeSpan FailoverMax = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan HandoverMax = TimeSpan.FromSeconds(3);

    /// <summary>A step takes some 40 ms. It may wait for a core here, but never for a guardian, which would be seconds.</summary>
    private static readonly TimeSpan StepGapMax = TimeSpan.FromSeconds(2);

    [ClusterFact]
    public Task DecidingGuardian_KilledTwiceUnderLoad_IsReplacedAndNothingIsLostOrDoubled() => KillAsync(times: 2);

    [LongClusterFact]
    public Task DecidingGuardian_KilledTenTimesUnderLoad_IsReplacedAndNothingIsLostOrDoubled() => KillAsync(times: 10);

    [ClusterFact]
    public async Task DecidingGuardian_ToldToEnd_HandsOverInOrder()
    {
        await using GuardedCluster cluster = await GuardedCluster.StartAsync(log);
        (ClusterGuardian leaving, long since) = cluster.Deciding();

        TimeSpan told = leaving.Signal(MarkedProcesses.Terminate);
        (ClusterGuardian next, SeenEntry seen) = await cluster.TakeOverAsync(since);

        Report("handover", seen.At - told);
        next.Should().NotBe(leaving);
        (seen.At - told).Should().BeLessThanOrEqualTo(HandoverMax);
        (await leaving.EndedAsync()).Should().Be(0);
        await DecidesAsync(cluster, seen);
        Check(cluster, await cluster.Job.FinishAsync()).OfType<GuardianTookOver>().Should().HaveCount(2);
    }

    [ClusterFact]
    public Task DecidingGuardian_CutOffFromTheOthers_StopsAndOneOfThemDecides() => IsolateAsync(alsoFromDatabase: false);

    [ClusterFact]
    public Task DecidingGuardian_CutOffFromEverything_StopsAndOneOfTheOthersDecides() => IsolateAsync(alsoFromDatabase: true);

    [ClusterFact]
    public async Task AllGuardians_Killed_LeaveTheJobOnItsLastPlanAndGoOnWithTheLedger()
    {
        await using GuardedCluster cluster = await GuardedCluster.StartAsync(log);
        foreach (ClusterGuardian guardian in cluster.Guardians)
        {
            guardian.Signal(MarkedProcesses.Kill);
        }

        await Task.WhenAll(cluster.Guardians.Select(guardian => guardian.EndedAsync()));
        long last = cluster.Ledger.Entries[^1].Entry.Sequence;
        await cluster.Job.GoesOnAsync(steps: 100);
        cluster.Ledger.Entries[^1].Entry.Sequence.Should().Be(last, "nobody is there to decide");

        TimeSpan begun = TestClock.Now;
        foreach (ClusterGuardian guardian in cluster.Guardians)
        {
            await guardian.StartAsync();
        }

        (_, SeenEntry seen) = await cluster.TakeOverAsync(last);
        Report("start of all until one decides", seen.At - begun);
        await DecidesAsync(cluster, seen);
        Check(cluster, await cluster.Job.FinishAsync()).OfType<GuardianTookOver>().Should().HaveCount(2);
    }

    private async Task KillAsync(int times)
    {
        await using GuardedCluster cluster = await GuardedCluster.StartAsync(log);
        var took = new List<TimeSpan>();
        for (int time = 0; time < times; time++)
        {
            (ClusterGuardian deciding, long since) = cluster.Deciding();

            // Each time at another point of a decision's way: just decided and not offered yet, on its way, just in force, and just found.
            TimeSpan killed = await KillAtAsync(cluster, deciding, time);

            // A service manager starts it anew, sooner or later: at once, or only when another decides.
            bool isAtOnce = time % 2 == 1;
            if (isAtOnce)
            {
                await deciding.StartAsync();
            }

            (ClusterGuardian next, SeenEntry seen) = await cluster.TakeOverAsync(since);
            took.Add(seen.At - killed);
            Report($"kill {time + 1} (guardian {deciding.Number}, started anew {(isAtOnce ? "at once" : "after")}) until guardian {next.Number} decides", took[^1]);
            if (!isAtOnce)
            {
                await deciding.StartAsync();
            }

            await DecidesAsync(cluster, seen);
        }

        IEnumerable<LedgerDecision> decisions = Check(cluster, await cluster.Job.FinishAsync());
        decisions.OfType<GuardianTookOver>().Should().HaveCount(times + 1);

        // Of so few the 95th percentile is the longest.
        took.Max().Should().BeLessThanOrEqualTo(FailoverMax);
    }

    /// <summary>Kills the guardian at a point of a decision's way through it.</summary>
    private static async Task<TimeSpan> KillAtAsync(GuardedCluster cluster, ClusterGuardian deciding, int time)
    {
        long now = cluster.Ledger.Entries[^1].Entry.Sequence;
        switch (time % 3)
        {
            case 0:
                await cluster.Ledger.EntryAsync<PlanDecided>("another plan", _ => true, now);
                break;
            case 1:
                await cluster.Ledger.EntryAsync<StragglerFound>("another straggler", _ => true, now);
                break;
            default:
                await cluster.Ledger.EntryAsync<PlanInForce>("another plan in force", _ => true, now);
                break;
        }

        return deciding.Signal(MarkedProcesses.Kill);
    }

    private async Task IsolateAsync(bool alsoFromDatabase)
    {
        await using GuardedCluster cluster = await GuardedCluster.StartAsync(log);
        (ClusterGuardian isolated, long since) = cluster.Deciding();
        TimeSpan cut = TestClock.Now;
        cluster.Network.Isolate(isolated.Number, alsoFromDatabase);

        (ClusterGuardian next, SeenEntry seen) = await cluster.TakeOverAsync(since);
        Report($"partition until guardian {next.Number} decides", seen.At - cut);
        next.Should().NotBe(isolated);
        SaidLine stopped = await isolated.SaysThatItStoppedAsync();
        Report("partition until the one that is cut off says that it decides no longer", stopped.At - cut);
        if (!alsoFromDatabase)
        {
            // It holds the claim until it stops. One that is cut off from the database, too, can write nothing, and may notice later than the others that it is out.
            stopped.At.Should().BeLessThan(seen.At, "two never decide at once");
        }

        await DecidesAsync(cluster, seen);
        cluster.Deciding().Guardian.Should().Be(next, "one side decides");

        TimeSpan healed = TestClock.Now;
        cluster.Network.Heal();
        SaidLine joined = await isolated.SaysThatItJoinedAsync(from: stopped.At);
        Report("healed until it has joined again", joined.At - healed);

        // They are one cluster: when the others leave in order, the one that was cut off is next.
        long before = cluster.Deciding().Sequence;
        foreach (ClusterGuardian other in cluster.Guardians.Where(guardian => guardian != isolated).OrderBy(guardian => guardian == next))
        {
            other.Signal(MarkedProcesses.Terminate);
            (await other.EndedAsync()).Should().Be(0);
        }

        (ClusterGuardian last, SeenEntry again) = await cluster.TakeOverAsync(before);
        last.Should().Be(isolated);
        await DecidesAsync(cluster, again);
        Check(cluster, await cluster.Job.FinishAsync()).OfType<GuardianTookOver>().Should().HaveCount(3);
    }

    /// <summary>Waits until a guardian that took over has decided a plan of its own, and the ranks compute under it.</summary>
    private async Task DecidesAsync(GuardedCluster cluster, SeenEntry takeOver)
    {
        (PlanDecided plan, SeenEntry decided) = await cluster.Ledger.EntryAsync<PlanDecided>("a plan of the new guardian", _ => true, takeOver.Entry.Sequence);
        await cluster.Ledger.EntryAsync<PlanInForce>("its plan in force", inForce => inForce.Epoch == plan.Plan.Epoch, decided.Entry.Sequence);
        Report("  from then to its first plan of its own", decided.At - takeOver.At);
    }

    private IEnumerable<LedgerDecision> Check(GuardedCluster cluster, JobOutcome job)
    {
        log.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{job.Steps} steps under {job.Plans.Count} plans, longest gap between two {job.LongestGap.TotalMilliseconds:0} ms (step {job.LongestGapStep})"));
        IReadOnlyList<LedgerEntry> entries = FailoverRecord.Check(cluster.Place, job);
        job.LongestGap.Should().BeLessThanOrEqualTo(StepGapMax, "no step waits for a guardian");
        return entries.Select(entry => entry.Decision);
    }

    private void Report(string what, TimeSpan time) => log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {time.TotalSeconds:0.00} s"));
}
