namespace StragglerGuard.Core.Planning;

/// <summary>A job of which some replicas may be better off elsewhere.</summary>
/// <remarks>
/// A step takes <see cref="CommonSeconds"/> + max_i(a_i + m_i·t_i) + max_i l_i: own work as in <see cref="RebalanceProblem"/>, and a ring that is as
/// slow as the slowest link in it. The memory is read during <see cref="EvictionPlanner.Solve"/> only, and never written.
/// </remarks>
public sealed record EvictionProblem
{
    /// <summary>The job with all its replicas: n receivers, and its whole global batch as the total.</summary>
    public required RebalanceProblem Job { get; init; }

    /// <summary>The replicas to try the job without: those that are slow, each once.</summary>
    /// <value>0 … n − 1.</value>
    public required ReadOnlyMemory<int> Candidates { get; init; }

    /// <summary>What a step costs whoever is in it: optimiser, and transfer where <see cref="LinkSeconds"/> does not tell it.</summary>
    /// <value>Seconds, finite, 0 or more.</value>
    public double CommonSeconds { get; init; }

    /// <summary>How long the step's transfer takes where each replica's link is the slowest of the ring, l_i.</summary>
    /// <value>Seconds, finite, 0 or more; empty: 0.</value>
    public ReadOnlyMemory<double> LinkSeconds { get; init; }

    /// <summary>What the job loses, once, when its members change, however many leave.</summary>
    /// <value>Seconds, finite, 0 or more.</value>
    public required double RegroupSeconds { get; init; }

    /// <summary>What it costs, once, for each replica that leaves: drain, probe, probation.</summary>
    /// <value>Seconds, finite, 0 or more.</value>
    public double MoveSeconds { get; init; }

    /// <summary>Over how many steps an eviction has to pay for itself.</summary>
    /// <value>Steps, 1 or more.</value>
    public required int HorizonSteps { get; init; }

    /// <summary>The fewest replicas that the job keeps.</summary>
    /// <value>1 or more.</value>
    public int ReplicasMin { get; init; } = 1;
}
