using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Attribution;

/// <summary>What a verdict's confidence means.</summary>
/// <remarks>
/// The probability, for normal noise of the series' own σ, that the true effect is over half of the smallest effect that counts: Φ((x −
/// ½·min) ÷ standard error of x), x the median that the check took. Where the first collective can tell who came last and it was not this
/// rank, what speaks against it takes <see cref="ContradictedShare"/> of that. Never above <see cref="Most"/>: no single verdict is
/// certain.
/// </remarks>
public static class VerdictConfidence
{
    /// <summary>The largest confidence.</summary>
    public const double Most = 0.999;

    /// <summary>What is left when the order of arrival contradicts.</summary>
    public const double ContradictedShare = 0.8;

    // Standard error of a median of n normal values: √(π/2)·σ/√n.
    private const double MedianError = 1.2533;

    /// <summary>The confidence of a verdict.</summary>
    /// <param name="effect">The effect found, in logs.</param>
    /// <param name="minimumEffect">Smallest effect that counts, in logs.</param>
    /// <param name="sigma">σ of a step, in logs, above 0.</param>
    /// <param name="steps">Steps that the effect is the median of, 1 or more.</param>
    /// <param name="isLate">Whether the rank came last at the collective; null where that can't be told or says nothing.</param>
    /// <returns>0 … <see cref="Most"/>; 0 where the effect is no number.</returns>
    public static double Of(double effect, double minimumEffect, double sigma, int steps, bool? isLate = null)
    {
        double error = MedianError * sigma / Math.Sqrt(Math.Max(1, steps));
        double sure = NormalTail.Below((effect - (0.5 * minimumEffect)) / Math.Max(error, 1e-9));
        return double.IsNaN(sure) ? 0 : Math.Min(Most, isLate == false ? ContradictedShare * sure : sure);
    }
}
