using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>The plans of a generation: what was decided, what is in force, and how long its steps really take.</summary>
internal sealed class PlanHistory(JobPlan initial)
{
    private const int PlansKept = 256;
    private const int StepsKept = 256;
    private const int StepsForRealised = 3;

    private readonly List<Tracked> _decided = [];
    private readonly double[] _scratch = new double[StepsKept];
    private Tracked? _current;
    private bool _isObserved;

    /// <summary>Which plan is on its way, and whether another may follow.</summary>
    public PlanOffer Offers { get; } = new(initial.Epoch);

    /// <summary>The plan of the last frame.</summary>
    public JobPlan InForce { get; private set; } = initial;

    /// <summary>Steps since the last plan came into force; null where none has, or where it changed nothing but to ask for a trial.</summary>
    public long? StepsSinceLastPlan(long step) => InForce.IsTrial ? null : StepsSinceInForce(step);

    /// <summary>Steps since the last plan came into force, whatever it was for; null where none has.</summary>
    public long? StepsSinceInForce(long step) => step - (_current?.EffectiveStep ?? _current?.InForceByStep);

    /// <summary>The plan to go back to once no verdict stands: the one before the first that a verdict asked for; null where none
    /// did.</summary>
    public JobPlan? Former { get; private set; }

    /// <summary>The newest plan decided; null where none was.</summary>
    public JobPlan? Newest => _decided.Count == 0 ? null : _decided[^1].Plan;

    /// <summary>Plans decided in this generation, whoever decided them.</summary>
    public long Decided { get; private set; }

    /// <summary>Records a plan that stands in the ledger.</summary>
    /// <param name="kind">What it is for.</param>
    /// <param name="plan">The plan with its epoch.</param>
    /// <param name="step">The last step known.</param>
    /// <param name="whileFlagged">Whether a verdict stands.</param>
    /// <param name="predictedStepSeconds">As decided, s.</param>
    /// <param name="reason">Why.</param>
    public void Decide(MitigationKind kind, JobPlan plan, long step, bool whileFlagged, double predictedStepSeconds, string reason)
    {
        Offers.Offer(plan.Epoch);
        Decided++;
        Former = whileFlagged ? Former ?? InForce : null;
        if (_decided.Count == PlansKept)
        {
            _decided.RemoveAt(0);
        }

        _decided.Add(new Tracked(kind, plan, step, predictedStepSeconds, reason));
    }

    /// <summary>Records a plan that another guardian decided.</summary>
    /// <returns>False where it is no newer than what is in force, or could not have been offered.</returns>
    public bool TakeOver(MitigationKind kind, JobPlan plan, long step, bool whileFlagged, double predictedStepSeconds, string reason)
    {
        if (Offers.Pending is { } earlier && earlier < plan.Epoch)
        {
            // A plan follows another only once that one was seen in force.
            Offers.SeenInForce(earlier);
        }

        if (!Offers.MayOffer(plan.Epoch, out _))
        {
            return false;
        }

        Decide(kind, plan, step, whileFlagged, predictedStepSeconds, reason);
        return true;
    }

    /// <summary>Records since when a plan is in force, as another guardian saw it.</summary>
    public void TakeOver(PlanInForce seen)
    {
        if (!seen.IsAtLatest && Find(seen.Epoch) is { } plan)
        {
            plan.EffectiveStep ??= seen.Step;
        }
    }

    /// <summary>Records what a plan brought.</summary>
    /// <param name="epoch">Which one; nothing where it was decided in an earlier generation.</param>
    /// <param name="realisedGain">Throughput over that under the plan before; NaN where it can't be told.</param>
    public void Grade(PlanEpoch epoch, double realisedGain)
    {
        if (double.IsFinite(realisedGain) && Find(epoch) is { } plan)
        {
            plan.RealisedGain = realisedGain;
        }
    }

    /// <summary>Whether it is known since when the plan in force is so, and not only that it is.</summary>
    public bool IsSwitchKnown => _current?.EffectiveStep is not null;

    /// <summary>Takes another plan for the one that the generation began with, before any other was seen.</summary>
    public void BeginWith(JobPlan plan) => InForce = plan;

    /// <summary>Sees in a frame which plan is in force. All ranks switch at one step, so any rank's record tells.</summary>
    public void Observe(StepFrame frame, ReplicaNumbers numbers)
    {
        PlanEpoch newest = EpochInForce;
        for (int rank = 0; rank < frame.Ranks; rank++)
        {
            if (frame.IsPresent(rank) && frame.Epoch[rank] > newest)
            {
                newest = frame.Epoch[rank];
            }
        }

        // What the first frame shows may be so for long.
        bool isSwitch = _isObserved;
        _isObserved = true;
        if (newest == EpochInForce)
        {
            return;
        }

        Offers.SeenInForce(newest);
        if (Find(newest) is { } decided)
        {
            decided.InForceByStep = frame.Step;
            decided.EffectiveStep ??= isSwitch ? frame.Step : null;
            _current = decided;
            InForce = decided.Plan;
        }
        else if (frame.IsComplete && numbers.SharesOf(frame.WorkUnits, InForce.Members) is { } shares && shares.Sum() == InForce.Total)
        {
            // Another guardian's plan, decided before this one took over: its deal is what the ranks did. It is not this one's to report.
            InForce = InForce.Follow(newest, shares);
            _current = new Tracked(MitigationKind.Rebalance, InForce, frame.Step, double.NaN, "decided by another guardian")
            {
                InForceByStep = frame.Step,
                EffectiveStep = isSwitch ? frame.Step : null,
            };
            Former = null;
        }
    }

    /// <summary>The step before the one that is being read took this long, under the plan in force until now.</summary>
    public void StepTook(double seconds) => _current?.Steps.Add(seconds);

    public IReadOnlyList<PlanStatus> Statuses() => [.. _decided.Select(plan => new PlanStatus(
        plan.Kind, plan.Plan, plan.DecidedAtStep, plan.EffectiveStep, plan.PredictedStepSeconds,
        plan.Steps.Count >= StepsForRealised ? plan.RealisedStepSeconds(_scratch) : null, plan.Reason)
        {
            InForceByStep = plan.EffectiveStep ?? plan.InForceByStep,
            RealisedGain = plan.RealisedGain,
        })];

    private Tracked? Find(PlanEpoch epoch) => _decided.Find(plan => plan.Plan.Epoch == epoch);

    private PlanEpoch EpochInForce => InForce.Epoch;

    private sealed class Tracked(MitigationKind kind, JobPlan plan, long decidedAtStep, double predictedStepSeconds, string reason)
    {
        public MitigationKind Kind { get; } = kind;

        public JobPlan Plan { get; } = plan;

        public long DecidedAtStep { get; } = decidedAtStep;

        public double PredictedStepSeconds { get; } = predictedStepSeconds;

        public string Reason { get; } = reason;

        /// <summary>The first step under it; null while unknown.</summary>
        public long? EffectiveStep { get; set; }

        /// <summary>A step under it; null until one is seen.</summary>
        public long? InForceByStep { get; set; }

        public double? RealisedGain { get; set; }

        public RollingSeconds Steps { get; } = new(StepsKept);

        /// <summary>As it was predicted: the median step, where what a plan wins lies in rare long steps the mean.</summary>
        public double? RealisedStepSeconds(Span<double> scratch) =>
            Plan is { DeadlineNs: 0, Backups: 0 } ? Steps.Median(scratch) : Steps.Mean;
    }
}
