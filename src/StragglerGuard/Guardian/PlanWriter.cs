using System.Collections.Immutable;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>Writes what was decided about a generation into the ledger, before it has any effect.</summary>
internal sealed class PlanWriter(GenerationKnowledge known, JobContext context, StragglerGuardOptions options)
{
    /// <summary>
    /// How far a ledger may lie behind the plan in force, as one that was begun anew does, and be brought level. Beyond it the epoch in
    /// force is more likely nonsense than old.
    /// </summary>
    private const long NumbersSkippedMax = 4_096;

    private ScoredPlan? _advised;

    /// <summary>The gain that the last plan promised; null where there was none.</summary>
    public double? PredictedGain { get; private set; }

    /// <summary>Into the ledger, and from there on its way.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="reason">Why.</param>
    /// <param name="secondsPerUnit">What a micro-batch takes each member, s; NaN where unknown.</param>
    /// <param name="step">The last step known.</param>
    /// <param name="commit">Writes it.</param>
    public void Offer(ScoredPlan plan, string reason, ReadOnlyMemory<double> secondsPerUnit, long step, JobJudge.Commitment commit)
    {
        MitigationCandidate candidate = plan.Candidate;
        IReadOnlyList<WorkerMove> moves = MovesUnder(plan, secondsPerUnit.Span);
        foreach (IGrouping<string, WorkerMove> pool in moves.Where(move => plan.Shares[move.Replica] == JobPlan.NotMember).GroupBy(move => move.Pool))
        {
            reason += $"; replica {string.Join(", ", pool.Select(move => move.Replica))} goes to pool {pool.Key}";
        }

        JobPlan? decided = null;
        bool committed = Commit(commit, sequence =>
        {
            var epoch = new PlanEpoch(sequence);
            if (known.Plans.Offers.MayOffer(epoch, out string refusal))
            {
                decided = plan.Under(epoch);
                return new PlanDecided(
                    known.Job, known.Generation, step, candidate.Kind, decided, candidate.Prediction.StepSeconds,
                    candidate.Prediction.SamplesPerSecondRatio, reason)
                {
                    Moves = moves,
                };
            }

            return known.Plans.Offers.Pending is null && known.Plans.Offers.InForce.Value - sequence <= NumbersSkippedMax
                ? new NumberSkipped(known.Job, known.Generation, step, refusal)
                : null;
        });
        if (committed && decided is not null)
        {
            known.Plans.Decide(candidate.Kind, decided, step, !known.Verdicts.Flagged.IsEmpty, candidate.Prediction.StepSeconds, reason);
            PredictedGain = candidate.Prediction.Gain;
        }
    }

    /// <summary>Tells what would be done, unless the last advice was as good: the noise of the speeds is no news.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="reason">Why.</param>
    /// <param name="secondsPerUnit">What a micro-batch takes each member, s; NaN where unknown.</param>
    /// <param name="step">The last step known.</param>
    /// <param name="commit">Writes it.</param>
    public void Advise(ScoredPlan plan, string reason, ReadOnlyMemory<double> secondsPerUnit, long step, JobJudge.Commitment commit)
    {
        if (_advised is not { } last || !IsAsGood(last, plan, secondsPerUnit.Span))
        {
            _advised = plan;
            Commit(commit, _ => new MitigationAdvised(known.Job, known.Generation, step, plan.Candidate.Kind, plan.Shares, reason));
        }
    }

    /// <summary>Puts down what is not done and why, once for each reason: such as are something to keep, and not a matter of the next steps.</summary>
    public void Refuse(ImmutableArray<MitigationRefusal> refusals, long step, JobJudge.Commitment commit)
    {
        foreach (MitigationRefusal refusal in refusals)
        {
            if ((IsOfWeight(refusal.Cause) || refusal.Kind == MitigationKind.Restart) && context.Book.IsNews(known.Generation, refusal))
            {
                Commit(commit, _ => new MitigationRefused(known.Job, known.Generation, step, refusal.Kind, refusal.Reason)
                {
                    Cause = refusal.Cause,
                    Waiting = MitigationBook.WaitingIn(refusal),
                });
            }
        }
    }

