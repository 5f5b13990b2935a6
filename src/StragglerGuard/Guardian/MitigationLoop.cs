using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>
/// From what is known of a generation to what is done about it, frame by frame: speeds → rebalance → candidates → decision → ledger, and the grade
/// of what came of it.
/// </summary>
/// <remarks>
/// No clock and no thread: the same frames give the same decisions. While a plan is being graded no other is looked for, but the restart of a group
/// that came to its end. A verdict that is raised or cleared ends the grading: what happens then is not the plan's doing, and may ask for another.
/// </remarks>
internal sealed class MitigationLoop
{
    /// <summary>Between two looks for anything but a rebalance, which is looked for at every step.</summary>
    private const int ReviewEverySteps = 8;

    /// <summary>Steps since the last change from which on their time is believed.</summary>
    private const int StepsForMeasured = 8;

    private readonly GenerationKnowledge _known;
    private readonly JobContext _context;
    private readonly ModeSchedule _modes;
    private readonly StragglerGuardOptions _options;
    private readonly RebalancePolicy _policy;
    private readonly JobMitigation _mitigation;
    private readonly FrameGrading _grading;
    private readonly ClassPriors _priors;
    private readonly PlanWriter _writer;
    private readonly RollBacks _rollBacks;
    private readonly double[] _secondsPerUnit;
    private readonly double[] _recentSecondsPerUnit;
    private readonly double[] _scratch = new double[64];
    private readonly RollingSeconds _sinceChange = new(64);
    private string? _priorsUsed;
    private JobPlan? _seen;
    private long _verdictStep = long.MinValue;
    private bool _failureJudged;
    private string? _reviewed;

    /// <summary>Begins where all ranks are known.</summary>
    public MitigationLoop(GenerationKnowledge known, JobContext context, ModeSchedule modes, StragglerGuardOptions options)
    {
        _known = known;
        _context = context;
        _modes = modes;
        _options = options;
        MitigationOptions thresholds = options.Mitigation.ToMitigationOptions(options.Policy);
        _policy = new RebalancePolicy(options.Policy.ToPolicyOptions());
        _mitigation = new JobMitigation(options, thresholds, context.Book, known.Members, known.Slots);
        _grading = new FrameGrading(thresholds, known.Members.Members);
        _priors = new ClassPriors(known.Ranks);
        _writer = new PlanWriter(known, context, options);
        _rollBacks = new RollBacks(known, context);
        _secondsPerUnit = new double[known.Ranks.Count];
        _recentSecondsPerUnit = new double[known.Ranks.Count * SpeedEstimator.WindowSamples];
    }

    /// <summary>What the policy said last, and why.</summary>
    public string Reason { get; private set; } = "no step judged yet";

    /// <summary>The gain that the last plan decided here promised; null where there was none.</summary>
    public double? PredictedGain => _writer.PredictedGain;

    /// <summary>The median step since a plan or a verdict last changed, s; NaN where these are too few.</summary>
    public double StepSecondsSinceChange => _sinceChange.Count >= StepsForMeasured ? _sinceChange.Median(_scratch)!.Value : double.NaN;

    private long? StepsSinceLastPlan(long step) => _known.Plans.StepsSinceLastPlan(step);

    /// <summary>The step before the one that is about to be judged took so long.</summary>
    public void StepTook(double seconds, long step, JobJudge.Commitment commit)
    {
        _sinceChange.Add(seconds);
        if (_grading.StepTook(seconds) is { } grade)
        {
            _writer.Grade(grade, step, commit);
        }
    }

    /// <summary>A verdict was raised or cleared.</summary>
    public void VerdictChanged(long step, JobJudge.Commitment commit)
    {
        _verdictStep = step;
        GiveUpGrading(step, commit);
        _sinceChange.Clear();
        _mitigation.SpeedsChanged();
    }

    /// <summary>Takes a frame that is judged, and does what is to be done.</summary>
    public void Take(StepFrame frame, string? observerComplaint, JobJudge.Commitment commit)
    {
        SeePlan(frame.Step, commit);
        _priors.Observe(frame);
        _grading.Take(frame, _known.Members, _known.Plans.InForce);
        _mitigation.Take(_grading.SecondsPerUnit);
        if (_modes.At(frame.Step) == PolicyMode.Act && _rollBacks.Due() is { } back)
        {
            Reason = back.Candidate.Reason;
            _writer.Offer(back, Reason, SecondsPerUnit, frame.Step, commit);
        }
        else
        {
            Decide(frame.Step, observerComplaint, commit);
        }
    }

