using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Ledger;

/// <summary>One decision of each kind, every field with a value of its own.</summary>
internal static class SampleDecisions
{
    private static readonly JobId Job = new("gpt");
    private static readonly Generation Generation = new(2);
    private static readonly WorkerId Worker = new(new NodeId("n7"), "GPU-3");

    private static readonly LedgerDecision[] All =
    [
        new ActuationDone(Job, Generation, 40, "12/drain", true, "the scheduler says so"),
        new ActuationRequested(Job, Generation, 40, "12/drain", ActuationKind.MoveToPool, "n7", "slow", "it fits there"),
        new CommonShiftSeen(Job, Generation, 40, "6 of 8 ranks"),
        new GuardianTookOver(Job, Generation, 40, "process 7 on n1", "the one before is gone"),
        new HangFound(Job, Generation, 40, new Rank(3), "no record for 30 s"),
        new MitigationAdvised(Job, Generation, 40, MitigationKind.Evict, [4, -1, 4], "×1.20 → 0.5 s"),
        new MitigationRefused(Job, Generation, 40, MitigationKind.Backup, "no tails"),
        new ModeChanged(Job, Generation, 40, PolicyMode.Advise, "the operator"),
        new NumberSkipped(Job, Generation, 40, "given up"),
        new PlanDecided(
            Job, Generation, 40, MitigationKind.Deadline, new JobPlan(new PlanEpoch(12), new Generation(3), [4, -1, 0], 1_500_000_000, 1), 0.5,
            double.NaN, "why")
        {
            Moves = [new WorkerMove(1, Worker, "slow")],
        },
        new PlanGraded(Job, Generation, 40, new PlanEpoch(12), MitigationKind.Readmit, 1.25, double.PositiveInfinity, false, "won, but less than it should") { KindRests = true },
        new PlanInForce(Job, Generation, 40, new PlanEpoch(12), "all have voted"),
        new StragglerCleared(Job, Generation, 40, new Rank(3), "as fast as its peers"),
        new StragglerFound(
            Job, Generation, 40,
            new Verdict(new Rank(3), VerdictKind.PersistentSlowness, 30, 39, 1.7, Cause.Compute, "rank 3 takes 1.70 times as long")
            {
                Confidence = 0.98,
                Culprit = new Culprit(new Rank(3), 1, null, new NodeId("n7")),
                Evidence = new VerdictEvidence(0.53, double.NaN, 0.02, 0.1, 7) { Peers = [new Rank(0), new Rank(1)] },
            }),
        new WorkerEvicted(Job, Generation, 40, Worker, 3, "slow", "why"),
        new WorkerReadmitted(Job, Generation, 40, Worker, 3, "slow", "probed"),
    ];

    public static LedgerDecision Of(Type kind) => All.Single(decision => decision.GetType() == kind);
}
