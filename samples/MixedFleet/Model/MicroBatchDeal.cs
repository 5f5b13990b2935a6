namespace MixedFleet.Model;

/// <summary>Which micro-batches of the global batch a rank computes, given how many each rank was dealt.</summary>
/// <remarks>Rank 0 takes the first ones, rank 1 those that follow, and so on: every k is computed once, however uneven the deal.</remarks>
internal static class MicroBatchDeal
{
    /// <summary>The even deal: counts differ by one at most, the larger ones first.</summary>
    /// <param name="microBatches">Of the global batch, 0 or more.</param>
    /// <param name="ranks">1 or more.</param>
    public static int[] Even(int microBatches, int ranks)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(microBatches);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ranks);
        int[] counts = new int[ranks];
        for (int rank = 0; rank < ranks; rank++)
        {
            counts[rank] = (microBatches / ranks) + (rank < microBatches % ranks ? 1 : 0);
        }

        return counts;
    }

    /// <summary>The first micro-batch of a rank; it computes this one and as many as it was dealt.</summary>
    /// <param name="counts">Micro-batches per rank, 0 or more each.</param>
    /// <param name="rank">0-based.</param>
    public static int FirstOf(ReadOnlySpan<int> counts, int rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, counts.Length);
        int first = 0;
        foreach (int count in counts[..rank])
        {
            first += count;
        }

        return first;
    }
}
