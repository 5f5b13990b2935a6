using System.Globalization;
using StragglerGuard.Core.Planning;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>What became of a job whose guardians died: its ledger, what its ranks and its scheduler really did.</summary>
internal sealed record LifeStory(
    int Seed, int Deaths, IReadOnlyList<LedgerEntry> Entries, IReadOnlyList<JobPlan> Adopted, JobPlan Plan, VirtualScheduler Scheduler,
    IReadOnlyList<string> Complaints)
{
    private const int Slots = 4;

    /// <summary>Lives through all deaths to the end of the job's last change, and until all is done that was decided.</summary>
    /// <param name="open">Opens the ledger.</param>
    /// <param name="seed">Of the job's noise.</param>
    /// <param name="fates">One a guardian, in order; who follows them doesn't die.</param>
    /// <param name="unheardSteps">Steps that the job takes while nobody guards it.</param>
    public static async Task<LifeStory> OfAsync(Func<IDecisionLedger> open, int seed, IReadOnlyList<Fate> fates, int unheardSteps)
    {
        // Twice so slow that it is evicted, and back; once a little slow in between.
        var ranks = new RegroupingRanks(seed, Slots, total: 32)
        {
            Factor = (slot, step) => (slot, step) switch
            {
                (3, >= 40 and < 90) => 40,
                (1, >= 130 and < 165) => 2,
                (3, >= 200 and < 250) => 40,
                _ => 1,
            },
        };
        await using var life = new GuardedLife(open, ranks);
        var waiting = new Queue<Fate>(fates);
        int deaths = 0;
        await life.BeginAsync(waiting.TryDequeue(out Fate? first) ? first : Fate.None);
        while (ranks.NextStep < 300)
        {
            await life.GoOnAsync(5);
            if (life.IsDead)
            {
                deaths++;
                ranks.TakeSteps(unheardSteps);
                if (unheardSteps % 2 == 1)
                {
                    ranks.LoseReports();
                }

                await life.BeginAsync(waiting.TryDequeue(out Fate? next) ? next : Fate.None);
            }
        }

        await life.BeginAsync(Fate.None);
        await life.GoOnAsync(5);
        await life.SettleAsync();
        return new LifeStory(seed, deaths, life.Entries(), ranks.Adopted, ranks.Plan, life.Scheduler, life.Complaints);
    }

    /// <summary>How often a worker left.</summary>
    public int Evictions => Of<WorkerEvicted>().Count();

    public void ShouldBeWhole()
    {
        // Consistent: the entries follow each other, and fold.
        LedgerState all = LedgerState.Of(Entries);
        JobLedgerState state = all.Find(RegroupingRanks.Job)!;
        List<PlanDecided> plans = [.. Of<PlanDecided>()];

        // Nothing that is not in the ledger was ever done; nothing was done twice, or out of order.
        Adopted.Should().OnlyContain(plan => plans.Any(decided => decided.Plan.Equals(plan)), "{0}", this);
        Adopted.Select(plan => plan.Epoch).Should().BeInAscendingOrder("{0}", this).And.OnlyHaveUniqueItems("{0}", this);

        // Nothing that is in the ledger was left undone: at most one plan at a time is on its way, and at the end none.
        Adopted.Should().Equal(plans.Select(decided => decided.Plan), "{0}", this);
        state.Pending.Should().BeNull("{0}", this);
        state.InForce!.Plan.Should().Be(Plan, "{0}", this);
        state.Decided!.Plan.Should().Be(Plan, "{0}", this);
        Of<PlanInForce>().Select(seen => seen.Epoch).Should().OnlyHaveUniqueItems("{0}", this).And.BeSubsetOf(plans.Select(decided => decided.Plan.Epoch));

        // Who is in and out, told once each, is who really is.
        Plan.Shares.ToArray().Select((share, slot) => (share, slot)).Where(pair => pair.share == JobPlan.NotMember).Select(pair => pair.slot)
            .Should().Equal(state.Evicted.Values.Select(absence => absence.Replica).Order(), "{0}", this);
        int leaving = 0;
        foreach (LedgerDecision move in Entries.Select(entry => entry.Decision).Where(decision => decision is WorkerEvicted or WorkerReadmitted))
        {
            leaving += move is WorkerEvicted ? 1 : -1;
            leaving.Should().BeInRange(0, 1, "of one worker out and back, each is told once ({0})", this);
        }

        Of<WorkerEvicted>().Count().Should().Be(plans.Count(decided => decided.Plan.Members < Slots && decided.Plan.Generation != decided.Generation), "{0}", this);

        // The scheduler is as the ledger wants it, and did everything once.
        state.DueActuations.Should().BeEmpty("{0}", this);
        Scheduler.Drained.Select(node => node.Value).Should().Equal(
            state.Evicted.Keys.Select(worker => worker.Node.Value).Order(StringComparer.Ordinal), "{0}", this);
        Scheduler.Changes.Select(change => change.Key).Should().OnlyHaveUniqueItems("{0}", this);
        Scheduler.Changes.Count(change => change.Drained).Should().BeLessThanOrEqualTo(Of<WorkerEvicted>().Count(), "{0}", this);

        // Each guardian says once that it is one.
        Of<GuardianTookOver>().Select(taken => taken.Guardian).Should().OnlyHaveUniqueItems("{0}", this);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"seed {Seed}, {Deaths} deaths, adopted {string.Join(' ', Adopted.Select(plan => plan.Epoch.Value))}:\n")
        + string.Join('\n', Entries.Select(entry => string.Create(
            CultureInfo.InvariantCulture,
            $"{entry.Sequence}: step {entry.Decision.Step} {entry.Decision.Generation} {entry.Decision.GetType().Name} {Short(entry.Decision.Reason)}")))
        .Replace("{", "{{", StringComparison.Ordinal) + "\nat their ends: " + string.Join(" | ", Complaints);

    private static string Short(string reason) => reason.Length > 90 ? reason[..90] : reason;

    private IEnumerable<T> Of<T>()
        where T : LedgerDecision => Entries.Select(entry => entry.Decision).OfType<T>();
}
