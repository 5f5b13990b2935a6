using System.Text.Json;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Simulation;

/// <summary>The guardian's own judge, ledger and policy in the loop: it hears what agents would report, and its plans come into force as they would.</summary>
internal sealed class GuardedSchedule : ISchedule, IDisposable
{
    private readonly ReportRounds _rounds;
    private readonly PlanDelivery _delivery;
    private readonly InMemoryLedger _ledger = new();
    private readonly LedgerPlace _place;
    private readonly JobRoster _roster;
    private readonly GuardInstruments _instruments = new();
    private readonly long _regroupNs;
    private GuardedJob _job;
    private FaultState? _faults;
    private readonly List<Written> _written = [];
    private readonly Dictionary<long, Tally> _ofEpochs = [];
    private readonly Dictionary<long, long> _firstSteps = [];
    private readonly HashSet<long> _outlived = [];
    private long _epoch;
    private long _nowNs;

    /// <summary>Enrols every rank.</summary>
    public GuardedSchedule(Scenario scenario, StepDraws draws)
    {
        _rounds = new ReportRounds(scenario, draws);
        _delivery = new PlanDelivery(VirtualPlan.Even(scenario));
        PolicyMode mode = scenario.Mitigations == ScenarioMitigations.None ? PolicyMode.Observe : scenario.Guard.Mode;
        _roster = new JobRoster(scenario.Guard with { Mode = mode }, _instruments);
        _place = new LedgerPlace(_ledger, _ => { });
        _regroupNs = VirtualFleet.Nanoseconds(scenario.Guard.Mitigation.RegroupSeconds);
        _job = BeginGeneration();
    }

    /// <summary>What was decided, in order.</summary>
    public IReadOnlyList<SimulatedDecision> Decisions => [.. _written.Select(Describe)];

    /// <summary>Why nothing more is done, at the end.</summary>
    public string PolicyReason => _job.Judge.Status().PolicyReason;

    /// <inheritdoc/>
    public VirtualPlan PlanOf(long step, long beginNs, FaultState faults, bool changed, out long pauseNs)
    {
        if (changed)
        {
            // No plan promises anything for a fleet in another state.
            _outlived.Add(_epoch);
        }

        _faults = faults;
        VirtualPlan plan = _delivery.BeginStep(beginNs);
        _epoch = plan.Epoch.Value;
        pauseNs = plan.Generation == _job.Judge.Generation ? 0 : _regroupNs;
        if (plan.Generation != _job.Judge.Generation)
        {
            Hear(beginNs, _rounds.SendRest());
            _rounds.Regroup(plan.Generation, plan.Shares);
            _nowNs = beginNs + pauseNs;
            _job = BeginGeneration();
        }

        return plan;
    }

    /// <inheritdoc/>
    public void Took(long step, long beginNs, VirtualPlan plan, VirtualFleet fleet, in FleetStep taken)
    {
        if (!_ofEpochs.TryGetValue(plan.Epoch.Value, out Tally? tally))
        {
            tally = new Tally();
            _ofEpochs.Add(plan.Epoch.Value, tally);
            _firstSteps.Add(plan.Epoch.Value, step);
        }

        if (!_outlived.Contains(plan.Epoch.Value))
        {
            tally.Add(in taken);
        }

        _rounds.Record(step, beginNs, plan, fleet, in taken);
        _rounds.SendUntil(beginNs + taken.StepNs, Hear);
    }

    private void Hear(long nowNs, IReadOnlyList<RankReport> reports)
    {
        _nowNs = nowNs;
        foreach (RankReport report in reports)
        {
            _job.Judge.Add(report);
        }

        foreach (int slot in _job.Book.Evicted.Keys)
        {
            StandbyReport waiting = _rounds.StandbyOf(slot, _faults!.SecondsPerUnit[slot]);
            _job.Standby.Hear(waiting, waiting.Worker.Node, nowNs);
        }

        _job.Judge.JudgeFrames(observerComplaint: null, Commit);
    }

    private GuardedJob BeginGeneration()
    {
        GuardedJob job = _roster.Begin(_rounds.Members[0], _ledger.ReadJob(_rounds.Members[0].Job), At(_nowNs));
        foreach (RankEnrollment member in _rounds.Members)
        {
            job.Judge.Enroll(member);
        }

        foreach (RankReport report in _rounds.SkewReports())
        {
            job.Judge.Add(report);
        }

        PutDownMoves(job);
        return job;
    }

    /// <summary>As the guardian does when it first hears of a generation that a plan began.</summary>
    private void PutDownMoves(GuardedJob job)
    {
        if (job.Context.Begun is not { } begun)
        {
            return;
        }

        foreach (LedgerDecision due in GenerationMoves.Of(begun, job.Book))
        {
            if (Commit(_ => due) is { } entry)
            {
                job.Book.Apply(entry);
            }
        }
    }

    private LedgerEntry? Commit(Func<long, LedgerDecision?> decide) => _place.Commit(decide, At(_nowNs), entry =>
    {
        _written.Add(new Written(entry, _nowNs));
        _delivery.Hear(entry, _nowNs);
    });

    private static DateTimeOffset At(long ns) => DateTimeOffset.UnixEpoch.AddTicks(ns / TimeSpan.NanosecondsPerTick);

    /// <inheritdoc/>
    public void Dispose() => _instruments.Dispose();

    private SimulatedDecision Describe(Written written)
    {
        LedgerDecision decision = written.Entry.Decision;
        var described = new SimulatedDecision(
            written.Entry.Sequence, decision.Step, written.AtNs * 1e-9, JsonNamingPolicy.CamelCase.ConvertName(decision.GetType().Name), decision.Reason,
            PredictedStepSeconds: null, InForceFromStep: null, RealisedStepSeconds: null);
        if (!PlanDelivery.TryRead(decision, out VirtualPlan? plan, out double predictedSeconds))
        {
            return described;
        }

        long epoch = plan.Epoch.Value;
        return _ofEpochs.TryGetValue(epoch, out Tally? tally)
            ? described with
            {
                PredictedStepSeconds = predictedSeconds,
                InForceFromStep = _firstSteps[epoch],
                RealisedStepSeconds = tally.StepSeconds,
            }
            : described with { PredictedStepSeconds = predictedSeconds };
    }

    private readonly record struct Written(LedgerEntry Entry, long AtNs);
}
