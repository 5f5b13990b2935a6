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
/// One generation of one job as the guardian sees it: a fold over reports. Records become step frames, and every frame goes
/// frame → lag → verdict → speed → plan → policy, each a pure part of Core.
/// </summary>
/// <remarks>No clock and no thread: the same reports in the same order give the same decisions, live or replayed.</remarks>
internal sealed class JobJudge
{
    /// <summary>
    /// How far a ledger may lie behind the plan in force, as one that was begun anew does, and be brought level. Beyond it the epoch in
    /// force is more likely nonsense than old.
    /// </summary>
    private const long NumbersSkippedMax = 4_096;

    private readonly RankEnrollment?[] _ranks;
    private readonly RankCounts[] _counts;
    private readonly ModeSchedule _modes;
    private readonly JobContext _context;
    private readonly SortedDictionary<Rank, GroupFailure> _failures = [];
    private readonly StragglerGuardOptions _options;
    private readonly StepFrameAssembler _assembler;
    private readonly ExitSkewEstimator _skew;
    private readonly LagCalculator _lag;
    private readonly LagStatistics _lagStatistics;
    private readonly StepClock _clock;
    private readonly DetectionEvents _events = new();
    private readonly SpeedEstimator _speeds;
    private readonly RebalancePolicy _policy;
    private readonly PlanHistory _plans;
    private readonly VerdictBook _verdicts;
    private readonly ChangeBook _changes = new();
    private readonly HangWatch _hangs;
    private readonly double[] _secondsPerUnit;
    private readonly double[] _recentSecondsPerUnit;
    private readonly double[] _waitCausedSeconds;
    private readonly long[] _newestStartNs;
    private readonly ReplicaNumbers _numbers;
    private readonly bool _planIsKnown;
    private MemberView? _members;
    private JobMitigation? _mitigation;
    private JobDetector? _detector;
    private LagSample _lastLag;
    private string _policyReason = "no step judged yet";
    private string? _advised;
    private long _plansDecided;
    private double? _predictedGain;
    private int _enrolled;
    private int _left;
    private bool _planIsSeen;
    private bool _failureJudged;

    /// <summary>Opens the book of a generation.</summary>
    /// <param name="first">The first rank that reports.</param>
    /// <param name="modes">What the guardian may do.</param>
    /// <param name="options">The guard's.</param>
    /// <param name="context">What it takes over from the job; null for a job that nothing was heard of.</param>
    public JobJudge(RankEnrollment first, ModeSchedule modes, StragglerGuardOptions options, JobContext? context = null)
    {
        _context = context ?? JobContext.New(options.Mitigation.ToMitigationOptions(options.Policy));
        JobPlan? plan = _context.Begun?.Plan;
        Job = first.Job;
        Generation = first.Generation;
        WorldSize = first.WorldSize;
        TotalMicroBatches = first.TotalMicroBatches;
        _modes = modes;
        _options = options;
        _ranks = new RankEnrollment?[WorldSize];
        _counts = new RankCounts[WorldSize];
        _assembler = new StepFrameAssembler(WorldSize, Generation, options.Guardian.HorizonSteps);
        _skew = new ExitSkewEstimator(WorldSize, Generation);
        _lag = new LagCalculator(WorldSize);
        _lagStatistics = new LagStatistics(WorldSize, options.Guardian.LagWindowSteps);
        _clock = new StepClock(WorldSize);
        _speeds = new SpeedEstimator(WorldSize);
        _policy = new RebalancePolicy(options.Policy.ToPolicyOptions());
        Slots = first.Slots;
        _planIsKnown = plan is not null;
        _plans = new PlanHistory(plan ?? JobPlan.Even(TotalMicroBatches, Slots, Generation));
        _numbers = new ReplicaNumbers(WorldSize);
        _verdicts = new VerdictBook(WorldSize);
        _secondsPerUnit = new double[WorldSize];
        _recentSecondsPerUnit = new double[WorldSize * SpeedEstimator.WindowSamples];
        _waitCausedSeconds = new double[WorldSize];
        _newestStartNs = new long[WorldSize];
        _hangs = new HangWatch(WorldSize);
        Enroll(first);
    }

