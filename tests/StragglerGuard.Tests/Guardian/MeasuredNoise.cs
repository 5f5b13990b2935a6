namespace StragglerGuard.Tests.Guardian;

/// <summary>How the compute time of a rank varies from step to step in a live run.</summary>
/// <remarks>
/// Quantiles of compute per micro-batch over the configured pace: 1,788 records of three runs of samples/MixedFleet with
/// config/fleets/four-equals.json (150 steps, seeds 1 to 3), ranks as threads, on two cores that other work was using, too. The
/// coefficient of variation of these records is 0.31 %; nearly all of it is in the last two percent, the spikes.
/// </remarks>
internal static class MeasuredNoise
{
    private static readonly (double Share, double Ratio)[] Quantiles =
    [
        (0, 1.000003), (0.05, 1.000004), (0.25, 1.000005), (0.5, 1.000008), (0.75, 1.000053), (0.8, 1.000098), (0.85, 1.000162),
        (0.9, 1.00027), (0.95, 1.000446), (0.98, 1.001956), (0.99, 1.005979), (0.995, 1.011307), (0.998, 1.05178), (1, 1.07765),
    ];

    /// <summary>One draw by inversion of the table.</summary>
    public static double Draw(Random random)
    {
        double share = random.NextDouble();
        int above = Array.FindIndex(Quantiles, quantile => quantile.Share > share);
        var (lowShare, low) = Quantiles[above - 1];
        var (highShare, high) = Quantiles[above];
        return low + ((high - low) * (share - lowShare) / (highShare - lowShare));
    }

    /// <summary>
    /// One draw of a machine that computes for real: log-normal with a CV of 0.3 %, and one step in 500 is a spike of up to 100 %.
    /// </summary>
    public static double DrawReal(Random random)
    {
        double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double spike = random.Next(500) == 0 ? 1 + random.NextDouble() : 1;
        return Math.Exp(0.003 * normal) * spike;
    }
}
