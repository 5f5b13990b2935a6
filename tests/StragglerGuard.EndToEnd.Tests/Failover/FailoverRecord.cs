using StragglerGuard.Ledger;

namespace StragglerGuard.EndToEnd.Tests.Failover;

/// <summary>What must be so of a ledger after any number of guardians, and of the job that they guarded.</summary>
internal static class FailoverRecord
{
    /// <summary>Holds the ledger against itself, and against what the ranks did.</summary>
    /// <param name="place">Where the ledger is: read anew, with its check.</param>
    /// <param name="job">What the ranks did.</param>
    /// <returns>The entries.</returns>
    public static IReadOnlyList<LedgerEntry> Check(string place, JobOutcome job)
    {
        (IReadOnlyList<LedgerEntry> entries, LedgerDamagedException? damage) = LedgerLocation.Parse(place).ReadIntact();
        damage.Should().BeNull();
        entries.Select(entry => entry.Sequence).Should().Equal(Enumerable.Range(1, entries.Count).Select(number => (long)number));
        entries.Should().NotContain(entry => entry.Decision is UnreadDecision);

        PlanDecided[] decided = [.. entries.Select(entry => entry.Decision).OfType<PlanDecided>()];
        PlanInForce[] inForce = [.. entries.Select(entry => entry.Decision).OfType<PlanInForce>()];
        decided.Select(plan => plan.Plan.Epoch.Value).Should().Equal(
            entries.Where(entry => entry.Decision is PlanDecided).Select(entry => entry.Sequence), "a plan's epoch is the number of its entry");

        // The last one may have been decided when the job was at its end.
        job.Plans.Select(plan => (plan.Epoch, plan.Hash)).Should().Equal(
            decided.Take(job.Plans.Count).Select(plan => (plan.Plan.Epoch.Value, $"{plan.Plan.Hash:x16}")), "the ranks switch to every plan, in order, and to no other");
        decided.Length.Should().BeLessThanOrEqualTo(job.Plans.Count + 1);
        inForce.Select(plan => plan.Epoch.Value).Should().OnlyHaveUniqueItems()
            .And.Equal(job.Plans.Take(inForce.Length).Select(plan => plan.Epoch), "every switch is put down once");
        inForce.Length.Should().BeGreaterThanOrEqualTo(job.Plans.Count - 1);

        // A guardian that died took the steps with it that it had acknowledged and not judged: the next one sees the plan in force a little later.
        for (int plan = 0; plan < inForce.Length; plan++)
        {
            long until = plan + 1 < job.Plans.Count ? job.Plans[plan + 1].Step : job.Steps;
            inForce[plan].Step.Should().BeInRange(job.Plans[plan].Step, until, "that is when the ranks computed under {0}", job.Plans[plan]);
        }

        entries.Select(entry => entry.Decision).OfType<PlanGraded>().Select(graded => graded.Epoch).Should().OnlyHaveUniqueItems();
        CheckVerdicts(entries);
        return entries;
    }

    /// <summary>
    /// A guardian finds no rank slow again that it knows to be, and clears none that isn't. What stands from one before it is cleared, or found
    /// anew where the rank had recovered while nobody looked.
    /// </summary>
    private static void CheckVerdicts(IReadOnlyList<LedgerEntry> entries)
    {
        HashSet<int> inherited = [];
        HashSet<int> own = [];
        foreach (LedgerEntry entry in entries)
        {
            switch (entry.Decision)
            {
                case GuardianTookOver:
                    inherited.UnionWith(own);
                    own.Clear();
                    break;
                case StragglerFound { Verdict.Rank: { } rank }:
                    inherited.Remove(rank.Value);
                    own.Add(rank.Value).Should().BeTrue("entry {0} finds {1} slow, which it is known to be", entry.Sequence, rank);
                    break;
                case StragglerCleared cleared:
                    (own.Remove(cleared.Rank.Value) | inherited.Remove(cleared.Rank.Value)).Should().BeTrue(
                        "entry {0} clears {1}, which was not slow", entry.Sequence, cleared.Rank);
                    break;
            }
        }
    }
}