    /// <summary>Writes a decision into the ledger, under the number that it is given.</summary>
    /// <param name="decide">From the number to the decision; null where the decision no longer stands.</param>
    /// <returns>The entry; null where it is not in the ledger.</returns>
    public delegate LedgerEntry? Commitment(Func<long, LedgerDecision?> decide);

    public JobId Job { get; }

    public Generation Generation { get; }

    public int WorldSize { get; }

    public int TotalMicroBatches { get; }

    /// <summary>Replicas that the job began with.</summary>
    public int Slots { get; }

    /// <summary>The newest plan seen in force.</summary>
    public PlanEpoch EpochInForce => _plans.Offers.InForce;

    /// <summary>The newest plan for a later generation that was decided in this one; null where the membership stays.</summary>
    public JobPlan? Successor => _plans.Newest is { } newest && newest.Generation != Generation ? newest : null;

    /// <summary>The time of the last frame: the guardian's wall clock when the generation began, and the time of its steps since, s since 1970.</summary>
    public double NowSeconds => MitigationBook.SecondsOf(_context.BeganAt) + _clock.ElapsedSeconds;

    /// <summary>What a micro-batch takes the job now, s; NaN while unknown.</summary>
    public double SecondsPerUnit => _clock.StepSeconds is { } seconds ? seconds / TotalMicroBatches : double.NaN;

    /// <summary>The worker that has a slot in this generation; null where none has.</summary>
    public WorkerId? WorkerOf(int slot) => Array.Find(_ranks, rank => rank?.Slot == slot)?.Worker;

    /// <summary>What the worker of a slot computes on; null where none has it.</summary>
    public DeviceClass? ClassOf(int slot) => Array.Find(_ranks, rank => rank?.Slot == slot)?.DeviceClass;

    /// <summary>Whether every rank has left; every step is judged after the next <see cref="JudgeFrames"/>.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Takes a rank's place in the job.</summary>
    /// <returns>False where the rank names another world size, batch or number of slots than the job, or a slot that is not in it.</returns>
    public bool Enroll(RankEnrollment rank)
    {
        if (rank.WorldSize != WorldSize || rank.TotalMicroBatches != TotalMicroBatches || rank.Slots != Slots
            || (_planIsKnown && _plans.InForce.NumberOf(rank.Slot) < 0))
        {
            return false;
        }

        ref RankEnrollment? known = ref _ranks[rank.Rank.Value];
        if (known is null)
        {
            known = rank;
            if (++_enrolled == WorldSize)
            {
                BeginPlan();
                _detector = new JobDetector(
                    [.. _ranks.Select(member => new RankCohort(member!.Stage, member.DeviceClass))],
                    new JobDetectorOptions
                    {
                        MinimumEffect = _options.Detection.MinimumEffect,
                        Nodes = [.. _ranks.Select(member => member!.Worker.Node)],
                    });
            }
        }

        return true;
    }

    /// <summary>All ranks are known: so are the members, and which rank belongs to which of them.</summary>
    private void BeginPlan()
    {
        if (!_planIsKnown)
        {
            int[] slots = [.. _ranks.Select(rank => rank!.Slot).Distinct().Order()];
            int[] even = EvenDeal.Of(TotalMicroBatches, slots.Length);
            int[] shares = [.. Enumerable.Repeat(JobPlan.NotMember, Slots)];
            for (int i = 0; i < slots.Length; i++)
            {
                shares[slots[i]] = even[i];
            }

            _plans.BeginWith(new JobPlan(_plans.InForce.Epoch, Generation, shares));
        }

        for (int rank = 0; rank < WorldSize; rank++)
        {
            _numbers.Set(rank, _plans.InForce.NumberOf(_ranks[rank]!.Slot));
        }

        _members = new MemberView(_numbers, _ranks!, _plans.InForce.Members);
        _mitigation = new JobMitigation(_options, _context.Book, _members.Members, Slots);
    }

