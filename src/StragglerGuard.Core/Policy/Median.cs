namespace StragglerGuard.Core.Policy;

/// <summary>The middle value, which half of the values may distort without harm.</summary>
internal static class Median
{
    /// <summary>1.4826 · (median of absolute deviations) estimates σ of normal noise.</summary>
    internal const double SigmaPerDeviation = 1.4826;

    /// <summary>A median's standard error over that of a mean, for normal noise: √(π/2).</summary>
    internal const double ErrorOverMean = 1.2533;

    /// <summary>The median of one value or more, which are sorted in passing.</summary>
    internal static double OfScratch(Span<double> values)
    {
        values.Sort();
        var middle = values.Length / 2;
        return values.Length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }
}
