namespace StragglerGuard.Core.Attribution;

/// <summary>How much of the differences in time the differences in work explain: a job's own regression of log(time) on
/// log(feature).</summary>
/// <remarks>
/// <para>Both per unit of work, and both less the median of the rank's peers in the same step, so that what all share cancels out. Sums
/// over all ranks and steps forget exponentially. The slope is 1 for a feature that time is proportional to (tokens), between 0 and 1 for
/// one that only a part of the time follows (Σ length² of attention).</para>
/// <para>A feature explains only where it correlates within the job; a slow device has the same feature as its peers, and is left
/// unexplained.</para>
/// </remarks>
internal sealed class WorkloadRegression
{
    /// <summary>Correlation from which on the feature is believed to drive the time.</summary>
    public const double CorrelationMin = 0.5;

    private const double SlopeMax = 1.5;
    private const double Forgetting = 1.0 / 64;

    private double _featureSquares;
    private double _timeSquares;
    private double _products;

    /// <summary>Takes one rank's step, of ranks that no verdict stands against.</summary>
    /// <param name="feature">log(feature per unit), less the peers' median.</param>
    /// <param name="time">log(time per unit), less the peers' median.</param>
    public void Add(double feature, double time)
    {
        _featureSquares += feature * feature;
        _timeSquares += time * time;
        _products += feature * time;
    }

    /// <summary>Ends a step: what came before counts a little less.</summary>
    public void EndStep()
    {
        _featureSquares *= 1 - Forgetting;
        _timeSquares *= 1 - Forgetting;
        _products *= 1 - Forgetting;
    }

    /// <summary>log(time) per log(feature); 0 where the feature does not correlate.</summary>
    public double Slope
    {
        get
        {
            double scale = _featureSquares * _timeSquares;
            return scale > 0 && _products > CorrelationMin * Math.Sqrt(scale) ? Math.Min(SlopeMax, _products / _featureSquares) : 0;
        }
    }
}
