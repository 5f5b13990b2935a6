using System.Collections.Immutable;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Hosting;

namespace StragglerGuard.Guardian;

/// <summary>What could be done about one generation of a job, what is chosen, and what became of it: candidates → policy → grade.</summary>
/// <remarks>No clock and no thread: time comes with the call.</remarks>
internal sealed class JobMitigation
{
    /// <summary>Between two looks for anything but a rebalance, which is looked for at every step.</summary>
    private const int ReviewEverySteps = 8;

    private readonly MitigationBook _book;
    private readonly CandidateDesk _desk;
    private readonly MitigationPolicy _policy;
    private readonly PlanGrader _grader;
    private readonly ForgoneTime _forgone = new();
    private readonly OwnTimes _times;
    private readonly double _minimumEffect;
    private readonly int _slots;
    private readonly double[] _scratch;
    private readonly double[] _ownSecondsPerUnit;
    private GradingFrame? _unfinished;
    private JobPlan? _former;
    private double _formerSecondsPerUnit = double.NaN;

    /// <summary>Begins with the members of a generation.</summary>
    public JobMitigation(StragglerGuardOptions options, MitigationBook book, int members, int slots)
    {
        MitigationOptions thresholds = options.Mitigation.ToMitigationOptions(options.Policy);
        _book = book;
        _desk = new CandidateDesk(options.Mitigation);
        _policy = new MitigationPolicy(thresholds);
        _grader = new PlanGrader(thresholds);
        _times = new OwnTimes(members);
        _minimumEffect = options.Detection.MinimumEffect;
        _slots = slots;
        _scratch = new double[members];
        _ownSecondsPerUnit = new double[members];
    }

    /// <summary>The plan from before the one in force; null where there was none in this generation.</summary>
    public JobPlan? Former => _former;

    /// <summary>A plan is seen in force: from here on it is graded.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="former">The one before, of the same generation; null where this one began the generation.</param>
    /// <param name="kind">What it is for.</param>
    /// <param name="predictedRatio">Samples per second that were promised over those before.</param>
    /// <param name="fromStep">The first step under it.</param>
    /// <param name="onsetStep">The first step at which what it answers was there.</param>
    /// <param name="formerSecondsPerUnit">What a micro-batch took the job in the generation before, s; NaN within one generation.</param>
    /// <returns>The grade of a plan that was still being graded: unknown.</returns>
    public PlanGrade? InForce(
        JobPlan plan, JobPlan? former, MitigationKind kind, double predictedRatio, long fromStep, long onsetStep, double formerSecondsPerUnit)
    {
        _former = former;
        _formerSecondsPerUnit = formerSecondsPerUnit;
        double gain = predictedRatio > 0 && double.IsFinite(predictedRatio) ? 1 - (1 / predictedRatio) : 0;
        return _grader.Begin(plan.Epoch, kind, gain, fromStep, onsetStep);
    }

    /// <summary>The step that was read last took so long: its frame is evidence now.</summary>
    /// <returns>A grade, where this step decided one.</returns>
    public PlanGrade? StepTook(double seconds)
    {
        PlanGrade? grade = _unfinished is { } frame ? _grader.Observe(frame with { Seconds = seconds }) : null;
        _unfinished = null;
        return grade;
    }

    /// <summary>Takes a frame; how long its step took is known with the next one.</summary>
    /// <param name="frame">The step.</param>
    /// <param name="members">Whose its ranks are.</param>
    /// <param name="plan">The plan that it was taken under.</param>
    /// <param name="commonSeconds">What a step takes beyond the own work, s.</param>
    public void Take(StepFrame frame, MemberView members, JobPlan plan, double commonSeconds)
    {
        double[] perUnit = members.SecondsPerUnitOf(frame, _ownSecondsPerUnit);
        _times.Add(perUnit);
        double work = 0;
        if (plan.DeadlineNs == 0 && plan.Backups == 0)
        {
            work = frame.IsComplete ? plan.Total : double.NaN;
        }
        else
        {
            // What a late rank did entered with weight 0.
            for (int rank = 0; rank < frame.Ranks; rank++)
            {
                work += frame.IsPresent(rank) ? frame.Weight[rank] > 0 ? frame.WorkUnits[rank] : 0 : double.NaN;
            }
        }

        double reckoned = !double.IsNaN(_formerSecondsPerUnit) ? _formerSecondsPerUnit
            : PlanReckoning.SecondsPerUnit(_grader.Grading is null ? plan : _former ?? plan, perUnit, commonSeconds, _scratch);
        _unfinished = new GradingFrame(frame.Step, double.NaN, work, reckoned);
    }

