using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Probing;

/// <summary>What a probe measured: the median of its repeats, and how far they lay apart.</summary>
/// <param name="Median">In the unit that the reading's property names; more than zero where known.</param>
/// <param name="RelativeSpread">1.4826·MAD of the repeats, as a share of the median: their standard deviation, were they normal. 0 or more.</param>
/// <param name="Repeats">How many repeats; 0 for nothing measured.</param>
/// <remarks>The spread is that of single repeats, not of their median: repeats within half a second share what disturbs them.</remarks>
public readonly record struct ProbeFigure(double Median, double RelativeSpread, int Repeats)
{
    /// <summary>The fewest repeats that a judgement is built on.</summary>
    public const int RepeatsMin = 3;

    /// <summary>Whether there is enough, and sound enough, to be judged.</summary>
    public bool IsKnown => Repeats >= RepeatsMin && double.IsFinite(Median) && Median > 0 && double.IsFinite(RelativeSpread) && RelativeSpread >= 0;

    /// <summary>The figure of repeats.</summary>
    /// <param name="samples">One value a repeat, finite and more than zero. Is overwritten.</param>
    /// <exception cref="ArgumentException">There are no values, or one is not finite and more than zero.</exception>
    public static ProbeFigure Of(Span<double> samples)
    {
        foreach (double sample in samples)
        {
            if (!double.IsFinite(sample) || sample <= 0)
            {
                throw new ArgumentException("A repeat is a finite number above zero.", nameof(samples));
            }
        }

        double median = OrderStatistics.Median(samples);
        for (int i = 0; i < samples.Length; i++)
        {
            samples[i] = Math.Abs(samples[i] - median);
        }

        return new ProbeFigure(median, FigureComparison.SigmaOfMad * OrderStatistics.Median(samples) / median, samples.Length);
    }
}
