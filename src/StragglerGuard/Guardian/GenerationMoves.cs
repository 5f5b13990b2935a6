using StragglerGuard.Core.Planning;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>What is put down when a generation that a plan began is first heard of.</summary>
internal static class GenerationMoves
{
    /// <summary>The entries that are due: who left by the plan and who came back, and last that the plan is in force.</summary>
    /// <param name="begun">The plan that began the generation, as it was decided. It names who moves, so the ledger alone tells all of it.</param>
    /// <param name="book">The job's decisions so far.</param>
    /// <returns>
    /// What the ledger does not have yet, in the order in which it is to be written: a guardian that was killed in between, and its successor, write the
    /// rest; nothing where the plan was put down as in force.
    /// </returns>
    public static IReadOnlyList<LedgerDecision> Of(PlanDecided begun, MitigationBook book)
    {
        JobPlan plan = begun.Plan;
        if (book.IsInForce(plan.Epoch))
        {
            return [];
        }

        List<LedgerDecision> due = [];
        foreach (WorkerMove move in begun.Moves.Where(move => move.Replica >= 0 && move.Replica < plan.Slots))
        {
            WorkerEvicted? known = book.Evicted.GetValueOrDefault(move.Replica);
            if (plan.Shares[move.Replica] == JobPlan.NotMember)
            {
                var evicted = new WorkerEvicted(begun.Job, begun.Generation, begun.Step, move.Worker, move.Replica, move.Pool, begun.Reason);
                if (known != evicted)
                {
                    due.Add(evicted);
                }
            }
            else if (known is not null)
            {
                due.Add(new WorkerReadmitted(begun.Job, begun.Generation, begun.Step, move.Worker, move.Replica, move.Pool, begun.Reason));
            }
        }

        due.Add(new PlanInForce(begun.Job, plan.Generation, begun.Step, plan.Epoch, $"{plan.Generation} has begun under it"));
        return due;
    }
}
