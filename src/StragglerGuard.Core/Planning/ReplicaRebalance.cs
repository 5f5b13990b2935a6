using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;

namespace StragglerGuard.Core.Planning;

/// <summary>What <see cref="ReplicaRebalance.Join"/> made of the ranks: what each replica costs, or why that is not known.</summary>
/// <param name="Reason">One sentence for a person.</param>
public abstract record ReplicaCosts(string Reason)
{
    /// <summary>Every replica's cost is known.</summary>
    /// <param name="SecondsPerUnit">What a unit costs each replica, s: its slowest rank.</param>
    /// <param name="FixedSeconds">What a step costs each replica however little it does, s: its costliest rank.</param>
    /// <param name="Highest">The most units each replica may get: what fits all its ranks.</param>
    /// <param name="RanksOnPrior">Ranks without a sample, for which the prior stands in, ascending.</param>
    /// <param name="Reason">One sentence for a person.</param>
    public sealed record Known(
        ImmutableArray<double> SecondsPerUnit,
        ImmutableArray<double> FixedSeconds,
        ImmutableArray<int> Highest,
        ImmutableArray<Rank> RanksOnPrior,
        string Reason) : ReplicaCosts(Reason);

    /// <summary>Some rank gave no sample, and nothing is known of its kind.</summary>
    /// <param name="Ranks">Those ranks, ascending.</param>
    /// <param name="Reason">One sentence that names the first of them.</param>
    public sealed record Unknown(ImmutableArray<Rank> Ranks, string Reason) : ReplicaCosts(Reason);
}

/// <summary>Rebalances work over data-parallel replicas that consist of several ranks (tensor, pipeline or expert parallel).</summary>
/// <remarks>
/// All ranks of a replica work on the same micro-batches, so it is as fast as its slowest rank, and holds what its smallest rank holds. Its fixed
/// cost is that of its costliest rank: max a + m·max t is never below max(a + m·t), and equal where one rank is both. One rank of unknown speed
/// makes its replica's unknown: it may be the slowest.
/// </remarks>
public static class ReplicaRebalance
{
    /// <summary>Joins the ranks to replicas.</summary>
    /// <param name="ranks">What each rank takes.</param>
    /// <returns>The replicas' costs, or which ranks are unknown.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="ranks"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one replica.</exception>
    /// <exception cref="ArgumentException">
    /// Lists differ in length, a rank is of no such replica, a replica has no rank, a cost is negative, 0 or infinite, or a cap is negative.
    /// </exception>
    public static ReplicaCosts Join(RankCosts ranks)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        ThrowIfMalformed(ranks);
        var seconds = new double[ranks.Replicas];
        var fixedSeconds = new double[ranks.Replicas];
        var highest = new int[ranks.Replicas];
        Array.Fill(highest, int.MaxValue);
        ImmutableArray<Rank>.Builder onPrior = ImmutableArray.CreateBuilder<Rank>();
        ImmutableArray<Rank>.Builder unknown = ImmutableArray.CreateBuilder<Rank>();
        for (int rank = 0; rank < ranks.ReplicaOfRank.Length; rank++)
        {
            int replica = ranks.ReplicaOfRank.Span[rank];
            double own = ranks.SecondsPerUnit.Span[rank];
            if (double.IsNaN(own))
            {
                own = ranks.PriorSecondsPerUnit.IsEmpty ? double.NaN : ranks.PriorSecondsPerUnit.Span[rank];
                (double.IsNaN(own) ? unknown : onPrior).Add(new Rank(rank));
            }

            // Math.Max hands NaN on: the replica stays unknown.
            seconds[replica] = Math.Max(seconds[replica], own);
            fixedSeconds[replica] = Math.Max(fixedSeconds[replica], ranks.FixedSeconds.IsEmpty ? 0 : ranks.FixedSeconds.Span[rank]);
            highest[replica] = Math.Min(highest[replica], ranks.Highest.IsEmpty ? int.MaxValue : ranks.Highest.Span[rank]);
        }

        if (unknown.Count > 0)
        {
            string others = unknown.Count == 1 ? "" : Say($" and of {unknown.Count - 1} more");
            return new ReplicaCosts.Unknown(
                unknown.ToImmutable(),
                Say($"the speed of {unknown[0]} (replica {ranks.ReplicaOfRank.Span[unknown[0].Value]}){others} is unknown, and so is that of its device class"));
        }

