namespace StragglerGuard.Core.Detection;

/// <summary>What a <see cref="JobDetector"/> may know of a job beyond its timings. Everything has a default: nothing is known.</summary>
public sealed record JobDetectorOptions
{
    /// <summary>Smallest slowdown that is worth a verdict, as a share.</summary>
    /// <value>Above 0, at most 1; default <see cref="DetectionParameters.DefaultMinimumEffect"/>.</value>
    public double MinimumEffect { get; init; } = DetectionParameters.DefaultMinimumEffect;

    /// <summary>How the ranks are laid out, so that a culprit can be named by replica.</summary>
    /// <value>Null: unknown. As many ranks as the job has.</value>
    public Topology? Topology { get; init; }

    /// <summary>Each rank's machine, so that a slow host can be told from slow devices.</summary>
    /// <value>Null: unknown. One for each rank.</value>
    public IReadOnlyList<NodeId>? Nodes { get; init; }

    /// <summary>What a healthy rank of a stage and device class takes for a unit of work, from earlier jobs of the same model.</summary>
    /// <value>Seconds, above 0. Null: unknown; slowness from the first step then shows against peers only.</value>
    public IReadOnlyDictionary<RankCohort, double>? PriorSecondsPerUnit { get; init; }

    /// <summary>How many steps a second the fleet's jobs take, for the rate of false alarms.</summary>
    /// <value>Above 0; default 1.</value>
    public double StepsPerSecond { get; init; } = 1;

    /// <summary>Ranks in the whole fleet that share the budget of false alarms.</summary>
    /// <value>Null: those of this job.</value>
    public int? FleetRanks { get; init; }
}
