namespace StragglerGuard.Core.Baselines;

/// <summary>
/// The median of a rank's peers, for every rank of a cohort after a single selection: the cohort's median with the rank itself left out.
/// </summary>
/// <remarks>
/// Leaving one value out of n moves the median by one place at most, so the three middle values of all tell the median of any n − 1. A rank
/// that took part in its own yardstick would hide part of its own slowness, half of it in a cohort of two.
/// </remarks>
internal readonly struct PeerMedian
{
    private readonly double _below;
    private readonly double _middle;
    private readonly double _above;

    private PeerMedian(int count, double below, double middle, double above)
    {
        Count = count;
        _below = below;
        _middle = middle;
        _above = above;
    }

    /// <summary>Values that it was made of.</summary>
    public int Count { get; }

    /// <summary>Selects the middle values. Reorders the span; allocates nothing.</summary>
    /// <param name="values">One value a rank, finite; may be empty.</param>
    public static PeerMedian Of(Span<double> values)
    {
        if (values.IsEmpty)
        {
            return default;
        }

        int k = values.Length / 2;
        double middle = OrderStatistics.Select(values, k);
        double below = k > 0 ? OrderStatistics.LargestOf(values[..k]) : middle;
        double above = k + 1 < values.Length ? OrderStatistics.SmallestOf(values[(k + 1)..]) : middle;
        return new PeerMedian(values.Length, below, middle, above);
    }

    /// <summary>The median of all values, mean of the two middle ones for an even count.</summary>
    public double OfAll() => (Count & 1) == 1 ? _middle : 0.5 * (_below + _middle);

    /// <summary>The median of the others.</summary>
    /// <param name="value">One of the values that this was made of; needs 2 values or more.</param>
    public double Without(double value)
    {
        if ((Count & 1) == 0)
        {
            return value < _middle ? _middle : _below;
        }

        return value < _middle ? 0.5 * (_middle + _above)
            : value > _middle ? 0.5 * (_below + _middle)
            : 0.5 * (_below + _above);
    }
}