    /// <summary>The group came to its end: those that are left go on without who ended it, if the policy lets them.</summary>
    /// <param name="failure">As the first rank saw it.</param>
    /// <param name="successor">The plan for the next generation that is decided already; null where none is.</param>
    /// <param name="commit">Called before a decision has any effect.</param>
    public void JudgeFailure(GroupFailure failure, JobPlan? successor, JobJudge.Commitment commit)
    {
        int[] culprits =
        [
            .. failure.Culprits.Where(rank => rank.Value >= 0 && rank.Value < _known.Ranks.Count).Select(rank => _known.Numbers[rank.Value]).Distinct().Order(),
        ];
        long step = Math.Max(_known.Clock.LastStep, _context.Begun?.Step ?? 0);
        if (_failureJudged || culprits.Length == 0)
        {
            return;
        }

        int[] lost = [.. culprits.Select(number => _known.Plans.InForce.MemberSlots[number])];
        if (successor is not null && !lost.Any(slot => successor.NumberOf(slot) >= 0))
        {
            return; // The others go on without them, by that plan.
        }

        foreach (Rank culprit in failure.Culprits.Where(culprit => !_context.Book.IsHanging(_known.Generation, culprit)))
        {
            _writer.Commit(commit, _ => new HangFound(_known.Job, _known.Generation, step, culprit, failure.Reason));
        }

        if (successor is not null)
        {
            // Some may have gone to meet by it already: a second plan beside it could part them.
            _failureJudged = true;
            _reviewed = Reason = $"restart without replica {string.Join(", ", lost)} is not decided: {successor}, which counts on it, is on its way; {failure.Reason}";
            _writer.Refuse([new MitigationRefusal(MitigationKind.Restart, [.. lost], RefusalCause.PlanPending, Reason)], step, commit);
            return;
        }

        CopyEstimates();
        PolicyMode mode = _modes.At(step);
        if (ViewAt(step, new PolicyDecision.Hold(HoldCause.LittleEvidence, failure.Reason), StepSecondsBefore) is not { } view)
        {
            // A report may still bring the steps that tell.
            _reviewed = Reason = $"the group has ended before what a step takes was known: {failure.Reason}";
            return;
        }

        _failureJudged = true;
        if (_mitigation.DecideRestart(view, mode, culprits, failure.Reason) is not { } review)
        {
            _reviewed = Reason = $"no group can be formed without who ended this one: {failure.Reason}";
            return;
        }

        Follow(review, mode, step, commit);

        // No step comes that would decide anew: what could not be written now is decided again with the next report.
        _failureJudged = review.Decision is not MitigationDecision.Propose { Acted: true } || _known.Plans.Newest?.Generation.Value > _known.Generation.Value;
    }

    /// <summary>A plan that this frame is the first to show is put down, and graded from here on.</summary>
    private void SeePlan(long step, JobJudge.Commitment commit)
    {
        JobPlan plan = _known.Plans.InForce;
        if (_seen?.Epoch == plan.Epoch)
        {
            return;
        }

        JobPlan? before = _seen;
        _seen = plan;
        _reviewed = null;
        _sinceChange.Clear();
        if (_context.Book.Plan(plan.Epoch) is not { } decided)
        {
            // What the job began with, or what no ledger tells of.
            _grading.Forget();
            return;
        }

        // A generation's first plan is put down by who opens its book.
        bool begins = decided.Generation != _known.Generation;
        if (!begins && !_context.Book.IsInForce(plan.Epoch))
        {
            bool isSwitchKnown = _known.Plans.IsSwitchKnown;
            _writer.Commit(commit, _ => new PlanInForce(
                _known.Job, _known.Generation, step, plan.Epoch,
                isSwitchKnown
                    ? $"every rank computes under it since step {step}"
                    : $"every rank computes under it by step {step} at the latest: no guardian saw the switch")
            {
                IsAtLatest = !isSwitchKnown,
            });
        }

        // The job stood still before a restart: nothing could be worse.
        if (_context.Book.IsJudged(plan.Epoch) || decided.Kind is MitigationKind.Restart or MitigationKind.None)
        {
            _grading.Forget();
            return;
        }

        List<(int Number, long OnsetStep)> flagged = _known.FlaggedMembers();
        long onset = flagged.Count == 0 ? step : Math.Min(step, flagged.Min(one => one.OnsetStep));
        if (_grading.Begin(
            plan, decided.Kind, decided.PredictedGain, begins ? null : before ?? _rollBacks.PlanBefore(decided),
            begins ? FormerSecondsPerUnit(decided) : double.NaN, step, onset) is { } superseded)
        {
            _writer.Grade(superseded, step, commit);
        }

        if (_verdictStep > decided.Step)
        {
            GiveUpGrading(step, commit);
        }
    }

