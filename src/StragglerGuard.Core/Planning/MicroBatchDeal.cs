using System.Globalization;

namespace StragglerGuard.Core.Planning;

/// <summary>
/// Who computes which micro-batches of a step, under which epoch. Immutable, so that every thread may read it.
/// </summary>
/// <remarks>
/// Micro-batches are numbered k = 0 … <see cref="Total"/> − 1 within a step and dealt in rank order: rank r computes
/// <see cref="First"/> … <see cref="End"/> − 1. (step, k) names a micro-batch whoever computes it.
/// </remarks>
public sealed class MicroBatchDeal : IEquatable<MicroBatchDeal>
{
    private readonly int[] _counts;
    private readonly int[] _ends;

    /// <summary>Makes a deal; the counts are copied.</summary>
    /// <param name="epoch">The version of the deal, 0 or more.</param>
    /// <param name="microBatches">Micro-batches for each rank, 0 or more each, at least one rank, sum below 2³¹.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public MicroBatchDeal(PlanEpoch epoch, ReadOnlySpan<int> microBatches)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch.Value, nameof(epoch));
        ArgumentOutOfRangeException.ThrowIfZero(microBatches.Length, nameof(microBatches));
        if (Refuse(microBatches) is { } reason)
        {
            throw new ArgumentOutOfRangeException(nameof(microBatches), reason);
        }

        Epoch = epoch;
        _counts = microBatches.ToArray();
        _ends = new int[_counts.Length];
        var end = 0;
        for (var rank = 0; rank < _counts.Length; rank++)
        {
            end += _counts[rank];
            _ends[rank] = end;
        }
    }

    /// <summary>The version of the deal.</summary>
    public PlanEpoch Epoch { get; }

    /// <summary>How many ranks it deals to.</summary>
    public int Ranks => _counts.Length;

    /// <summary>Micro-batches a step, M.</summary>
    public int Total => _ends[^1];

    /// <summary>Micro-batches for each rank.</summary>
    public ReadOnlySpan<int> MicroBatches => _counts;

    /// <summary>The deal that a job starts with.</summary>
    /// <param name="total">Micro-batches a step, 0 or more.</param>
    /// <param name="ranks">1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public static MicroBatchDeal Even(int total, int ranks) => new(PlanEpoch.Initial, EvenDeal.Of(total, ranks));

    /// <summary>How many micro-batches a rank computes.</summary>
    /// <param name="rank">0 … <see cref="Ranks"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    public int Count(Rank rank) => _counts[Checked(rank)];

    /// <summary>The first micro-batch of a rank.</summary>
    /// <param name="rank">0 … <see cref="Ranks"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    public int First(Rank rank) => End(rank) - _counts[rank.Value];

    /// <summary>One past the last micro-batch of a rank.</summary>
    /// <param name="rank">0 … <see cref="Ranks"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    public int End(Rank rank) => _ends[Checked(rank)];

    /// <summary>Equal epoch and equal counts.</summary>
    public bool Equals(MicroBatchDeal? other)
        => other is not null && Epoch == other.Epoch && _counts.AsSpan().SequenceEqual(other._counts);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as MicroBatchDeal);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = Epoch.GetHashCode();
        foreach (var count in _counts)
        {
            hash = (hash * 31) + count;
        }

        return hash;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Epoch}: [{string.Join(", ", _counts)}]";

    private static string? Refuse(ReadOnlySpan<int> counts)
    {
        long sum = 0;
        for (var rank = 0; rank < counts.Length; rank++)
        {
            if (counts[rank] < 0)
            {
                return Say($"rank {rank} is dealt {counts[rank]} micro-batches");
            }

            sum += counts[rank];
        }

        return sum > int.MaxValue ? Say($"{sum} micro-batches are more than {int.MaxValue}") : null;
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private int Checked(Rank rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank.Value, nameof(rank));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank.Value, _counts.Length, nameof(rank));
        return rank.Value;
    }
}
