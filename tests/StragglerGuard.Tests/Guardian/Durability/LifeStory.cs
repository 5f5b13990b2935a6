using System.Globalization;
using StragglerGuard.Core.Planning;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>What became of a job whose guardians died: its ledger, what its ranks and its scheduler really did.</summary>
internal sealed record LifeStory(
    int Seed, int Deaths, IReadOnlyList<LedgerEntry> Entries, IReadOnlyList<JobPlan> Adopted, JobPlan Plan,
    IReadOnlyList<(string Node, string Key, bool Drained)> Changes, IReadOnlyList<string> Complaints)
{
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

        Of<WorkerEvicted>().Count().Should().Be(plans.Count(decided => decided.Plan.Members < decided.Plan.Slots && decided.Plan.Generation != decided.Generation), "{0}", this);

        // The scheduler is as the ledger wants it, and did everything once.
        state.DueActuations.Should().BeEmpty("{0}", this);
        Changes.GroupBy(change => change.Node).Where(node => node.Last().Drained).Select(node => node.Key).Order(StringComparer.Ordinal).Should().Equal(
            state.Evicted.Keys.Select(worker => worker.Node.Value).Order(StringComparer.Ordinal), "{0}", this);
        Changes.Select(change => change.Key).Should().OnlyHaveUniqueItems("{0}", this);
        Changes.Count(change => change.Drained).Should().BeLessThanOrEqualTo(Of<WorkerEvicted>().Count(), "{0}", this);

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
