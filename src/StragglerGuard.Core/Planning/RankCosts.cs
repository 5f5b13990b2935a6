namespace StragglerGuard.Core.Planning;

/// <summary>What the ranks of a job take, before they are joined to replicas. Lists have one entry a rank, in the same order.</summary>
/// <remarks>The memory is read during a call only, and never written.</remarks>
public sealed record RankCosts
{
    /// <summary>Data-parallel replicas (slots) of the job.</summary>
    /// <value>1 or more.</value>
    public required int Replicas { get; init; }

    /// <summary>The replica that each rank is a part of.</summary>
    /// <value>0 … <see cref="Replicas"/> − 1; every replica has a rank.</value>
    public required ReadOnlyMemory<int> ReplicaOfRank { get; init; }

    /// <summary>What a unit of work costs each rank.</summary>
    /// <value>Seconds, above 0; NaN where the rank gave no sample yet.</value>
    public required ReadOnlyMemory<double> SecondsPerUnit { get; init; }

    /// <summary>What a unit costs a rank of this kind as far as is known beforehand: of its device class, of its stage.</summary>
    /// <value>Seconds, above 0; NaN where nothing is known; empty: nothing is known of any.</value>
    public ReadOnlyMemory<double> PriorSecondsPerUnit { get; init; }

    /// <summary>What a step costs each rank however little it does.</summary>
    /// <value>Seconds, finite, 0 or more; empty: 0.</value>
    public ReadOnlyMemory<double> FixedSeconds { get; init; }

    /// <summary>The most units that each rank's memory holds.</summary>
    /// <value>0 or more; empty: no bound.</value>
    public ReadOnlyMemory<int> Highest { get; init; }
}