    private void GiveUpGrading(long step, JobJudge.Commitment commit)
    {
        if (_grading.GiveUp("a verdict has changed since it was decided") is { } unknown)
        {
            _writer.Grade(unknown, step, commit);
        }
    }

    /// <summary>As measured; where nobody saw the generation before, as it was reckoned when the plan was decided.</summary>
    private double FormerSecondsPerUnit(PlanDecided decided) => double.IsFinite(_context.FormerSecondsPerUnit)
        ? _context.FormerSecondsPerUnit
        : decided.PredictedStepSeconds * decided.PredictedGain / decided.Plan.Total is var reckoned && double.IsFinite(reckoned) ? reckoned : double.NaN;

    private void Decide(long step, string? observerComplaint, JobJudge.Commitment commit)
    {
        PolicyMode mode = _modes.At(step);
        PolicyInput input = InputAt(step, mode, observerComplaint);
        bool isDue = step % ReviewEverySteps == 0;
        if (_policy.HoldWithoutSpeeds(input) is { } hold)
        {
            Reason = hold.Reason;
            if (input.PendingPlan is null && isDue && _grading.Grading is null)
            {
                CopyEstimates();
                Review(step, hold, mode, observerComplaint, commit);
            }

            return;
        }

        if (_grading.Grading is { } graded)
        {
            Reason = $"the plan of {graded} is being graded";
            return;
        }

        PolicyDecision rebalance = _policy.Decide(WithSpeeds(input));
        Reason = isDue ? rebalance.Reason : _reviewed ?? rebalance.Reason;
        if (isDue || rebalance is PolicyDecision.Propose)
        {
            Review(step, rebalance, mode, observerComplaint, commit);
        }
    }

    private void Review(
        long step, PolicyDecision rebalance, PolicyMode mode, string? observerComplaint, JobJudge.Commitment commit)
    {
        _reviewed = null;
        if (_options.Mitigation.Allowed == MitigationChoice.None || ViewAt(step, rebalance) is not { } view)
        {
            return;
        }

        JobMitigation.Review review = _mitigation.Decide(view, mode, observerComplaint, StepsSinceLastPlan(step), _known.EvidenceOn);
        if (review.HadCandidates)
        {
            Follow(review, mode, step, commit);
        }
    }

    /// <summary>Does what the policy said, or tells of it.</summary>
    private void Follow(JobMitigation.Review review, PolicyMode mode, long step, JobJudge.Commitment commit)
    {
        _reviewed = Reason = review.Decision.Reason;
        if (mode != PolicyMode.Observe)
        {
            _writer.Refuse(review.Decision.Refusals, step, commit);
        }

        if (review.Decision is not MitigationDecision.Propose propose || review.Plan is not { } plan)
        {
            return;
        }

        if (propose.Acted && propose.Candidate.Kind == MitigationKind.Evict && NeedsTrial)
        {
            AskForTrial(propose.Candidate, step, commit);
        }
        else if (propose.Acted)
        {
            _writer.Offer(plan, propose.Reason, SecondsPerUnit, step, commit);
        }
        else if (mode == PolicyMode.Advise)
        {
            _writer.Advise(plan, propose.Reason, SecondsPerUnit, step, commit);
        }
    }

    /// <summary>Whether an eviction has to be confirmed first: a verdict rests on steps alone, a trial on the same work for all at once.</summary>
    private bool NeedsTrial => _known.Members.Abilities.HasFlag(RankAbilities.Trial) && !_known.HasFreshTrial;

