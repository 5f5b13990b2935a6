namespace StragglerGuard.Core.Policy;

/// <summary>Waits that double each time.</summary>
internal static class Doubling
{
    /// <summary>first·2^(times − 1), at most <paramref name="longest"/>.</summary>
    public static double Of(double first, int times, double longest) => Math.Min(longest, first * Math.Pow(2, times - 1));
}
