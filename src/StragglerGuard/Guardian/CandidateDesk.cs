using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace StragglerGuard.Guardian;

/// <summary>Asks every planner what could be done about a job, and scores it: what the policy then chooses from.</summary>
/// <remarks>Only what the options allow and what every rank of the job can carry out.</remarks>
internal sealed class CandidateDesk(MitigationSection options, MitigationOptions thresholds)
{
    private readonly MembershipDesk _membership = new(options, thresholds);

    /// <summary>Everything that could be done.</summary>
    /// <param name="view">The job.</param>
    /// <param name="times">Its last steps; null where nobody looks for tails.</param>
    /// <param name="book">What was decided before.</param>
    /// <param name="isBeyondDoubt">Whether luck is ruled out for a flagged member.</param>
    public List<ScoredPlan> Collect(DeskView view, OwnTimes? times, MitigationBook book, Func<int, bool> isBeyondDoubt)
    {
        List<ScoredPlan> found = [];
        if (Allows(MitigationKind.Rebalance) && view.Rebalance is PolicyDecision.Propose proposal)
        {
            found.Add(Rebalance(view, proposal));
        }

        if (times is not null)
        {
            found.AddRange(TailDesk.Collect(view, times, Allows));
        }

        if (!MayRegroup(view))
        {
            return found;
        }

        if (view.Flagged.Count > 0 && _membership.Evict(view, book, isBeyondDoubt, Allows(MitigationKind.Rebalance)) is { } eviction)
        {
            found.Add(eviction);
        }

        foreach (StandbyReport waiting in view.Standby.Values)
        {
            if (view.InForce.NumberOf(waiting.Slot) < 0 && _membership.Readmit(view, waiting, book) is { } readmission)
            {
                found.Add(readmission);
            }
        }

        return found;
    }

    /// <summary>What is to be done about a group that came to its end.</summary>
    /// <param name="view">The job as it was.</param>
    /// <param name="culprits">The members that caused it.</param>
    /// <param name="reason">In words.</param>
    public ScoredPlan? Restart(DeskView view, IReadOnlyList<int> culprits, string reason) =>
        MayRegroup(view) ? _membership.Restart(view, culprits, reason) : null;

    private bool MayRegroup(DeskView view) => view.Members.Abilities.HasFlag(RankAbilities.Regroup) && Allows(MitigationKind.Evict);

    private bool Allows(MitigationKind kind) => options.Allowed is MitigationChoice.Auto || options.Allowed.ToString() == kind.ToString();

    private static ScoredPlan Rebalance(DeskView view, PolicyDecision.Propose proposal)
    {
        JobPlan plan = view.InForce;
        long onset = view.Flagged.Count > 0 ? view.Flagged.Min(flagged => flagged.OnsetStep) : view.Step;

        // A deadline keeps its place in the step.
        double before = Math.Max(proposal.CurrentPredictedSeconds - view.CommonSeconds, double.Epsilon);
        double stretch = Math.Max(0, proposal.PredictedStepSeconds - view.CommonSeconds) / before;
        long deadlineNs = plan.DeadlineNs == 0 ? 0 : Math.Max(1, (long)(plan.DeadlineNs * stretch));
        return new ScoredPlan(
            new MitigationCandidate
            {
                Kind = MitigationKind.Rebalance,
                Prediction = Predict(view, proposal, deadlineNs),
                OneOffCostSeconds = 0, // The rebalance policy has weighed the switch.
                OnsetSeconds = view.SecondsAt(onset),
                EndsWithVerdict = proposal.IsReturn,
                Reason = view.Priors is { } priors ? $"{proposal.Reason}; {priors}" : proposal.Reason,
            },
            plan.Generation, BySlot(plan, proposal.MicroBatches.AsSpan()), deadlineNs, plan.Backups);
    }

    /// <summary>Against the plan in force: one that cuts late members short has given a part of the gain already.</summary>
    private static MitigationPrediction Predict(DeskView view, PolicyDecision.Propose proposal, long deadlineNs)
    {
        JobPlan plan = view.InForce;
        var plain = new MitigationPrediction(proposal.PredictedStepSeconds, proposal.CurrentPredictedSeconds / proposal.PredictedStepSeconds);
        if (plan is { DeadlineNs: 0, Backups: 0 })
        {
            return plain;
        }

        double[] scratch = new double[plan.Members];
        JobPlan next = plan.Follow(plan.Epoch, proposal.MicroBatches.AsSpan(), deadlineNs, plan.Backups);
        PlanReckoning now = PlanReckoning.Of(plan, view.SecondsPerUnit.Span, view.CommonSeconds, scratch);
        PlanReckoning then = PlanReckoning.Of(next, view.SecondsPerUnit.Span, view.CommonSeconds, scratch);
        double ratio = now.SecondsPerUnit / then.SecondsPerUnit;
        return ratio > 0 && double.IsFinite(ratio) && then.Seconds > 0 ? new MitigationPrediction(then.Seconds, ratio) : plain;
    }

    private static int[] BySlot(JobPlan plan, ReadOnlySpan<int> ofMembers)
    {
        int[] shares = plan.Shares.ToArray();
        for (int number = 0; number < ofMembers.Length; number++)
        {
            shares[plan.MemberSlots[number]] = ofMembers[number];
        }

        return shares;
    }
}
