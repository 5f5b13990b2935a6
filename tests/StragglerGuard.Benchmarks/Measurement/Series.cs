namespace StragglerGuard.Benchmarks.Measurement;

/// <summary>All turns of one contestant.</summary>
internal sealed class Series(int operations)
{
    private readonly List<double> _nsPerOperation = [];
    private long _bytes;

    /// <summary>Median over the turns.</summary>
    /// <value>ns per operation.</value>
    public double MedianNs => MedianOf(_nsPerOperation);

    /// <summary>Mean over all turns: one byte in any of them shows.</summary>
    /// <value>Bytes per operation.</value>
    public double BytesPerOperation => (double)_bytes / _nsPerOperation.Count / operations;

    /// <summary>Takes in one turn.</summary>
    public void Add(Turn turn)
    {
        _nsPerOperation.Add(turn.Ns / operations);
        _bytes += turn.AllocatedBytes;
    }

    /// <summary>Median of what this series took longer than another, round by round.</summary>
    /// <param name="other">Taken in the same rounds.</param>
    /// <returns>ns per operation; below 0 where this one was faster.</returns>
    public double MedianNsBeyond(Series other) => MedianOf([.. _nsPerOperation.Zip(other._nsPerOperation, (own, others) => own - others)]);

    private static double MedianOf(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : 0.5 * (sorted[middle - 1] + sorted[middle]);
    }
}
