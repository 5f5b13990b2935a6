using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Guardian;

/// <summary>
/// One generation of one job as the guardian sees it: a fold over reports. Records become step frames, and every frame goes
/// frame → lag → verdict → speed → plan → policy, each a pure part of Core.
/// </summary>
/// <remarks>No clock and no thread: the same reports in the same order give the same decisions, live or replayed.</remarks>
internal sealed partial class JobJudge
{
    private const int CatchUpStepsMax = 4_096;

    /// <summary>
    /// Once one rank of so many is known the job takes memory for every rank, by the kilobyte: not before, or one rank that names a world of a million
    /// had it taken.
    /// </summary>
    private const int EnrolledShare = 64;

    private readonly RankEnrollment?[] _ranks;
    private readonly RankCounts[] _counts;
    private readonly ModeSchedule _modes;
    private readonly JobContext _context;
    private readonly SortedDictionary<Rank, GroupFailure> _failures = [];
    private readonly StragglerGuardOptions _options;
    private readonly StepFrameAssembler _assembler;
    private readonly CatchUpWait _catchUp;
    private readonly ExitSkewEstimator _skew;
    private readonly LagCalculator _lag;
    private readonly StepClock _clock;
    private readonly DetectionEvents _events = new();
    private readonly PlanHistory _plans;
    private readonly VerdictBook _verdicts;
    private readonly ChangeBook _changes = new();
    private readonly HangWatch _hangs;
    private readonly TrialBook _trials;
    private readonly double[] _waitCausedSeconds;
    private readonly long[] _newestStartNs;
    private readonly ReplicaNumbers _numbers;
    private readonly bool _planIsKnown;
    private readonly int _backlogSteps;
    private LagStatistics? _lagStatistics;
    private SpeedEstimator? _speeds;
    private JobDetector? _detector;
    private MitigationLoop? _loop;
    private LagSample _lastLag;
    private string _policyReason = "no step judged yet";
    private long _firstStep = long.MaxValue;
    private bool _isBegun;
    private bool _isInMidst;
    private bool _isWaitKnown;
    private int _enrolled;
    private int _left;

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
        _backlogSteps = (int)Math.Clamp(_context.BacklogRecords / WorldSize, 1, CatchUpStepsMax);
        _assembler = new StepFrameAssembler(WorldSize, Generation, options.Guardian.HorizonSteps) { StepsBehindMax = _backlogSteps };
        _catchUp = new CatchUpWait(_assembler);
        _skew = new ExitSkewEstimator(WorldSize, Generation);
        _lag = new LagCalculator(WorldSize);
        _clock = new StepClock(WorldSize);
        Slots = first.Slots;
        _planIsKnown = plan is not null;
        _plans = new PlanHistory(plan ?? JobPlan.Even(TotalMicroBatches, Slots, Generation));
        _numbers = new ReplicaNumbers(WorldSize);
        _verdicts = new VerdictBook(WorldSize);
        _waitCausedSeconds = new double[WorldSize];
        _newestStartNs = new long[WorldSize];
        _hangs = new HangWatch(WorldSize);
        _trials = new TrialBook(WorldSize);
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
    public double NowSeconds => _context.SecondsAfter(_clock.ElapsedSeconds);

    /// <summary>What a micro-batch takes the job since a plan or a verdict last changed, s; NaN while unknown.</summary>
    public double SecondsPerUnit => (_loop?.StepSecondsSinceChange ?? double.NaN) / TotalMicroBatches;

    /// <summary>The worker that has a slot in this generation; null where none has.</summary>
    public WorkerId? WorkerOf(int slot) => Array.Find(_ranks, rank => rank?.Slot == slot)?.Worker;

    /// <summary>What the worker of a slot computes on; null where none has it.</summary>
    public DeviceClass? ClassOf(int slot) => Array.Find(_ranks, rank => rank?.Slot == slot)?.DeviceClass;

    /// <summary>Whether every rank has left; every step is judged after the next <see cref="JudgeFrames"/>.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Whether any rank that left did so for another generation.</summary>
    public bool Regroups { get; private set; }

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
            _enrolled++;
            if (_lagStatistics is null && (long)_enrolled * EnrolledShare >= WorldSize)
            {
                // While little is there yet that a collection of the heap would have to go through.
                _lagStatistics = new LagStatistics(WorldSize, _options.Guardian.LagWindowSteps);
                _speeds = new SpeedEstimator(WorldSize);
            }