    /// <summary>The job changed so that its last steps say nothing about the next: a rank's speed is another.</summary>
    public void SpeedsChanged() => _times.Clear();

    /// <summary>Looks for something to do.</summary>
    /// <param name="view">The job.</param>
    /// <param name="mode">How far the guardian may go.</param>
    /// <param name="observerComplaint">Why it distrusts its own view; null where it does not.</param>
    /// <param name="pending">The plan on its way.</param>
    /// <param name="stepsSinceLastPlan">Null where there was none.</param>
    /// <param name="evidence">What is known about the members that are flagged, by slot.</param>
    /// <returns>The decision and the plan behind it; null where nothing was looked for.</returns>
    public Review? Decide(
        DeskView view, PolicyMode mode, string? observerComplaint, PlanEpoch? pending, long? stepsSinceLastPlan,
        Func<int, ReplicaEvidence> evidence)
    {
        bool isDue = view.Step % ReviewEverySteps == 0 || view.Rebalance is PolicyDecision.Propose;
        if (pending is not null || !isDue)
        {
            return null;
        }

        List<ScoredPlan> plans = _desk.Collect(view, _times, _book);
        var replicas = view.Flagged.Select(flagged => evidence(flagged.Number)).ToList();
        foreach (ScoredPlan plan in plans.Where(plan => plan.Candidate.Kind == MitigationKind.Readmit))
        {
            int slot = plan.Candidate.Replicas[0];
            (ProbeOpinion opinion, string reason) = CandidateDesk.Examine(view, view.Standby[slot], _minimumEffect);
            replicas.Add(new ReplicaEvidence { Replica = slot, Probe = opinion, ProbeReason = reason });
        }

        return Choose(view, plans, mode, observerComplaint, stepsSinceLastPlan, [.. replicas]);
    }

    /// <summary>Decides about a group that came to its end.</summary>
    /// <param name="view">The job as it was.</param>
    /// <param name="mode">How far the guardian may go.</param>
    /// <param name="culprits">The members that caused it.</param>
    /// <param name="reason">In words.</param>
    public Review? DecideRestart(DeskView view, PolicyMode mode, IReadOnlyList<int> culprits, string reason) =>
        _desk.Restart(view, culprits, reason) is { } plan
            ? Choose(
                view, [plan], mode, observerComplaint: null, stepsSinceLastPlan: null,
                [.. plan.Candidate.Replicas.Select(slot => new ReplicaEvidence { Replica = slot, HangReason = reason })], flaggedCount: false)
            : null;

    private Review Choose(
        DeskView view, List<ScoredPlan> plans, PolicyMode mode, string? observerComplaint, long? stepsSinceLastPlan,
        ImmutableArray<ReplicaEvidence> replicas, bool flaggedCount = true)
    {
        ImmutableArray<MitigationCandidate> candidates = flaggedCount
            ? _forgone.Observe(view.NowSeconds, [.. plans.Select(plan => plan.Candidate)])
            : [.. plans.Select(plan => plan.Candidate)];
        MitigationDecision decision = _policy.Decide(new MitigationInput
        {
            Mode = mode,
            NowSeconds = view.NowSeconds,
            InitialMembers = _slots,
            Members = view.InForce.Members,
            Candidates = candidates,
            Groups = [new FlaggedGroup("the job", view.InForce.Members, flaggedCount ? view.Flagged.Count : 0)],
            Replicas = replicas,
            ObserverComplaint = observerComplaint,
            StepsSinceLastPlan = stepsSinceLastPlan,
            EvictionsAtSeconds = _book.Evictions,
            Probations = _book.Probations,
            Rests = _book.Rests,
        });
        ScoredPlan? chosen = decision is MitigationDecision.Propose propose ? plans[candidates.IndexOf(propose.Candidate)] : null;
        return new Review(decision, chosen);
    }

    /// <summary>What the policy said, and the plan where it chose one.</summary>
    public sealed record Review(MitigationDecision Decision, ScoredPlan? Plan)
    {
        /// <summary>Whether anything was there to choose from.</summary>
        public bool HadCandidates => Decision.Refusals.Length > 0 || Plan is not null;
    }
}
