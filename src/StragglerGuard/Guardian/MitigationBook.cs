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
    private readonly HashSet<PlanEpoch> _graded = [];
    private readonly HashSet<PlanEpoch> _takenBack = [];
    private readonly List<PlanEpoch> _inForce = [];
    private readonly SortedDictionary<int, WorkerEvicted> _evicted = [];
    private readonly HashSet<(Generation Generation, MitigationKind Kind, int? Waiting, RefusalCause Cause)> _refused = [];
    private readonly List<LedgerDecision> _findings = [];
    private readonly HashSet<(Generation Generation, Rank Rank)> _hanging = [];

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

    /// <summary>
    /// The grade of a plan that is to be rolled back; null where none is, or another plan was decided since, which then is the return.
    /// </summary>
    public PlanGraded? RollBackDue { get; private set; }

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
                if (RollBackDue is not null)
                {
                    _takenBack.Add(decided.Plan.Epoch);
                    RollBackDue = null;
                }

                if (decided.Kind is MitigationKind.Evict or MitigationKind.Restart)
                {
                    _budget.Spend(at, Math.Max(1, decided.Moves.Count));
                }

                break;
            case PlanInForce seen:
                if (!_inForce.Contains(seen.Epoch))
                {
                    _inForce.Add(seen.Epoch);
                }

                break;
            case WorkerEvicted evicted:
                _probation.Evicted(evicted.Replica, at);
                _evicted[evicted.Replica] = evicted;
                break;
            case WorkerReadmitted readmitted:
                _probation.Readmitted(readmitted.Replica, at);
                _evicted.Remove(readmitted.Replica);
                break;
            case PlanGraded graded:
                Grade(graded, at);
                break;
            case StragglerFound or StragglerCleared:
                // Nobody goes on with an earlier generation.
                _findings.RemoveAll(finding => finding.Generation.Value < entry.Decision.Generation.Value);
                _findings.Add(entry.Decision);
                break;
            case HangFound hang:
                _hanging.Add((hang.Generation, hang.Rank));
                break;
            case MitigationRefused { Cause: { } cause } refused:
                _refused.Add((refused.Generation, refused.Kind, refused.Waiting, cause));
                break;
        }
    }

    private void Grade(PlanGraded graded, double at)
    {
        _graded.Add(graded.Epoch);
        RollBackDue = graded.RolledBack ? graded : null;
        if (graded.KindRests || graded.RolledBack)
        {
            _rests.Disappointed(graded.Kind, at);
        }
        else if (!double.IsNaN(graded.RealisedGain))
        {
            _rests.Held(graded.Kind);
        }
    }

    /// <summary>Whether a plan was put down as seen in force.</summary>
    public bool IsInForce(PlanEpoch epoch) => _inForce.Contains(epoch);

    /// <summary>Whether a plan has a grade, or needs none, as it only undoes one that had a bad one.</summary>
    public bool IsJudged(PlanEpoch epoch) => _graded.Contains(epoch) || _takenBack.Contains(epoch);

    /// <summary>The plan that was in force before another, as it was decided; null where the ledger has none, so the job began with it.</summary>
    public PlanDecided? Before(PlanEpoch epoch)
    {
        int place = _inForce.IndexOf(epoch);
        return place > 0 ? Plan(_inForce[place - 1]) : null;
    }

    /// <summary>The plan of an epoch, as it was decided; null where this job's ledger has none.</summary>
    public PlanDecided? Plan(PlanEpoch epoch) => _plans.GetValueOrDefault(epoch);

    /// <summary>Who was found slow in a generation, and who was cleared, in order.</summary>
    public IEnumerable<LedgerDecision> FindingsIn(Generation generation) => _findings.Where(finding => finding.Generation == generation);

    /// <summary>Whether a rank was found to have ended its group.</summary>
    public bool IsHanging(Generation generation, Rank rank) => _hanging.Contains((generation, rank));

    /// <summary>
    /// Whether a refusal is news: said once for each generation, kind and cause, and of a readmission for each that waits. Which of several slow ones
    /// would leave may change with the noise.
    /// </summary>
    public bool IsNews(Generation generation, MitigationRefusal refusal) =>
        _refused.Add((generation, refusal.Kind, WaitingIn(refusal), refusal.Cause));

    /// <summary>The slot that waits to come back, of a readmission that is refused; else null.</summary>
    public static int? WaitingIn(MitigationRefusal refusal) => refusal.Kind == MitigationKind.Readmit ? refusal.Replicas[0] : null;
}