    /// <summary>Has every rank try a micro-batch that does not count, before anybody is sent away.</summary>
    private void AskForTrial(MitigationCandidate candidate, long step, JobJudge.Commitment commit)
    {
        string who = string.Join(", ", candidate.Replicas);
        if (_known.AwaitsTrial)
        {
            _reviewed = Reason = $"before replica {who} may leave, every rank tries a micro-batch: not all have said what it took";
            return;
        }

        JobPlan plan = _known.Plans.InForce;
        Reason = $"before replica {who} may leave, every rank tries a micro-batch that does not count; what speaks for it: {candidate.Reason}";
        _writer.Offer(
            new ScoredPlan(
                candidate with
                {
                    Kind = MitigationKind.None,
                    Prediction = new MitigationPrediction(_known.Clock.StepSeconds ?? candidate.Prediction.StepSeconds, 1),
                },
                plan.Generation, plan.Shares.ToArray(), plan.DeadlineNs, plan.Backups, IsTrial: true),
            Reason, SecondsPerUnit, step, commit);
        _reviewed = Reason;
    }

    /// <summary>By member.</summary>
    private ReadOnlyMemory<double> SecondsPerUnit => _known.Members.Slowest(_secondsPerUnit);

    private void CopyEstimates()
    {
        _known.Speeds.CopyEstimates(_secondsPerUnit);
        _priorsUsed = _priors.Fill(_secondsPerUnit, []);
    }

    /// <summary>All but the speeds.</summary>
    private PolicyInput InputAt(long step, PolicyMode mode, string? observerComplaint) => new()
    {
        Mode = mode,
        Step = step,
        InForce = _known.Plans.InForce.Deal,
        SecondsPerUnit = default,
        RecentSecondsPerUnit = default,
        Lowest = _known.Members.Lowest,
        Highest = _known.Members.Highest,
        CommonStepSeconds = _known.Clock.OverheadSeconds ?? 0,
        StepsSinceLastPlan = StepsSinceLastPlan(step),
        FlaggedRanks = _known.Members.Flagged(_known.Verdicts.Flagged),
        Former = _known.Plans.Former is { } former ? former.Deal.MicroBatches.ToArray() : default,
        PendingPlan = _known.Plans.Offers.Pending,
        ObserverComplaint = observerComplaint,
    };

    private PolicyInput WithSpeeds(PolicyInput input)
    {
        _known.Speeds.CopyEstimates(_secondsPerUnit);
        int recent = _known.Speeds.CopyFrames(_recentSecondsPerUnit);
        _priorsUsed = _priors.Fill(_secondsPerUnit, _recentSecondsPerUnit.AsSpan(0, recent));
        return input with
        {
            SecondsPerUnit = SecondsPerUnit,
            RecentSecondsPerUnit = _known.Members.SlowestInEach(_recentSecondsPerUnit.AsMemory(0, recent)),
        };
    }

    /// <summary>What a step took the generation before, or was promised by the plan that began this one, s; 0 where nobody knows.</summary>
    private double StepSecondsBefore
    {
        get
        {
            double took = _context.FormerSecondsPerUnit * _known.TotalMicroBatches;
            double promised = _context.Begun?.PredictedStepSeconds ?? 0;
            return took > 0 && double.IsFinite(took) ? took : promised > 0 && double.IsFinite(promised) ? promised : 0;
        }
    }

    private DeskView? ViewAt(long step, PolicyDecision rebalance, double otherwiseSeconds = 0)
    {
        double seconds = _known.Clock.StepSeconds ?? otherwiseSeconds;
        return seconds > 0
            ? new DeskView
            {
                Step = step,
                NowSeconds = _context.SecondsAfter(_known.Clock.ElapsedSeconds),
                InForce = _known.Plans.InForce,
                Members = _known.Members,
                SecondsPerUnit = SecondsPerUnit,
                CommonSeconds = _known.Clock.OverheadSeconds ?? 0,
                StepSeconds = seconds,
                Rebalance = rebalance,
                Flagged = _known.FlaggedMembers(),
                Standby = _context.Standby,
                Classes = _known.Members.Classes,
                Priors = _priorsUsed,
            }
            : null;
    }
}
