using System.Collections.Immutable;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>
/// What a job's decisions so far mean for the next ones: the budget spent, who is out and for how long, which kinds rest. A fold over the
/// job's ledger entries, so a guardian that takes over knows the same as the one before.
/// </summary>
internal sealed class MitigationBook
{
    private readonly EvictionBudget _budget = new();
    private readonly Probation _probation;
    private readonly RestingKinds _rests;
    private readonly Dictionary<PlanEpoch, PlanDecided> _plans = [];
    private readonly HashSet<PlanEpoch> _inForce = [];
    private readonly SortedDictionary<int, WorkerEvicted> _evicted = [];
    private readonly HashSet<(Generation Generation, MitigationKind Kind, RefusalCause Cause)> _refused = [];

    /// <summary>Begins with nothing decided.</summary>
    public MitigationBook(MitigationOptions options)
    {
        _probation = new Probation(options);
        _rests = new RestingKinds(options);
    }

    /// <summary>What was spent of this hour's evictions.</summary>
    public ImmutableArray<double> Evictions => _budget.Snapshot();

    /// <summary>Who is out, and until when at least.</summary>
    public ImmutableArray<ProbationTerm> Probations => _probation.Snapshot();

    /// <summary>Kinds that have disappointed.</summary>
    public ImmutableArray<KindRest> Rests => _rests.Snapshot();

    /// <summary>Slots that are out, and the worker that had each.</summary>
    public IReadOnlyDictionary<int, WorkerEvicted> Evicted => _evicted;

    /// <summary>The time by which everything here is measured: seconds since 1970, UTC.</summary>
    public static double SecondsOf(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).TotalSeconds;

    /// <summary>Takes an entry of the job's.</summary>
    public void Apply(LedgerEntry entry)
    {
        double at = SecondsOf(entry.At);
        switch (entry.Decision)
        {
            case PlanDecided decided:
                _plans[decided.Plan.Epoch] = decided;
                if (decided.Kind is MitigationKind.Evict or MitigationKind.Restart)
                {
                    _budget.Spend(at, Math.Max(1, decided.Moves.Count));
                }

                break;
            case PlanInForce seen:
                _inForce.Add(seen.Epoch);
                break;
            case WorkerEvicted evicted:
                _probation.Evicted(evicted.Replica, at);
                _evicted[evicted.Replica] = evicted;
                break;
            case WorkerReadmitted readmitted:
                _probation.Readmitted(readmitted.Replica, at);
                _evicted.Remove(readmitted.Replica);
                break;
            case PlanGraded graded when graded.KindRests || graded.RolledBack:
                _rests.Disappointed(graded.Kind, at);
                break;
            case PlanGraded graded when !double.IsNaN(graded.RealisedGain):
                _rests.Held(graded.Kind);
                break;
        }
    }

    /// <summary>Whether a plan was put down as seen in force.</summary>
    public bool IsInForce(PlanEpoch epoch) => _inForce.Contains(epoch);

    /// <summary>The plan of an epoch, as it was decided; null where this job's ledger has none.</summary>
    public PlanDecided? Plan(PlanEpoch epoch) => _plans.GetValueOrDefault(epoch);

    /// <summary>Whether a refusal is news: said once for each generation, kind and cause.</summary>
    public bool IsNews(Generation generation, MitigationRefusal refusal) => _refused.Add((generation, refusal.Kind, refusal.Cause));
}