    /// <summary>Takes what is new of one rank. Nothing is judged before <see cref="JudgeFrames"/>.</summary>
    /// <param name="report">Of an enrolled rank.</param>
    public void Add(RankReport report)
    {
        foreach (ref readonly StepTiming timing in report.Timings.Span)
        {
            if (timing.Kind == TimingKind.SkewProbe)
            {
                _skew.Add(in timing);
            }
            else if (_assembler.Add(in timing) == FrameAdmission.Accepted)
            {
                ref long newestNs = ref _newestStartNs[timing.Rank.Value];
                newestNs = Math.Max(newestNs, timing.StartNs);
                _hangs.Note(timing.Rank, timing.Step);
            }
        }

        if (report.Failure is { } failure)
        {
            _failures.TryAdd(report.Enrollment.Rank, failure);
        }

        ref RankCounts counts = ref _counts[report.Enrollment.Rank.Value];
        bool leaves = report.Left && !counts.Left;
        counts = new RankCounts(report.Lost, report.Torn, report.SplitVotes, counts.Left || report.Left);
        _left += leaves ? 1 : 0;
        if (leaves && _left == WorldSize)
        {
            _assembler.Flush();
            HasEnded = true;
        }
    }

    /// <summary>
    /// Judges every frame that has closed. Called once a node's whole report is in: records of one rank alone, if there are more of them
    /// than the horizon is long, would close frames over the heads of its neighbours in the same report.
    /// </summary>
    /// <param name="observerComplaint">Why the guardian distrusts its own view now; null where it does not.</param>
    /// <param name="commit">Called before a decision has any effect.</param>
    public void JudgeFrames(string? observerComplaint, Commitment commit)
    {
        while (_assembler.TryTake(out StepFrame? frame))
        {
            Judge(frame, observerComplaint, commit);
        }

        if (_failures.Count > 0)
        {
            JudgeFailure(commit);
        }
    }

    /// <summary>Finds ranks that make no progress. Nothing is said once ranks have begun to leave.</summary>
    /// <param name="nowNs">The guardian's monotonic clock.</param>
    /// <param name="pausedNs">How long the guardian itself was away since it last looked; 0 where it was not.</param>
    public void LookForHangs(long nowNs, long pausedNs)
    {
        if (_left == 0)
        {
            _hangs.Look(nowNs, pausedNs, _verdicts);
        }
    }

    private void Judge(StepFrame frame, string? observerComplaint, Commitment commit)
    {
        if (_clock.Add(frame, _plans) is { } seconds && _mitigation?.StepTook(seconds) is { } grade)
        {
            Graded(grade, frame.Step, commit);
        }

        JobPlan before = _plans.InForce;
        _plans.Observe(frame, _numbers);
        _lastLag = _lag.Compute(frame, _skew.SkewNs);
        _lagStatistics.Add(in _lastLag, _lag.LagNs);
        if (_lastLag.LastArriver is { } last)
        {
            _waitCausedSeconds[last.Value] += _lastLag.WaitCausedNs * 1e-9;
        }

        _speeds.Observe(frame.Step, frame.ComputeNs, frame.WorkUnits, frame.Present);
        if (_detector is not { } detector || _members is not { } members)
        {
            // Whom the missing ranks are comparable with, and how much they may be dealt, is not known yet.
            _policyReason = $"{_enrolled} of {WorldSize} ranks have reported";
            return;
        }

        _events.Clear();
        detector.Update(frame, in _lastLag, _lag.LagNs, _events);
        foreach (DetectionEvent found in _events)
        {
            Conclude(in found, frame.Step, detector, commit);
        }

        SeePlan(before, frame.Step, commit);
        _mitigation!.Take(frame, members, _plans.InForce, _clock.OverheadSeconds ?? 0);
        Decide(frame.Step, observerComplaint, detector, members, commit);
    }

