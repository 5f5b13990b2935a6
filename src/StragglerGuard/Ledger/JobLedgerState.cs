using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;

namespace StragglerGuard.Ledger;

/// <summary>A plan that the ledger has.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Plan">The plan; its epoch is the number of its entry.</param>
/// <param name="DecidedIn">The membership that decided it.</param>
/// <param name="DecidedAtStep">The last step that the decision knew of.</param>
/// <param name="DecidedAt">By the wall clock of who decided it.</param>
/// <param name="PredictedStepSeconds">s; NaN where nothing was predicted.</param>
/// <param name="PredictedGain">Throughput over that before; NaN where nothing was predicted.</param>
public sealed record LedgerPlan(
    MitigationKind Kind, JobPlan Plan, Generation DecidedIn, long DecidedAtStep, DateTimeOffset DecidedAt, double PredictedStepSeconds,
    double PredictedGain)
{
    /// <summary>The first step under it; null before it is in force, and where no guardian saw the switch.</summary>
    public long? InForceSinceStep { get; init; }

    /// <summary>Its last grading; null before there is one.</summary>
    public PlanGraded? Grading { get; init; }
}

/// <summary>A worker's absence from its job.</summary>
/// <param name="Worker">Who.</param>
/// <param name="Replica">The slot that it left.</param>
/// <param name="Pool">Where it went.</param>
/// <param name="Since">When, by the wall clock of who decided it.</param>
/// <param name="Sequence">The number of the entry.</param>
/// <param name="ReadmittedAt">When it came back; null while it is away.</param>
public sealed record WorkerAbsence(WorkerId Worker, int Replica, string Pool, DateTimeOffset Since, long Sequence, DateTimeOffset? ReadmittedAt = null);

/// <summary>A kind of mitigation that did not keep what it promised, and has not proved itself since.</summary>
/// <param name="RolledBackAt">When its last plan was graded so, by the wall clock of who decided it.</param>
/// <param name="Step">The last step that was counted then.</param>
/// <param name="Times">How often in a row.</param>
public sealed record RestingKind(DateTimeOffset RolledBackAt, long Step, int Times);

/// <summary>What the ledger says about one job. Every property is as of the last entry that was folded in.</summary>
public sealed class JobLedgerState
{
    private readonly Dictionary<PlanEpoch, LedgerPlan> _onTheirWay = [];
    private readonly List<WorkerAbsence> _absences = [];
    private readonly Dictionary<MitigationKind, RestingKind> _resting = [];
    private readonly Dictionary<string, LedgerEntry> _actuations = new(StringComparer.Ordinal);
    private readonly HashSet<string> _succeeded = new(StringComparer.Ordinal);

    internal JobLedgerState(JobId job) => Job = job;

    /// <summary>The job.</summary>
    public JobId Job { get; }

    /// <summary>The mode that it was last put into; null where the ledger says nothing.</summary>
    public PolicyMode? Mode { get; private set; }

    /// <summary>The first step under <see cref="Mode"/>.</summary>
    public long ModeSinceStep { get; private set; }

    /// <summary>The newest membership that any entry names.</summary>
    public Generation NewestGeneration { get; private set; }

    /// <summary>The last plan that was decided; null where none was.</summary>
    public LedgerPlan? Decided { get; private set; }

    /// <summary>The plan that all ranks last switched to; null where they never did.</summary>
    public LedgerPlan? InForce { get; private set; }

    /// <summary>The plan that is decided and on its way to the ranks; null where none is.</summary>
    /// <remarks>A plan for a membership that has ended meanwhile is on its way no longer.</remarks>
    public LedgerPlan? Pending =>
        Decided is { } plan && plan.Plan.Epoch > (InForce?.Plan.Epoch ?? PlanEpoch.Initial) && plan.Plan.Generation.Value >= NewestGeneration.Value
            ? plan
            : null;

    /// <summary>The last grading of any plan; null where there was none.</summary>
    public PlanGraded? LastGrading { get; private set; }

    /// <summary>The slots of the plan in force that are in the job, ascending; empty where none was in force.</summary>
    public IReadOnlyList<int> MemberSlots => InForce is { } plan ? plan.Plan.MemberSlots.ToArray() : [];

    /// <summary>Every absence of a worker, in the order of its begin; those that are over, too.</summary>
    public IReadOnlyList<WorkerAbsence> Absences => _absences;

    /// <summary>The workers that are away now, by who.</summary>
    public IReadOnlyDictionary<WorkerId, WorkerAbsence> Evicted =>
        _absences.Where(absence => absence.ReadmittedAt is null).ToDictionary(absence => absence.Worker);

