using System.Diagnostics.CodeAnalysis;
using StragglerGuard.Ledger;

namespace StragglerGuard.Simulation;

/// <summary>What becomes of decisions on the fleet: the one place that knows which decision changes what the ranks do, and when.</summary>
/// <remarks>
/// As the live ranks do it: agents hold an offer at once; every rank copies it when it begins its next step and votes for it with that
/// step's ballot; from the step after that on it is in force.
/// </remarks>
internal sealed class PlanDelivery(VirtualPlan initial)
{
    private VirtualPlan? _offered;
    private long _offeredNs;
    private VirtualPlan? _votedFor;

    /// <summary>What is in force.</summary>
    public VirtualPlan InForce { get; private set; } = initial;

    /// <summary>Takes a decision that stands in the ledger; most change nothing on the fleet.</summary>
    /// <param name="entry">The decision and its number.</param>
    /// <param name="nowNs">When it was written, ns since the start.</param>
    public void Hear(LedgerEntry entry, long nowNs)
    {
        if (TryRead(entry.Decision, out VirtualPlan? plan, out _))
        {
            _offered = plan;
            _offeredNs = nowNs;
        }
    }

    /// <summary>What a decision tells the ranks to do.</summary>
    /// <returns>False where it tells them nothing.</returns>
    public static bool TryRead(LedgerDecision decision, [NotNullWhen(true)] out VirtualPlan? plan, out double predictedStepSeconds)
    {
        if (decision is PlanDecided { Plan: { } decided } entry)
        {
            plan = new VirtualPlan(decided.Epoch, decided.Shares.ToArray(), decided.DeadlineNs, decided.Backups, decided.Generation);
            predictedStepSeconds = entry.PredictedStepSeconds;
            return true;
        }

        plan = null;
        predictedStepSeconds = double.NaN;
        return false;
    }

    /// <summary>A step begins.</summary>
    /// <returns>The plan that it is taken under.</returns>
    public VirtualPlan BeginStep(long nowNs)
    {
        InForce = _votedFor ?? InForce;
        _votedFor = null;
        if (_offered is not null && _offeredNs <= nowNs)
        {
            _votedFor = _offered;
            _offered = null;
        }

        return InForce;
    }
}
