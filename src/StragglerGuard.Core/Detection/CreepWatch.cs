using StragglerGuard.Core.Attribution;

namespace StragglerGuard.Core.Detection;

/// <summary>Small steps and slow ramps of one rank, which a baseline that follows would take for normal.</summary>
/// <remarks>
/// The mean of the last <see cref="MeanSteps"/> residuals, clipped at 3σ so that no outlier makes it, against a reference that is learned
/// once from <see cref="ReferenceSteps"/> steps and then stays. The rank's own level must have moved at least half as far, else its peers
/// moved. Reported, never acted upon.
/// </remarks>
internal sealed class CreepWatch
{
    /// <summary>Steps of the mean.</summary>
    public const int MeanSteps = 15;

    /// <summary>Steps that the reference is learned from.</summary>
    public const int ReferenceSteps = 48;

    /// <summary>Smallest creep worth a word, in logs: 4 %.</summary>
    public static readonly double SmallestChange = Math.Log(1.04);

    private const double Significance = 5;
    private static readonly double LargestThreshold = Math.Log(1 + DetectionParameters.DefaultMinimumEffect);
    private const double ClipZ = 3;

    private readonly double[] _residual = new double[MeanSteps];
    private readonly double[] _level = new double[MeanSteps];
    private int _seen;
    private int _learned;
    private double _referenceResidual;
    private double _referenceLevel;
    private double _sigma;
    private int _calmSteps;
    private long _calmFrom;

    /// <summary>Whether a creep was told and is not over.</summary>
    public bool IsCreeping { get; private set; }

    /// <summary>Step at which the mean left half of the smallest creep.</summary>
    public long OnsetStep { get; private set; } = -1;

    /// <summary>Whether the reference is learned.</summary>
    public bool HasReference => _learned >= ReferenceSteps;

    /// <summary>The level that is normal; meaningless until <see cref="HasReference"/>.</summary>
    public double ReferenceLevel => _referenceLevel;

    /// <summary>Begins with a reference that was learned elsewhere.</summary>
    public void RestartFrom(double referenceResidual, double referenceLevel, double sigma)
    {
        Restart();
        _learned = ReferenceSteps;
        _referenceResidual = referenceResidual;
        _referenceLevel = referenceLevel;
        _sigma = sigma;
    }

    /// <summary>Forgets everything: another level is normal now.</summary>
    public void Restart()
    {
        _seen = 0;
        _learned = 0;
        _referenceResidual = 0;
        _referenceLevel = 0;
        IsCreeping = false;
        OnsetStep = -1;
        _calmSteps = 0;
    }

    /// <summary>Takes a step of a rank that no verdict stands against.</summary>
    /// <param name="residual">Distance from what it is compared with.</param>
    /// <param name="level">log(time per unit of work).</param>
    /// <param name="sigma">Long-run σ of the residual.</param>
    /// <param name="step">The step.</param>
    /// <param name="found">What there is to tell, without the rank.</param>
    /// <returns>Whether there is something to tell.</returns>
    public bool Add(double residual, double level, double sigma, long step, out DetectionEvent found)
    {
        found = default;
        if (_learned < ReferenceSteps)
        {
            _learned++;
            _referenceResidual += (residual - _referenceResidual) / _learned;
            _referenceLevel += (level - _referenceLevel) / _learned;
            _sigma = sigma;
            return false;
        }

        _residual[_seen % MeanSteps] = residual;
        _level[_seen % MeanSteps] = level;
        if (++_seen < MeanSteps)
        {
            return false;
        }

        double threshold = Math.Max(SmallestChange, Significance * _sigma * Math.Sqrt((1.0 / MeanSteps) + (1.0 / ReferenceSteps)));
        double creep = ClippedMean(_residual, _referenceResidual);
        double own = ClippedMean(_level, _referenceLevel);
        OnsetStep = creep < 0.5 * threshold && !IsCreeping ? -1 : OnsetStep < 0 ? step - (MeanSteps / 2) : OnsetStep;
        return IsCreeping ? TryClear(creep, own, threshold, step, out found) : TryRaise(creep, own, threshold, step, out found);
    }

    private bool TryRaise(double creep, double own, double threshold, long step, out DetectionEvent found)
    {
        // In noise that hides small effects there is no creep to be told from it: that is the slowness detector's.
        IsCreeping = threshold <= LargestThreshold && creep >= threshold && own >= 0.5 * creep;
        found = IsCreeping ? Event(DetectionEventKind.FindingRaised, OnsetStep, step, own, threshold) with
        {
            Confidence = VerdictConfidence.Of(creep, SmallestChange, _sigma, MeanSteps),
        }
        : default;
        return IsCreeping;
    }

    private bool TryClear(double creep, double own, double threshold, long step, out DetectionEvent found)
    {
        found = default;
        bool isCalm = creep < 0.5 * threshold;
        _calmFrom = isCalm && _calmSteps == 0 ? step : _calmFrom;
        _calmSteps = isCalm ? _calmSteps + 1 : 0;
        if (_calmSteps < MeanSteps)
        {
            return false;
        }

        IsCreeping = false;
        _calmSteps = 0;
        found = Event(DetectionEventKind.FindingCleared, _calmFrom, step, own, threshold);
        return true;
    }

    private DetectionEvent Event(DetectionEventKind kind, long changedAtStep, long step, double own, double threshold)
    {
        // What is told is the plain mean: the clipped one is for deciding.
        double mean = 0;
        foreach (double residual in _residual)
        {
            mean += (residual - _referenceResidual) / MeanSteps;
        }

        return new DetectionEvent
        {
            Kind = kind,
            Verdict = VerdictKind.Creep,
            OnsetStep = Math.Max(0, OnsetStep),
            ChangedAtStep = Math.Max(0, changedAtStep),
            RaisedAtStep = step,
            Slowdown = Math.Exp(mean),
            Residual = mean,
            OwnShift = own,
            Sigma = _sigma,
            Threshold = threshold,
            Cause = Cause.Compute,
        };
    }

    private double ClippedMean(double[] values, double reference)
    {
        double clip = ClipZ * _sigma;
        double mean = 0;
        foreach (double value in values)
        {
            mean += Math.Clamp(value - reference, -clip, clip) / MeanSteps;
        }

        return mean;
    }
}