    /// <summary>A plan that this frame is the first to show is graded from here on.</summary>
    private void SeePlan(JobPlan before, long step, Commitment commit)
    {
        JobPlan plan = _plans.InForce;
        bool begins = !_planIsSeen && _context.Begun is not null;
        _planIsSeen = true;
        if (plan.Epoch == before.Epoch && !begins)
        {
            return;
        }

        PlanDecided? decided = _context.Book.Plan(plan.Epoch) ?? (begins ? _context.Begun : null);
        if (decided is null)
        {
            return;
        }

        if (!begins)
        {
            // A generation's first plan is put down by who opens its book.
            Commit(commit, _ => new PlanInForce(Job, Generation, step, plan.Epoch, $"every rank computes under it since step {step}"));
        }

        long onset = _verdicts.Flagged.IsEmpty ? step : FlaggedMembers(_members!).Min(flagged => flagged.OnsetStep);
        if (_mitigation!.InForce(
            plan, begins ? null : before, decided.Kind, decided.PredictedGain, step, Math.Min(onset, step),
            begins ? _context.FormerSecondsPerUnit : double.NaN) is { } superseded)
        {
            Graded(superseded, step, commit);
        }
    }

    private void Graded(PlanGrade grade, long step, Commitment commit)
    {
        Commit(commit, _ => new PlanGraded(
            Job, Generation, step, grade.Epoch, grade.Kind, RatioOf(grade.PredictedGain), RatioOf(grade.RealisedGain), grade.IsRolledBack,
            grade.Reason));
        if (grade.IsRolledBack && grade.Epoch == EpochInForce && _mitigation?.Former is { } former && _modes.At(step) == PolicyMode.Act)
        {
            Offer(
                new ScoredPlan(
                    new MitigationCandidate
                    {
                        Kind = grade.Kind,
                        Prediction = new MitigationPrediction(_clock.StepSeconds ?? 1, 1 / RatioOf(grade.RealisedGain)),
                        OneOffCostSeconds = 0,
                        OnsetSeconds = 0,
                        Reason = $"back to the plan of {former.Epoch}: {grade.Reason}",
                    },
                    Generation, former.Shares.ToArray(), former.DeadlineNs, former.Backups),
                $"back to the plan of {former.Epoch}: {grade.Reason}", step, commit);
        }
    }

    /// <summary>Time per sample before over after, from the share that is won.</summary>
    private static double RatioOf(double gain) => 1 / (1 - gain);

    private void Decide(
        long step, string? observerComplaint, JobDetector detector, MemberView members, Commitment commit)
    {
        PolicyMode mode = _modes.At(step);
        PolicyDecision rebalance = _policy.Decide(InputAt(step, mode, observerComplaint, members));
        _policyReason = rebalance.Reason;
        if (_options.Mitigation.Allowed == MitigationChoice.None
            || ViewAt(step, members, rebalance) is not { } view
            || _mitigation!.Decide(
                view, mode, observerComplaint, _plans.Offers.Pending, _plans.StepsSinceLastPlan(step),
                number => EvidenceOn(number, detector)) is not { HadCandidates: true } review)
        {
            return;
        }

        Follow(review, mode, step, commit);
    }

