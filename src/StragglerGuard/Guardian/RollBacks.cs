using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>The way back from a plan that turned out badly, told from the ledger alone: so whichever guardian comes next finds the same.</summary>
internal sealed class RollBacks(GenerationKnowledge known, JobContext context)
{
    /// <summary>The plan from before the one in force, where that one's grade asks for it and no other was decided since.</summary>
    /// <remarks>
    /// An eviction is undone at once, without probation, where all whom it sent away stand by; where they don't, only its kind rests. A readmission or
    /// a restart is not undone: who is slow after it is found and leaves as anyone does.
    /// </remarks>
    /// <returns>Null where there is nothing to go back to now.</returns>
    public ScoredPlan? Due()
    {
        JobPlan inForce = known.Plans.InForce;
        if (context.Book.RollBackDue is not { } graded || graded.Epoch != inForce.Epoch || known.Plans.Offers.Pending is not null
            || context.Book.Plan(graded.Epoch) is not { } decided)
        {
            return null;
        }

        bool isMembership = decided.Generation != known.Generation;
        if (isMembership && !(decided.Kind == MitigationKind.Evict && AllStandBy(decided)))
        {
            return null;
        }

        JobPlan former = PlanBefore(decided);
        bool fits = former.Slots == inForce.Slots && former.Total == inForce.Total
            && former.Members == inForce.Members + (isMembership ? decided.Moves.Count : 0);
        double step = known.Clock.StepSeconds ?? 0;
        return fits && step > 0
            ? new ScoredPlan(
                new MitigationCandidate
                {
                    Kind = isMembership ? MitigationKind.Readmit : decided.Kind,
                    Prediction = new MitigationPrediction(
                        graded.RealisedGain > 0 ? step * graded.RealisedGain : step, graded.RealisedGain > 0 ? 1 / graded.RealisedGain : 1),
                    OneOffCostSeconds = 0,
                    OnsetSeconds = context.SecondsAfter(known.Clock.ElapsedSeconds),
                    Replicas = isMembership ? [.. decided.Moves.Select(move => move.Replica)] : [],
                    Reason = $"rolled back to the plan of {former.Epoch}: {graded.Reason}",
                },
                isMembership ? new Generation(known.Generation.Value + 1) : known.Generation,
                former.Shares.ToArray(), former.DeadlineNs, former.Backups)
            : null;
    }

    /// <summary>What was in force before a plan: by the ledger, or the even deal that the job began with.</summary>
    public JobPlan PlanBefore(PlanDecided decided)
    {
        if (context.Book.Before(decided.Plan.Epoch) is { } before)
        {
            return before.Plan;
        }

        int[] shares = decided.Plan.Shares.ToArray();
        foreach (WorkerMove move in decided.Moves)
        {
            shares[move.Replica] = shares[move.Replica] == JobPlan.NotMember ? 0 : JobPlan.NotMember;
        }

        int[] members = [.. Enumerable.Range(0, shares.Length).Where(slot => shares[slot] != JobPlan.NotMember)];
        int[] even = EvenDeal.Of(decided.Plan.Total, members.Length);
        for (int number = 0; number < members.Length; number++)
        {
            shares[members[number]] = even[number];
        }

        return new JobPlan(PlanEpoch.Initial, decided.Generation, shares);
    }

    private bool AllStandBy(PlanDecided decided) =>
        decided.Moves.Count > 0 && known.Members.Abilities.HasFlag(RankAbilities.Regroup)
        && decided.Moves.All(move => context.Standby.GetValueOrDefault(move.Replica)?.Worker == move.Worker);
}