            if (_enrolled == WorldSize)
            {
                Begin();
            }
        }

        return true;
    }

    /// <summary>All ranks are known: so are the members, which rank belongs to which of them, and whom each is comparable with.</summary>
    private void Begin()
    {
        RankEnrollment[] ranks = _ranks!;
        _assembler.StepsBehindMax = int.MaxValue;
        if (!_planIsKnown)
        {
            int[] slots = [.. ranks.Select(rank => rank.Slot).Distinct().Order()];
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
            _numbers.Set(rank, _plans.InForce.NumberOf(ranks[rank].Slot));
        }

        _detector = new JobDetector(
            [.. ranks.Select(member => new RankCohort(member.Stage, member.DeviceClass))],
            new JobDetectorOptions
            {
                MinimumEffect = _options.Detection.MinimumEffect,
                Nodes = [.. ranks.Select(member => member.Worker.Node)],
            });
        var known = new GenerationKnowledge
        {
            Job = Job,
            Generation = Generation,
            Slots = Slots,
            TotalMicroBatches = TotalMicroBatches,
            Ranks = ranks,
            Numbers = _numbers,
            Members = new MemberView(_numbers, ranks, _plans.InForce.Members),
            Plans = _plans,
            Clock = _clock,
            Speeds = _speeds!,
            Verdicts = _verdicts,
            Detector = _detector,
            Trials = _trials,
            MinimumEffect = _options.Detection.MinimumEffect,
        };
        _loop = new MitigationLoop(known, _context, _modes, _options);
    }

    /// <summary>Takes what is new of one rank. Nothing is judged before <see cref="JudgeFrames"/>.</summary>
    /// <param name="report">Of an enrolled rank.</param>
    public void Add(RankReport report)
    {
        AddTimings(report, from: 0, throughStep: long.MaxValue, framesMax: int.MaxValue);
        Note(report);
    }

    /// <summary>Takes some records of one rank, one at least.</summary>
    /// <param name="report">Of an enrolled rank.</param>
    /// <param name="from">The first record that was not taken yet.</param>
    /// <param name="throughStep">Records of later steps are left for another time.</param>
    /// <param name="framesMax">Once more frames are open than these the rest is left, too: frames are to be judged first.</param>
    /// <returns>The first record that is left; as many as there are where none is.</returns>
    public int AddTimings(RankReport report, int from, long throughStep, int framesMax)
    {
        ReadOnlySpan<StepTiming> timings = report.Timings.Span;
        if (!_isBegun && FirstStepIn(timings) is { } first)
        {
            BeginWith(first);
        }

        int next = from;
        while (next < timings.Length && (next == from || (timings[next].Step <= throughStep && _assembler.OpenFrames <= framesMax)))
        {
            Add(in timings[next++]);
        }

        return next;
    }

    private static long? FirstStepIn(ReadOnlySpan<StepTiming> timings)
    {
        foreach (ref readonly StepTiming timing in timings)
        {
            if (timing.Kind == TimingKind.Step)
            {
                return timing.Step;
            }
        }

        return null;
    }

    private void BeginWith(long step)
    {
        _isBegun = true;
        if (step > _assembler.HorizonSteps)
        {
            // In the midst of a job: the agents have kept what no guardian took.
            _assembler.BeginCatchUp(_backlogSteps);
        }

        // A job that begins anew under its old name has nothing to do with what was found then.
        _isInMidst = step > 0;
        if (_isInMidst)
        {
            new InheritedVerdicts(_context.Book, Generation, WorldSize).PutDown(_verdicts, _changes);
        }
    }

    private void Add(in StepTiming timing)
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

    /// <summary>Takes what a rank says of itself, after all of its records.</summary>
    public void Note(RankReport report)
    {
        if (report.Trial is { } trial)
        {
            _trials.Note(report.Enrollment.Rank, trial);
        }

        _detector?.NoteDevice(report.Enrollment.Rank, report.Device);
        if (report.Failure is { } failure)
        {
            _failures.TryAdd(report.Enrollment.Rank, failure);
        }

        ref RankCounts counts = ref _counts[report.Enrollment.Rank.Value];
        bool leaves = report.Left && !counts.Left;
        counts = new RankCounts(report.Lost, report.Torn, report.SplitVotes, counts.Left || report.Left);
        _left += leaves ? 1 : 0;
        Regroups |= report is { Left: true, Regroups: true };
        if (leaves && _left == WorldSize)
        {
            _assembler.Flush();
            HasEnded = true;
        }
    }

    /// <summary>
    /// Judges every frame that has closed. Called once a node's whole report is in, or so many steps of all of its ranks: records of one rank alone, if
    /// there are more of them than the horizon is long, would close frames over the heads of its neighbours in the same report.
    /// </summary>
    /// <param name="observerComplaint">Why the guardian distrusts its own view now; null where it does not.</param>
    /// <param name="commit">Called before a decision has any effect.</param>
    public void JudgeFrames(string? observerComplaint, Commitment commit)
    {
        while (_assembler.TryTake(out StepFrame? frame))
        {
            Judge(frame, observerComplaint, commit);
        }

        if (_failures.Count > 0 && _failures.Values.FirstOrDefault(failure => failure.Culprits.Count > 0) is { } known)
        {
            _loop?.JudgeFailure(known, Successor, commit);
        }
    }

    /// <summary>Finds ranks that make no progress. Nothing is said once ranks have begun to leave.</summary>
    /// <param name="nowNs">The guardian's monotonic clock.</param>
    /// <param name="pausedNs">How long the guardian itself was away since it last looked; 0 where it was not.</param>
    public void LookForHangs(long nowNs, long pausedNs)
    {
        _catchUp.Look(nowNs, pausedNs);
        if (_left == 0)
        {
            _hangs.Look(nowNs, pausedNs, _verdicts);
        }
    }

    private void Judge(StepFrame frame, string? observerComplaint, Commitment commit)
    {
        if (_clock.Add(frame, _plans) is { } seconds)
        {
            _loop?.StepTook(seconds, frame.Step, commit);
        }

        _firstStep = Math.Min(_firstStep, frame.Step);
        _plans.Observe(frame, _numbers);
        _lastLag = _lag.Compute(frame, _skew.SkewNs);
        _lagStatistics?.Add(in _lastLag, _lag.LagNs);
        _isWaitKnown |= _lastLag.Standing is LagStanding.Counts or LagStanding.BelowGate or LagStanding.Tied or LagStanding.SingleRank;
        if (_lastLag.LastArriver is { } last)
        {
            _waitCausedSeconds[last.Value] += _lastLag.WaitCausedNs * 1e-9;
        }

        _speeds?.Observe(frame.Step, frame.ComputeNs, frame.WorkUnits, frame.Present);
        if (_detector is not { } detector || _loop is not { } loop)
        {
            // Whom the missing ranks are comparable with, and how much they may be dealt, is not known yet.
            _policyReason = $"{_enrolled} of {WorldSize} ranks have reported";
            return;
        }

        _events.Clear();
        if (detector.Step < 0)
        {
            InheritedVerdicts.GoOn(_verdicts, detector);
        }

        detector.Update(frame, in _lastLag, _lag.LagNs, _events);
        foreach (DetectionEvent found in _events)
        {
            Conclude(in found, frame.Step, detector, loop, commit);
        }

        loop.Take(frame, observerComplaint, commit);
    }

    private void Conclude(in DetectionEvent found, long step, JobDetector detector, MitigationLoop loop, Commitment commit)
    {
        string reason = VerdictWriter.Describe(in found, found.Rank is { } rank ? detector.CohortOf(rank) : default);
        switch (found.Kind)
        {
            case DetectionEventKind.StragglerConfirmed:
                Verdict verdict = VerdictWriter.Write(in found, detector);
                _verdicts.Raise(verdict);
                _changes.Onset(verdict);
                _speeds!.Restart(found.Rank!.Value, found.OnsetStep);
                Put(commit, new StragglerFound(Job, Generation, step, verdict));
                loop.VerdictChanged(step, commit);
                break;
            case DetectionEventKind.StragglerRecovered:
                Rank recovered = found.Rank!.Value;
                _verdicts.Clear(recovered);
                _changes.Recovery(recovered, found.ChangedAtStep, found.RaisedAtStep, found.Slowdown);
                _speeds!.Restart(recovered, found.ChangedAtStep);
                Put(commit, new StragglerCleared(Job, Generation, step, recovered, reason) { FromStep = found.ChangedAtStep, Slowdown = found.Slowdown });
                loop.VerdictChanged(step, commit);
                break;
            case DetectionEventKind.CommonShiftDetected:
                commit(_ => new CommonShiftSeen(Job, Generation, step, reason));
                break;
            case DetectionEventKind.JobLevelChanged:
                _changes.Level(in found);
                break;
            case DetectionEventKind.FindingRaised:
                _verdicts.Raise(VerdictWriter.Write(in found, detector));
                break;
        }
    }

    /// <summary>Into the ledger, and from there into the book.</summary>
    private void Put(Commitment commit, LedgerDecision finding)
    {
        if (commit(_ => finding) is { } entry)
        {
            _context.Book.Apply(entry);
        }
    }

    /// <summary>Takes over a plan that another guardian decided for this generation.</summary>
    /// <returns>Whether it is one to wait for: of this job's shape, and newer than what is in force.</returns>
    public bool TakeOver(PlanDecided plan)
    {
        return plan.Plan.Slots == Slots
            && plan.Plan.Total == TotalMicroBatches
            && _plans.TakeOver(plan.Kind, plan.Plan, plan.Step, !_verdicts.Flagged.IsEmpty, plan.PredictedStepSeconds, plan.Reason);
    }

    /// <summary>Takes over what another guardian saw of a plan.</summary>
    public void TakeOver(PlanInForce seen) => _plans.TakeOver(seen);

    /// <summary>Takes over what another guardian made of a plan.</summary>
    public void TakeOver(PlanGraded graded) => _plans.Grade(graded.Epoch, graded.RealisedGain);

    /// <summary>Whether every rank has been heard of.</summary>
    public bool IsComplete => _enrolled == WorldSize;

    /// <summary>How many records' room the generation keeps to itself now for frames that wait for ranks, of all that a guardian has for it.</summary>
    public long BacklogRecords => IsComplete && _isBegun && !_assembler.IsCatchingUp ? 0 : (long)_backlogSteps * WorldSize;

    /// <summary>Steps of a report that are taken at a time.</summary>
    public int BatchSteps => _assembler.BatchSteps;

    /// <summary>Frames that may be open before some are to be judged.</summary>
    public int OpenFramesMax => _assembler.OpenFramesMax;

    private readonly record struct RankCounts(long Lost, long Torn, long SplitVotes, bool Left);
}