    /// <summary>Does what the policy said, or tells of it.</summary>
    private void Follow(JobMitigation.Review review, PolicyMode mode, long step, Commitment commit)
    {
        _policyReason = review.Decision.Reason;
        foreach (MitigationRefusal refusal in review.Decision.Refusals)
        {
            if (mode != PolicyMode.Observe && IsOfWeight(refusal.Cause) && _context.Book.IsNews(Generation, refusal))
            {
                Commit(commit, _ => new MitigationRefused(Job, Generation, step, refusal.Kind, refusal.Reason));
            }
        }

        if (review.Decision is not MitigationDecision.Propose propose || review.Plan is not { } plan)
        {
            return;
        }

        if (propose.Acted)
        {
            Offer(plan, propose.Reason, step, commit);
        }
        else if (mode == PolicyMode.Advise)
        {
            string advice = $"{propose.Candidate.Kind} {string.Join(' ', plan.Shares)} {plan.DeadlineNs} {plan.Backups}";
            if (advice != _advised)
            {
                _advised = advice;
                Commit(commit, _ => new MitigationAdvised(Job, Generation, step, propose.Candidate.Kind, plan.Shares, propose.Reason));
            }
        }
    }

    /// <summary>Whether a refusal is something to keep, and not a matter of the next steps.</summary>
    private static bool IsOfWeight(RefusalCause cause) => cause is RefusalCause.PlannerObjects or RefusalCause.KindAtRest
        or RefusalCause.AlwaysLate or RefusalCause.NoTail or RefusalCause.DestructiveBrake or RefusalCause.ProbeDisagrees
        or RefusalCause.Floor or RefusalCause.BudgetSpent or RefusalCause.OnProbation or RefusalCause.GateClosed;

    /// <summary>The group came to its end: those that are left go on without who ended it, if the policy lets them.</summary>
    private void JudgeFailure(Commitment commit)
    {
        if (Successor is not null || _failureJudged || _members is not { } members || _mitigation is not { } mitigation)
        {
            return;
        }

        GroupFailure failure = _failures.Values.First();
        int[] culprits = [.. failure.Culprits.Where(rank => rank.Value < WorldSize).Select(rank => _numbers[rank.Value]).Distinct().Order()];
        long step = Math.Max(0, _clock.LastStep);
        if (culprits.Length == 0 || ViewAt(step, members, new PolicyDecision.Hold(HoldCause.LittleEvidence, failure.Reason)) is not { } view)
        {
            return;
        }

        _failureJudged = true;
        foreach (Rank culprit in failure.Culprits)
        {
            Commit(commit, _ => new HangFound(Job, Generation, step, culprit, failure.Reason));
        }

        PolicyMode mode = _modes.At(step);
        if (mitigation.DecideRestart(view, mode, culprits, failure.Reason) is { } review)
        {
            Follow(review, mode, step, commit);
        }
    }

    private DeskView? ViewAt(long step, MemberView members, PolicyDecision rebalance)
    {
        double seconds = _clock.StepSeconds ?? 0;
        return seconds > 0
            ? new DeskView
            {
                Step = step,
                NowSeconds = NowSeconds,
                InForce = _plans.InForce,
                Members = members,
                SecondsPerUnit = members.Slowest(_secondsPerUnit),
                CommonSeconds = _clock.OverheadSeconds ?? 0,
                StepSeconds = seconds,
                Rebalance = rebalance,
                Flagged = FlaggedMembers(members),
                Standby = _context.Standby,
                Classes = members.Classes,
            }
            : null;
    }

    private List<(int Number, long OnsetStep)> FlaggedMembers(MemberView members)
    {
        var flagged = new SortedDictionary<int, long>();
        foreach (Rank rank in _verdicts.Flagged.Span)
        {
            int number = _numbers[rank.Value];
            long onset = _verdicts.Standing(rank.Value)!.OnsetStep;
            flagged[number] = Math.Min(onset, flagged.GetValueOrDefault(number, long.MaxValue));
        }

        return [.. flagged.Select(pair => (pair.Key, pair.Value))];
    }

    /// <summary>What is known against a member: that of its ranks which is known best.</summary>
    private ReplicaEvidence EvidenceOn(int number, JobDetector detector)
    {
        Rank? doubted = null;
        foreach (Rank rank in _verdicts.Flagged.Span)
        {
            if (_numbers[rank.Value] == number)
            {
                doubted = doubted is null || detector.IsBeyondDoubt(rank) ? rank : doubted;
            }
        }

        return new ReplicaEvidence
        {
            Replica = _plans.InForce.MemberSlots[number],
            IsBeyondDoubt = doubted is { } sure && detector.IsBeyondDoubt(sure),
            GateReason = doubted is { } known ? detector.DescribeDoubt(known) : "",
        };
    }

