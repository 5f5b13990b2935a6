namespace StragglerGuard.Core.Planning;

/// <summary>A fleet of members of different speed, to be parted into pools that each run as fast as their slowest member.</summary>
/// <remarks>Lists have one entry a member, in the same order. The memory is read during <see cref="PoolPlanner.Solve"/> only, and never written.</remarks>
public sealed record PoolProblem
{
    /// <summary>How fast each member is.</summary>
    /// <value>Units of work per second, finite, above 0.</value>
    public required ReadOnlyMemory<double> UnitsPerSecond { get; init; }

    /// <summary>The pool that each member is in now.</summary>
    /// <value>0 … <see cref="PoolsMax"/> − 1; −1 for a member that is in none and has to be put somewhere; empty: no member is in any.</value>
    public ReadOnlyMemory<int> CurrentPool { get; init; }

    /// <summary>The most pools, K.</summary>
    /// <value>1 … <see cref="PoolPlanner.PoolsLimit"/>.</value>
    public required int PoolsMax { get; init; }

    /// <summary>The fewest members of a pool, S.</summary>
    /// <value>1 or more.</value>
    public required int MembersMin { get; init; }

    /// <summary>What it costs, once, for each member that changes pool.</summary>
    /// <value>Units of work not done, finite, 0 or more; default 0.</value>
    public double MoveCostUnits { get; init; }

    /// <summary>Over how long a move has to pay for itself.</summary>
    /// <value>Seconds, finite, above 0.</value>
    public required double HorizonSeconds { get; init; }
}
