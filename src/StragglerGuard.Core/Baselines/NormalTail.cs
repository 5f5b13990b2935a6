namespace StragglerGuard.Core.Baselines;

/// <summary>The distribution function of the standard normal.</summary>
internal static class NormalTail
{
    /// <summary>P(Z ≤ z), to 1e-7 absolute.</summary>
    /// <remarks>Abramowitz &amp; Stegun, <i>Handbook of Mathematical Functions</i>, 26.2.17.</remarks>
    public static double Below(double z)
    {
        if (double.IsNaN(z))
        {
            return double.NaN;
        }

        double x = Math.Abs(z);
        double t = 1 / (1 + (0.2316419 * x));
        double series = t * (0.319381530 + (t * (-0.356563782 + (t * (1.781477937 + (t * (-1.821255978 + (t * 1.330274429))))))));
        double above = 0.3989422804014327 * Math.Exp(-0.5 * x * x) * series;
        return z >= 0 ? 1 - above : above;
    }
}