    private void Conclude(in DetectionEvent found, long step, JobDetector detector, Commitment commit)
    {
        string reason = VerdictWriter.Describe(in found, found.Rank is { } rank ? detector.CohortOf(rank) : default);
        switch (found.Kind)
        {
            case DetectionEventKind.StragglerConfirmed:
                Verdict verdict = VerdictWriter.Write(in found, detector);
                _verdicts.Raise(verdict);
                _changes.Onset(in found);
                _speeds.Restart(found.Rank!.Value, found.OnsetStep);
                Commit(commit, _ => new StragglerFound(Job, Generation, step, verdict));
                break;
            case DetectionEventKind.StragglerRecovered:
                Rank recovered = found.Rank!.Value;
                _verdicts.Clear(recovered);
                _changes.Recovery(in found);
                _speeds.Restart(recovered, found.ChangedAtStep);
                Commit(commit, _ => new StragglerCleared(Job, Generation, step, recovered, reason));
                break;
            case DetectionEventKind.CommonShiftDetected:
                Commit(commit, _ => new CommonShiftSeen(Job, Generation, step, reason));
                break;
            case DetectionEventKind.JobLevelChanged:
                _changes.Level(in found);
                break;
            case DetectionEventKind.FindingRaised:
                _verdicts.Raise(VerdictWriter.Write(in found, detector));
                break;
        }
    }

    private PolicyInput InputAt(long step, PolicyMode mode, string? observerComplaint, MemberView members)
    {
        _speeds.CopyEstimates(_secondsPerUnit);
        int recent = _speeds.CopyFrames(_recentSecondsPerUnit);
        return new PolicyInput
        {
            Mode = mode,
            Step = step,
            InForce = _plans.InForce.Deal,
            SecondsPerUnit = members.Slowest(_secondsPerUnit),
            Lowest = members.Lowest,
            Highest = members.Highest,
            CommonStepSeconds = _clock.OverheadSeconds ?? 0,
            RecentSecondsPerUnit = members.SlowestInEach(_recentSecondsPerUnit.AsMemory(0, recent)),
            StepsSinceLastPlan = _plans.StepsSinceLastPlan(step),
            FlaggedRanks = members.Flagged(_verdicts.Flagged),
            Former = _plans.Former is { } former ? former.Deal.MicroBatches.ToArray() : default,
            PendingPlan = _plans.Offers.Pending,
            ObserverComplaint = observerComplaint,
        };
    }

    /// <summary>Into the ledger, and from there on its way.</summary>
    private void Offer(ScoredPlan plan, string reason, long step, Commitment commit)
    {
        MitigationCandidate candidate = plan.Candidate;
        JobPlan? decided = null;
        bool committed = Commit(commit, sequence =>
        {
            var epoch = new PlanEpoch(sequence);
            if (_plans.Offers.MayOffer(epoch, out string refusal))
            {
                decided = plan.Under(epoch);
                return new PlanDecided(
                    Job, Generation, step, candidate.Kind, decided, candidate.Prediction.StepSeconds, candidate.Prediction.SamplesPerSecondRatio,
                    reason)
                {
                    Moves = MovesUnder(decided),
                };
            }

            return _plans.Offers.Pending is null && _plans.Offers.InForce.Value - sequence <= NumbersSkippedMax
                ? new NumberSkipped(Job, Generation, step, refusal)
                : null;
        });
        if (committed && decided is not null)
        {
            _plans.Decide(candidate.Kind, decided, step, !_verdicts.Flagged.IsEmpty, candidate.Prediction.StepSeconds, reason);
            _plansDecided++;
            _predictedGain = candidate.Prediction.Gain;
        }
    }

