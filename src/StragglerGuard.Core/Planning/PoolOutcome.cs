using System.Collections.Immutable;

namespace StragglerGuard.Core.Planning;

/// <summary>One pool of a plan.</summary>
/// <param name="Pool">Its number, 0 … K − 1; a pool that keeps members keeps its number.</param>
/// <param name="Members">How many members it has.</param>
/// <param name="SlowestUnitsPerSecond">The speed of its slowest member, units/s: the pace of all.</param>
/// <param name="FastestUnitsPerSecond">The speed of its fastest member, units/s.</param>
public sealed record SpeedPool(int Pool, int Members, double SlowestUnitsPerSecond, double FastestUnitsPerSecond)
{
    /// <summary>What the pool does: members × the slowest, units/s.</summary>
    public double UnitsPerSecond => Members * SlowestUnitsPerSecond;
}

/// <summary>What <see cref="PoolPlanner.Solve"/> found: a partition, or why there is none.</summary>
/// <param name="Reason">One sentence for a person, with the numbers that decided.</param>
public abstract record PoolOutcome(string Reason)
{
    /// <summary>The best partition into ranges of speed; or the present one, where that is as good.</summary>
    /// <param name="PoolOfMember">The pool of every member.</param>
    /// <param name="Pools">The pools, the one with the fastest slowest member first; each has S members or more.</param>
    /// <param name="UnitsPerSecond">Goodput Σ n·min speed, units/s.</param>
    /// <param name="Moves">Members that change pool; those that were in none don't count.</param>
    /// <param name="NetUnitsPerSecond">Goodput less the moves' cost spread over the horizon, units/s.</param>
    /// <param name="Reason">One sentence for a person.</param>
    public sealed record Solved(
        ImmutableArray<int> PoolOfMember,
        ImmutableArray<SpeedPool> Pools,
        double UnitsPerSecond,
        int Moves,
        double NetUnitsPerSecond,
        string Reason) : PoolOutcome(Reason)
    {
        /// <summary>The pool that fits a member of a speed: the one whose goodput it raises most, or lowers least.</summary>
        /// <remarks>
        /// That is the pool with the fastest slowest member that it keeps up with. A member slower than all joins where that costs least; no gain at all is
        /// told by <see cref="GainOf"/>.
        /// </remarks>
        /// <param name="unitsPerSecond">The member's speed, units/s, above 0.</param>
        /// <returns>The pool; of two that are as good, the one with more members.</returns>
        /// <exception cref="ArgumentOutOfRangeException">The speed is not a finite number above 0.</exception>
        public SpeedPool PoolFor(double unitsPerSecond)
        {
            SpeedPool best = Pools[0];
            double most = GainOf(best, unitsPerSecond);
            foreach (SpeedPool pool in Pools)
            {
                double gain = GainOf(pool, unitsPerSecond);
                if (gain > most || (gain == most && pool.Members > best.Members))
                {
                    (best, most) = (pool, gain);
                }
            }

            return best;
        }

        /// <summary>What a pool does more with one member of a speed.</summary>
        /// <param name="pool">The pool.</param>
        /// <param name="unitsPerSecond">The member's speed, units/s, above 0.</param>
        /// <returns>Units/s; below 0 where the member would hold the others back by more than it does.</returns>
        /// <exception cref="ArgumentNullException"><paramref name="pool"/> is null.</exception>
        /// <exception cref="ArgumentOutOfRangeException">The speed is not a finite number above 0.</exception>
        public static double GainOf(SpeedPool pool, double unitsPerSecond)
        {
            ArgumentNullException.ThrowIfNull(pool);
            if (!(unitsPerSecond > 0 && double.IsFinite(unitsPerSecond)))
            {
                throw new ArgumentOutOfRangeException(nameof(unitsPerSecond), unitsPerSecond, "A speed is finite and above 0.");
            }

            // Not the difference of two goodputs: what keeps up gives the pool's own pace, exactly.
            double pace = pool.SlowestUnitsPerSecond;
            return unitsPerSecond >= pace ? pace : unitsPerSecond - (pool.Members * (pace - unitsPerSecond));
        }
    }

    /// <summary>No partition keeps the bounds, or the problem is not one.</summary>
    /// <param name="Faults">Everything that is wrong, each fault naming its field and index; beyond 16, their number.</param>
    /// <param name="Reason">The faults in one line.</param>
    public sealed record Infeasible(ImmutableArray<string> Faults, string Reason) : PoolOutcome(Reason);
}