    /// <summary>Kinds whose last plan with a grade was rolled back, or brought less than it should; one that can't be graded says nothing.</summary>
    public IReadOnlyDictionary<MitigationKind, RestingKind> Resting => _resting;

    /// <summary>
    /// Actions that were asked for and have not come to an end, by their key. One that was given up is due again when it is asked for again;
    /// one that succeeded is not: a repeated request of it is no new one.
    /// </summary>
    public IReadOnlyDictionary<string, LedgerEntry> DueActuations => _actuations;

    /// <summary>Who is in charge; null where the ledger says nothing.</summary>
    public string? Guardian { get; private set; }

    /// <summary>The number of the last entry about this job.</summary>
    public long LastSequence { get; private set; }

    /// <summary>Evictions within a time before another, for the budget.</summary>
    /// <param name="now">Before when. Evictions that seem later, since a clock was set back, count, too.</param>
    /// <param name="within">How long before, 0 or more; one that is exactly so old counts no longer.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative.</exception>
    public int EvictionsWithin(DateTimeOffset now, TimeSpan within)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(within, TimeSpan.Zero);
        return _absences.Count(absence => now - absence.Since < within);
    }

    internal void Apply(LedgerEntry entry)
    {
        LastSequence = entry.Sequence;
        if (entry.Decision.Generation.Value > NewestGeneration.Value)
        {
            NewestGeneration = entry.Decision.Generation;
        }

        switch (entry.Decision)
        {
            case PlanDecided plan:
                Decided = new LedgerPlan(
                    plan.Kind, plan.Plan, plan.Generation, plan.Step, entry.At, plan.PredictedStepSeconds, plan.PredictedGain);
                _onTheirWay[plan.Plan.Epoch] = Decided;
                break;
            case PlanInForce plan:
                Switch(plan);
                break;
            case PlanGraded grading:
                Grade(entry, grading);
                break;
            case WorkerEvicted worker:
                Return(worker.Worker, entry.At);
                _absences.Add(new WorkerAbsence(worker.Worker, worker.Replica, worker.Pool, entry.At, entry.Sequence));
                break;
            case WorkerReadmitted worker:
                Return(worker.Worker, entry.At);
                break;
            case ModeChanged mode:
                (Mode, ModeSinceStep) = (mode.Mode, mode.Step);
                break;
            case GuardianTookOver guardian:
                Guardian = guardian.Guardian;
                break;
            case ActuationRequested action when !_succeeded.Contains(action.ActionKey):
                _actuations.TryAdd(action.ActionKey, entry);
                break;
            case ActuationDone action:
                _actuations.Remove(action.ActionKey);
                if (action.Succeeded)
                {
                    _succeeded.Add(action.ActionKey);
                }

                break;
        }
    }

    private void Switch(PlanInForce to)
    {
        // A plan that was overtaken before it came into force is still the one that the ranks are told to hold.
        if (!_onTheirWay.TryGetValue(to.Epoch, out LedgerPlan? plan))
        {
            return;
        }

        InForce = plan with { InForceSinceStep = to.IsAtLatest ? null : to.Step };
        Decided = Decided?.Plan.Epoch == to.Epoch ? InForce : Decided;
        foreach (PlanEpoch older in _onTheirWay.Keys.Where(epoch => epoch <= to.Epoch).ToList())
        {
            _onTheirWay.Remove(older);
        }
    }

    private void Grade(LedgerEntry entry, PlanGraded grading)
    {
        LastGrading = grading;
        if (Decided?.Plan.Epoch == grading.Epoch)
        {
            Decided = Decided with { Grading = grading };
        }

        if (InForce?.Plan.Epoch == grading.Epoch)
        {
            InForce = InForce with { Grading = grading };
        }

        if (grading.KindRests || grading.RolledBack)
        {
            _resting[grading.Kind] = new RestingKind(entry.At, grading.Step, 1 + (_resting.TryGetValue(grading.Kind, out RestingKind? before) ? before.Times : 0));
        }
        else if (!double.IsNaN(grading.RealisedGain))
        {
            _resting.Remove(grading.Kind);
        }
    }

    /// <summary>Ends a worker's absence; one that is evicted twice in a row left twice, and is away once.</summary>
    private void Return(WorkerId worker, DateTimeOffset at)
    {
        int open = _absences.FindLastIndex(absence => absence.Worker == worker && absence.ReadmittedAt is null);
        if (open >= 0)
        {
            _absences[open] = _absences[open] with { ReadmittedAt = at };
        }
    }
}
