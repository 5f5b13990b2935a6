namespace StragglerGuard.Simulation;

/// <summary>What came of a simulated run.</summary>
/// <param name="Name">The scenario's.</param>
/// <param name="Replicas">Data-parallel replicas.</param>
/// <param name="Ranks">Ranks of all replicas.</param>
/// <param name="MicroBatches">Of a global batch.</param>
/// <param name="Steps">Steps that the guarded run took.</param>
/// <param name="VirtualSeconds">How long the guarded run lasted, s of virtual time.</param>
/// <param name="Whole">Over the whole run.</param>
/// <param name="Settled">Over its last quarter.</param>
/// <param name="Events">While each event held, in the order of the file.</param>
/// <param name="Decisions">Everything that the guardian wrote into its ledger.</param>
/// <param name="PlansDecided">How many of them are plans that were to be carried out.</param>
/// <param name="PolicyReason">What the policy said last.</param>
public sealed record SimulationResult(
    string Name, int Replicas, long Ranks, int MicroBatches, long Steps, double VirtualSeconds, ScheduleFigures Whole, ScheduleFigures Settled,
    IReadOnlyList<EventFigures> Events, IReadOnlyList<SimulatedDecision> Decisions, int PlansDecided, string PolicyReason);

/// <summary>The throughput of one fleet under four schedules that meet the same chance, micro-batches/s; NaN where a run took no step of the span.</summary>
/// <param name="Unguarded">The even deal throughout.</param>
/// <param name="Guarded">What the guardian made of it.</param>
/// <param name="Bound">
/// The best that the allowed mitigations can reach, known beforehand and from the first step of each change on, at no cost.
/// </param>
/// <param name="Ideal">The best deal of the same fleet without any event.</param>
public sealed record ScheduleFigures(double Unguarded, double Guarded, double Bound, double Ideal)
{
    /// <summary>What the guardian won back of what the events cost: (guarded − unguarded) ÷ (ideal − unguarded).</summary>
    /// <value>1 is all; negative where it did harm; null where nothing was lost.</value>
    public double? Recovery => ShareOf(Guarded);

    /// <summary>What could have been won back: (bound − unguarded) ÷ (ideal − unguarded).</summary>
    /// <value>Null where nothing was lost.</value>
    public double? BoundRecovery => ShareOf(Bound);

    /// <summary>What the guardian won of what could be won: (guarded − unguarded) ÷ (bound − unguarded).</summary>
    /// <value>Null where nothing could be won.</value>
    public double? ShareOfBound => Bound > Unguarded * (1 + LeastLoss) ? (Guarded - Unguarded) / (Bound - Unguarded) : null;

    /// <summary>How near the guarded throughput is to the best possible: guarded ÷ bound.</summary>
    public double OfBound => Guarded / Bound;

    /// <summary>Below this share of the throughput a loss is rounding.</summary>
    private const double LeastLoss = 1e-6;

    private double? ShareOf(double throughput) => Ideal > Unguarded * (1 + LeastLoss) ? (throughput - Unguarded) / (Ideal - Unguarded) : null;
}

/// <summary>One event of a scenario, and what it cost.</summary>
/// <param name="Event">The event.</param>
/// <param name="Figures">While it held, in every schedule's own time.</param>
/// <param name="FirstPlanStep">The first step under a plan decided while it held in the guarded run; null where none was.</param>
public sealed record EventFigures(ScenarioEvent Event, ScheduleFigures Figures, long? FirstPlanStep);

/// <summary>A decision of the simulated guardian.</summary>
/// <param name="Sequence">Its number in the ledger.</param>
/// <param name="Step">The last step that it knew of.</param>
/// <param name="AtSeconds">When it was written, s of virtual time.</param>
/// <param name="Kind">The ledger's name for it, in camel case.</param>
/// <param name="Reason">In words, with the numbers.</param>
/// <param name="PredictedStepSeconds">Of a plan: the step time that it promised, s; else null.</param>
/// <param name="InForceFromStep">Of a plan: its first step; null where it never came into force.</param>
/// <param name="RealisedStepSeconds">
/// Of a plan: the mean time of its steps until an event next began or ended, s; null where it never came into force.
/// </param>
public sealed record SimulatedDecision(
    long Sequence, long Step, double AtSeconds, string Kind, string Reason, double? PredictedStepSeconds, long? InForceFromStep, double? RealisedStepSeconds);
