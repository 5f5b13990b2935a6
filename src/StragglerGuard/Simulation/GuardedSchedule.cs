using System.Text.Json;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;

namespace StragglerGuard.Simulation;

/// <summary>The guardian's own judge, ledger and policy in the loop: it hears what agents would report, and its plans come into force as they would.</summary>
internal sealed class GuardedSchedule : ISchedule
{
    private readonly ReportRounds _rounds;
    private readonly PlanDelivery _delivery;
    private readonly JobJudge _judge;
    private readonly LedgerPlace _place = new(new InMemoryLedger(), _ => { });
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
        PolicyMode mode = scenario.Mitigations.HasFlag(ScenarioMitigations.Rebalance) ? scenario.Guard.Mode : PolicyMode.Observe;
        _judge = new JobJudge(_rounds.Members[0], new ModeSchedule(mode), scenario.Guard);
        foreach (RankEnrollment member in _rounds.Members)
        {
            _judge.Enroll(member);
        }

        foreach (RankReport report in _rounds.SkewReports())
        {
            _judge.Add(report);
        }
    }

    /// <summary>What was decided, in order.</summary>
    public IReadOnlyList<SimulatedDecision> Decisions => [.. _written.Select(Describe)];

    /// <summary>Why nothing more is done, at the end.</summary>
    public string PolicyReason => _judge.Status().PolicyReason;

    /// <inheritdoc/>
    public VirtualPlan PlanOf(long step, long beginNs, FaultState faults, bool changed)
    {
        if (changed)
        {
            // No plan promises anything for a fleet in another state.
            _outlived.Add(_epoch);
        }

        VirtualPlan plan = _delivery.BeginStep(beginNs);
        _epoch = plan.Epoch.Value;
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
            _judge.Add(report);
        }

        _judge.JudgeFrames(observerComplaint: null, Commit);
    }

    private bool Commit(Func<long, LedgerDecision?> decide) => _place.Commit(decide, entry =>
    {
        _written.Add(new Written(entry, _nowNs));
        _delivery.Hear(entry, _nowNs);
    });

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