    /// <summary>Who leaves or comes back under a plan: of a replica of several ranks its first one's worker.</summary>
    private List<WorkerMove> MovesUnder(JobPlan plan)
    {
        List<WorkerMove> moves = [];
        for (int slot = 0; slot < Slots; slot++)
        {
            bool leaves = plan.Shares[slot] == JobPlan.NotMember;
            if (leaves == (_plans.InForce.Shares[slot] == JobPlan.NotMember))
            {
                continue;
            }

            StandbyReport? waiting = _context.Standby.GetValueOrDefault(slot);
            WorkerEvicted? left = _context.Book.Evicted.GetValueOrDefault(slot);
            if ((leaves ? WorkerOf(slot) : waiting?.Worker ?? left?.Worker) is { } worker)
            {
                moves.Add(new WorkerMove(slot, worker, (leaves ? null : left?.Pool) ?? (leaves ? ClassOf(slot) : waiting?.DeviceClass)?.Name ?? "unknown"));
            }
        }

        return moves;
    }

    private bool Commit(Commitment commit, Func<long, LedgerDecision?> decide)
    {
        if (commit(decide) is not { } entry)
        {
            return false;
        }

        _context.Book.Apply(entry);
        return true;
    }

    /// <summary>Takes over a plan that another guardian decided for this generation.</summary>
    /// <returns>Whether it is one to wait for: of this job's shape, and newer than what is in force.</returns>
    public bool TakeOver(PlanDecided plan)
    {
        bool taken = plan.Plan.Slots == Slots
            && plan.Plan.Total == TotalMicroBatches
            && _plans.TakeOver(plan.Kind, plan.Plan, plan.Step, !_verdicts.Flagged.IsEmpty, plan.PredictedStepSeconds, plan.Reason);
        _plansDecided += taken ? 1 : 0;
        return taken;
    }

    /// <summary>What is known now.</summary>
    public JobStatus Status() => new()
    {
        Job = Job,
        Generation = Generation,
        Mode = _modes.At(Math.Max(0, _lastLag.Step)),
        LastStep = _clock.LastStep,
        Epoch = EpochInForce,
        StepSeconds = _clock.StepSeconds,
        OverheadSeconds = _clock.OverheadSeconds,
        ExitSkewSeconds = _skew.SkewNs * 1e-9,
        Frames = _assembler.Counters,
        RecordsLost = _counts.Sum(counts => counts.Lost),
        RecordsTorn = _counts.Sum(counts => counts.Torn),
        SplitVotes = _counts.Max(counts => counts.SplitVotes),
        LatenessSeconds = _clock.SecondsBehind(_newestStartNs),
        TransferSeconds = _clock.LastStep < 0 ? null : _lastLag.TransferNs * 1e-9,
        Ranks = [.. Enumerable.Range(0, WorldSize).Where(rank => _ranks[rank] is not null).Select(StatusOf)],
        Verdicts = _verdicts.Raised,
        Changes = _changes.Seen,
        Plans = _plans.Statuses(),
        PlansDecided = _plansDecided,
        PredictedGain = _predictedGain,
        PolicyReason = _policyReason,
    };

    private RankStatus StatusOf(int rank)
    {
        LagSummary lag = _lagStatistics.Summarize(new Rank(rank));
        return new RankStatus(
            new Rank(rank), _ranks[rank]!.Worker, _ranks[rank]!.DeviceClass,
            _members is null ? 0 : _plans.InForce.Deal.MicroBatches[_numbers[rank]],
            _speeds.SecondsPerUnit(new Rank(rank)), lag.P50Ns * 1e-9, lag.P95Ns * 1e-9, lag.P99Ns * 1e-9, lag.LastShare,
            _waitCausedSeconds[rank], _detector?.StateOf(new Rank(rank)).Slowdown, _verdicts.Standing(rank));
    }

    private readonly record struct RankCounts(long Lost, long Torn, long SplitVotes, bool Left);
}
