using System.Collections.Immutable;

namespace StragglerGuard.Core.Policy;

/// <summary>How many evictions the last hour saw: a fold over given times, one caller at a time.</summary>
/// <remarks>
/// The hour slides: an eviction counts for 3,600 s. A time in the future, as after a jump of the clock, counts as well, so that no jump
/// makes room for more. A replica is one eviction, a restart of the job without naming replicas is one too.
/// </remarks>
public sealed class EvictionBudget
{
    /// <summary>For how long an eviction counts, s.</summary>
    public const double WindowSeconds = 3600;

    private readonly List<double> _atSeconds = [];

    /// <summary>Takes evictions down.</summary>
    /// <param name="atSeconds">When, s, finite.</param>
    /// <param name="replicas">How many at once, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public void Spend(double atSeconds, int replicas = 1)
    {
        if (!double.IsFinite(atSeconds))
        {
            throw new ArgumentOutOfRangeException(nameof(atSeconds), atSeconds, "Not finite.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(replicas, 1);
        _atSeconds.RemoveAll(past => past <= atSeconds - WindowSeconds);
        _atSeconds.AddRange(Enumerable.Repeat(atSeconds, replicas));
    }

    /// <summary>For <see cref="MitigationInput.EvictionsAtSeconds"/>: at most those of an hour.</summary>
    public ImmutableArray<double> Snapshot() => [.. _atSeconds];

    /// <summary>How many of the times still count.</summary>
    internal static int CountAt(double nowSeconds, ImmutableArray<double> atSeconds)
    {
        var count = 0;
        foreach (var at in atSeconds)
        {
            count += at > nowSeconds - WindowSeconds ? 1 : 0;
        }

        return count;
    }

    /// <summary>How long until no more than a number of the times still count: seconds, 0 if so already.</summary>
    internal static double SecondsUntil(int count, double nowSeconds, ImmutableArray<double> atSeconds)
    {
        var counting = atSeconds.Where(at => at > nowSeconds - WindowSeconds).Order().ToList();
        return counting.Count <= count ? 0 : counting[counting.Count - count - 1] + WindowSeconds - nowSeconds;
    }
}