    /// <summary>Puts a plan's grade down.</summary>
    public void Grade(PlanGrade grade, long step, JobJudge.Commitment commit)
    {
        double realised = RatioOf(grade.RealisedGain);
        known.Plans.Grade(grade.Epoch, realised);
        Commit(commit, _ => new PlanGraded(
            known.Job, known.Generation, step, grade.Epoch, grade.Kind, RatioOf(grade.PredictedGain), realised, grade.IsRolledBack, grade.Reason)
        {
            KindRests = grade.KindRests,
        });
    }

    /// <summary>Into the ledger, and what it means for the next decisions into the book.</summary>
    /// <returns>Whether it stands in the ledger.</returns>
    public bool Commit(JobJudge.Commitment commit, Func<long, LedgerDecision?> decide)
    {
        if (commit(decide) is not { } entry)
        {
            return false;
        }

        context.Book.Apply(entry);
        return true;
    }

    /// <summary>Time per sample before over after, from the share that is won.</summary>
    private static double RatioOf(double gain) => 1 / (1 - gain);

    private static bool IsOfWeight(RefusalCause cause) => cause is RefusalCause.PlannerObjects or RefusalCause.KindAtRest
        or RefusalCause.AlwaysLate or RefusalCause.NoTail or RefusalCause.DestructiveBrake or RefusalCause.ProbeDisagrees
        or RefusalCause.Floor or RefusalCause.BudgetSpent or RefusalCause.OnProbation or RefusalCause.GateClosed;

    private bool IsAsGood(ScoredPlan last, ScoredPlan plan, ReadOnlySpan<double> secondsPerUnit)
    {
        if (last.Candidate.Kind != plan.Candidate.Kind || last.Generation != plan.Generation || last.Backups != plan.Backups
            || !last.Candidate.Replicas.AsSpan().SequenceEqual(plan.Candidate.Replicas.AsSpan()))
        {
            return false;
        }

        double common = known.Clock.OverheadSeconds ?? 0;
        double now = common + LongestOf(plan, secondsPerUnit);
        return common + LongestOf(last, secondsPerUnit) <= now * (1 + options.Policy.MinGain);
    }

    private double LongestOf(ScoredPlan plan, ReadOnlySpan<double> secondsPerUnit)
    {
        double longest = 0;
        ReadOnlySpan<int> slots = known.Plans.InForce.MemberSlots;
        for (int number = 0; number < slots.Length; number++)
        {
            longest = Math.Max(longest, Math.Max(0, plan.Shares[slots[number]]) * secondsPerUnit[number]);
        }

        return longest;
    }

    /// <summary>Who leaves or comes back under a plan: of a replica of several ranks its first one's worker.</summary>
    private List<WorkerMove> MovesUnder(ScoredPlan plan, ReadOnlySpan<double> secondsPerUnit)
    {
        JobPlan inForce = known.Plans.InForce;
        if (plan.Generation == known.Generation)
        {
            return [];
        }

        List<WorkerMove> moves = [];
        int[] leaving = [.. Enumerable.Range(0, inForce.Members).Where(number => plan.Shares[inForce.MemberSlots[number]] == JobPlan.NotMember)];
        IReadOnlyDictionary<int, string> pools = PoolNames.Of(
            secondsPerUnit, known.Members.Classes, leaving, options.Mitigation.HorizonSeconds);
        for (int slot = 0; slot < known.Slots; slot++)
        {
            int number = inForce.NumberOf(slot);
            bool leaves = plan.Shares[slot] == JobPlan.NotMember;
            if (leaves != number >= 0)
            {
                continue;
            }

            if (leaves)
            {
                moves.Add(new WorkerMove(slot, known.Ranks.First(rank => rank.Slot == slot).Worker, pools[number]));
                continue;
            }

            StandbyReport? waiting = context.Standby.GetValueOrDefault(slot);
            WorkerEvicted? left = context.Book.Evicted.GetValueOrDefault(slot);
            if ((waiting?.Worker ?? left?.Worker) is { } worker)
            {
                moves.Add(new WorkerMove(slot, worker, left?.Pool ?? waiting!.DeviceClass.Name));
            }
        }

        return moves;
    }
}