        string priors = onPrior.Count == 0 ? "" : Say($"; for {onPrior.Count} without a sample their class stands in, {onPrior[0]} first");
        return new ReplicaCosts.Known(
            ImmutableCollectionsMarshal.AsImmutableArray(seconds),
            ImmutableCollectionsMarshal.AsImmutableArray(fixedSeconds),
            ImmutableCollectionsMarshal.AsImmutableArray(highest),
            onPrior.ToImmutable(),
            Say($"{ranks.ReplicaOfRank.Length} ranks in {ranks.Replicas} replicas, each as fast as its slowest rank{priors}"));
    }

    /// <summary>The problem that <see cref="RebalancePlanner"/> solves for these replicas; its shares are per replica.</summary>
    /// <param name="costs">What the replicas take.</param>
    /// <param name="current">What each replica has now, 0 or more.</param>
    /// <param name="total">The units to deal, 0 or more.</param>
    /// <returns>
    /// A problem in which every replica gets 1 unit at least, so that none loses the work by which its speed is known; 0 where there are fewer units
    /// than replicas, and for a replica whose memory holds none.
    /// </returns>
    /// <exception cref="ArgumentNullException"><paramref name="costs"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="current"/> has another length than the replicas.</exception>
    public static RebalanceProblem ProblemOf(ReplicaCosts.Known costs, ReadOnlyMemory<int> current, int total)
    {
        ArgumentNullException.ThrowIfNull(costs);
        int replicas = costs.SecondsPerUnit.Length;
        if (current.Length != replicas)
        {
            throw new ArgumentException(Say($"There are {replicas} replicas, and shares of {current.Length}."), nameof(current));
        }

        var lowest = new int[replicas];
        for (int i = 0; i < replicas; i++)
        {
            lowest[i] = total < replicas ? 0 : Math.Min(1, costs.Highest[i]);
        }

        return new RebalanceProblem
        {
            FixedSeconds = costs.FixedSeconds.AsMemory(),
            SecondsPerUnit = costs.SecondsPerUnit.AsMemory(),
            Lowest = lowest,
            Highest = costs.Highest.AsMemory(),
            Current = current,
            Total = total,
        };
    }

    /// <summary>Joins one frame of measured ranks: what a unit cost each replica. Allocates nothing.</summary>
    /// <param name="secondsPerUnit">One entry a rank, s; NaN where it gave no sample.</param>
    /// <param name="replicaOfRank">The replica of each rank, 0 … R − 1.</param>
    /// <param name="replicaSecondsPerUnit">
    /// Gets R entries, s: the slowest rank's; NaN where one of the replica's ranks gave none, or it has no rank.
    /// </param>
    /// <exception cref="ArgumentException">The first two lists differ in length.</exception>
    /// <exception cref="IndexOutOfRangeException">A rank is of no such replica.</exception>
    public static void JoinFrame(ReadOnlySpan<double> secondsPerUnit, ReadOnlySpan<int> replicaOfRank, Span<double> replicaSecondsPerUnit)
    {
        if (secondsPerUnit.Length != replicaOfRank.Length)
        {
            throw new ArgumentException(Say($"{secondsPerUnit.Length} samples of {replicaOfRank.Length} ranks."), nameof(secondsPerUnit));
        }

        replicaSecondsPerUnit.Fill(double.NegativeInfinity);
        for (int rank = 0; rank < secondsPerUnit.Length; rank++)
        {
            ref double slowest = ref replicaSecondsPerUnit[replicaOfRank[rank]];
            slowest = Math.Max(slowest, secondsPerUnit[rank]);
        }

        foreach (ref double slowest in replicaSecondsPerUnit)
        {
            slowest = double.IsNegativeInfinity(slowest) ? double.NaN : slowest;
        }
    }

    private static void ThrowIfMalformed(RankCosts ranks)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks.Replicas, 1, nameof(ranks));
        int n = ranks.ReplicaOfRank.Length;
        if (ranks.SecondsPerUnit.Length != n || !IsEmptyOr(n, ranks.PriorSecondsPerUnit.Length)
            || !IsEmptyOr(n, ranks.FixedSeconds.Length) || !IsEmptyOr(n, ranks.Highest.Length))
        {
            throw new ArgumentException(
                Say($"{n} ranks have a replica; SecondsPerUnit has {ranks.SecondsPerUnit.Length} entries, PriorSecondsPerUnit {ranks.PriorSecondsPerUnit.Length}, FixedSeconds {ranks.FixedSeconds.Length}, Highest {ranks.Highest.Length}."),
                nameof(ranks));
        }

        var seen = new bool[ranks.Replicas];
        for (int rank = 0; rank < n; rank++)
        {
            int replica = ranks.ReplicaOfRank.Span[rank];
            if (replica < 0 || replica >= ranks.Replicas)
            {
                throw new ArgumentException(Say($"Rank {rank} is of replica {replica}, of {ranks.Replicas}."), nameof(ranks));
            }

            seen[replica] = true;
            ThrowUnlessCost(ranks.SecondsPerUnit.Span[rank], rank, nameof(RankCosts.SecondsPerUnit));
            if (!ranks.PriorSecondsPerUnit.IsEmpty)
            {
                ThrowUnlessCost(ranks.PriorSecondsPerUnit.Span[rank], rank, nameof(RankCosts.PriorSecondsPerUnit));
            }

            if (!ranks.FixedSeconds.IsEmpty && !(ranks.FixedSeconds.Span[rank] >= 0 && double.IsFinite(ranks.FixedSeconds.Span[rank])))
            {
                throw new ArgumentException(Say($"FixedSeconds of rank {rank} is {ranks.FixedSeconds.Span[rank]}."), nameof(ranks));
            }

            if (!ranks.Highest.IsEmpty && ranks.Highest.Span[rank] < 0)
            {
                throw new ArgumentException(Say($"Highest of rank {rank} is {ranks.Highest.Span[rank]}."), nameof(ranks));
            }
        }

        if (Array.IndexOf(seen, false) is >= 0 and int empty)
        {
            throw new ArgumentException(Say($"Replica {empty} has no rank."), nameof(ranks));
        }
    }

    private static bool IsEmptyOr(int expected, int length) => length == 0 || length == expected;

    private static void ThrowUnlessCost(double seconds, int rank, string list)
    {
        if (seconds <= 0 || double.IsInfinity(seconds))
        {
            throw new ArgumentException(Say($"{list} of rank {rank} is {seconds}: neither above 0 and finite, nor NaN for unknown."), nameof(rank));
        }
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
