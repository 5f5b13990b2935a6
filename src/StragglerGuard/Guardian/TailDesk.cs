using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;

namespace StragglerGuard.Guardian;

/// <summary>What could be done about steps of which now this member, now that one is late: a deadline, backup workers, and the end of either.</summary>
internal static class TailDesk
{
    /// <summary>Beyond so many members nobody looks for tails: the slowest of thousands is in every step's tail, and no deadline is one node's.</summary>
    private const int MembersMax = 4_096;

    /// <summary>
    /// What only the last so many steps say may be a rank that has just become slow, which the next verdict will name: tails by chance are older.
    /// </summary>
    private const int YoungSteps = 8;

    /// <summary>Whether tails are looked for in a job at all: its last steps are then to be kept.</summary>
    /// <param name="members">The job; a replica of several ranks has no time of its own to stop at.</param>
    public static bool Serves(MemberView members) =>
        members.IsIdentity && members.Members <= MembersMax && (members.Abilities & (RankAbilities.Deadline | RankAbilities.Backup)) != 0;

    /// <summary>Everything that could be done.</summary>
    /// <param name="view">The job.</param>
    /// <param name="times">Its last steps.</param>
    /// <param name="allows">Which kinds the options allow.</param>
    public static IEnumerable<ScoredPlan> Collect(DeskView view, OwnTimes times, Func<MitigationKind, bool> allows)
    {
        JobPlan plan = view.InForce;
        if (times.Frames < TailEvidence.StepsMin + YoungSteps)
        {
            return [];
        }

        double[] own = times.Under(plan.Deal);
        RankAbilities can = view.Members.Abilities;
        List<ScoredPlan> found = [];
        if (plan is { DeadlineNs: 0, Backups: 0 })
        {
            TailEvidence tails = TailEvidence.Measure(own, plan.Members);
            double onset = view.SecondsAt(view.Step - times.Frames);
            if (can.HasFlag(RankAbilities.Deadline) && allows(MitigationKind.Deadline))
            {
                found.Add(Deadline(view, own, tails, onset));
            }

            if (can.HasFlag(RankAbilities.Backup) && allows(MitigationKind.Backup))
            {
                found.Add(Backups(view, own, tails, onset));
            }
        }
        else if (WaitForAll(view, times) is { } end)
        {
            found.Add(end);
        }

        return found;
    }

    private static ScoredPlan Deadline(DeskView view, double[] own, TailEvidence tails, double onset)
    {
        JobPlan plan = view.InForce;
        int[] units = new int[own.Length];
        for (int at = 0; at < units.Length; at += plan.Members)
        {
            plan.Deal.MicroBatches.CopyTo(units.AsSpan(at));
        }

        DeadlineDecision Decide(int entries) => DeadlinePlanner.Decide(new DeadlineEvidence
        {
            Ranks = plan.Members,
            StepSeconds = own.AsMemory(0, entries),
            MicroBatches = units.AsMemory(0, entries),
            CommonSeconds = view.CommonSeconds,
        });
        DeadlineDecision decided = Decide(own.Length);
        (bool accepted, string reason) = decided.Accepted && Decide(OldEntries(own, plan)) is { Accepted: false } old
            ? (false, NotWithoutTheYoung(old.Reason))
            : (decided.Accepted, decided.Reason);
        return new ScoredPlan(
            Candidate(view, MitigationKind.Deadline, decided.PredictedStepSeconds, decided.ExpectedGain, accepted, reason, tails, onset),
            plan.Generation, plan.Shares.ToArray(), decided.DeadlineNs);
    }

    private static int OldEntries(double[] own, JobPlan plan) => own.Length - (YoungSteps * plan.Members);

    private static string NotWithoutTheYoung(string reason) =>
        $"a gain that only the last {YoungSteps} steps show is not one of chance; without them: {reason}";

    private static ScoredPlan Backups(DeskView view, double[] own, TailEvidence tails, double onset)
    {
        JobPlan plan = view.InForce;
        BackupWorkerDecision Judge(int entries) => BackupWorkerGate.Judge(new BackupWorkerEvidence
        {
            Workers = plan.Members,
            StepSeconds = own.AsMemory(0, entries),
            MicroBatchesPerWorker = Math.Max(1, plan.Total / plan.Members),
            CommunicationSeconds = view.CommonSeconds,
        });
        BackupWorkerDecision decided = Judge(own.Length);
        (bool accepted, string reason) = decided.Accepted && Judge(OldEntries(own, plan)) is { Accepted: false } old
            ? (false, NotWithoutTheYoung(old.Reason))
            : (decided.Accepted, decided.Reason);
        return new ScoredPlan(
            Candidate(view, MitigationKind.Backup, decided.PredictedStepSeconds, decided.ExpectedGain, accepted, reason, tails, onset),
            plan.Generation, plan.Shares.ToArray(), Backups: accepted ? decided.Backups : 0);
    }

    /// <summary>The tails are gone, or all have become slow alike: then throwing work away is a loss.</summary>
    private static ScoredPlan? WaitForAll(DeskView view, OwnTimes times)
    {
        JobPlan plan = view.InForce;
        JobPlan whole = new(plan.Epoch, plan.Generation, plan.Shares);
        double with = times.SecondsPerUnitUnder(plan, view.CommonSeconds);
        double without = times.SecondsPerUnitUnder(whole, view.CommonSeconds);
        return without > 0 && with > without
            ? new ScoredPlan(
                new MitigationCandidate
                {
                    Kind = MitigationKind.Rebalance,
                    Prediction = new MitigationPrediction(without * plan.Total, with / without),
                    OneOffCostSeconds = 0,
                    OnsetSeconds = view.NowSeconds,
                    Reason = FormattableString.Invariant(
                        $"wait for all again: over {times.Frames} steps a micro-batch takes {with:G4} s under the plan in force, and would take {without:G4} s"),
                },
                plan.Generation, plan.Shares.ToArray())
            : null;
    }

    private static MitigationCandidate Candidate(
        DeskView view, MitigationKind kind, double? step, double? gain, bool accepted, string reason, TailEvidence tails, double onset)
    {
        // The planners count the members; once a slot is empty that is no longer how the job counts them.
        reason = view.InForce.Members == view.InForce.Slots ? reason : $"{reason} (ranks are counted as in {view.InForce.Generation})";
        return new MitigationCandidate
        {
            Kind = kind,
            Prediction = new MitigationPrediction(step is > 0 ? step.Value : view.StepSeconds, gain is > 0 ? gain.Value : 1),
            OneOffCostSeconds = 0,
            OnsetSeconds = onset,
            Tails = tails,
            PlannerObjection = accepted ? null : reason,
            Reason = reason,
        };
    }
}
