namespace StragglerGuard.Core.Detection;

/// <summary>How long a series has run since it last changed, as a distribution over run lengths.</summary>
/// <remarks>
/// <para>Bayesian online change-point detection (Adams &amp; MacKay, "Bayesian Online Changepoint Detection", 2007) with constant hazard
/// and a normal model of unknown mean and variance: conjugate normal-gamma, so that a value's predictive distribution under a run of n
/// values is Student's t.</para>
/// <para>Three departures. The value that brings the news belongs to the new run already, which saves a step. Runs of
/// <see cref="RunsMax"/> values or more are one hypothesis, "long ago", that forgets exponentially. And the prior of a new run is centred
/// on the level before with ten of its σ, since a change is a change from something. A single outlier looks like a change here: the caller
/// verifies.</para>
/// </remarks>
internal sealed class RunLengthPosterior
{
    /// <summary>Run lengths that are told apart.</summary>
    public const int RunsMax = 48;

    private const double Hazard = 0.01;
    private const double PriorShape = 2;
    private const double PriorPrecision = 0.01;

    // Γ(α + ½) / Γ(α) for α = PriorShape + n/2, in logs.
    private static readonly double[] LogGammaRatio = LogGammaRatios();

    private readonly double[] _probability = new double[RunsMax + 1];
    // Place 0 holds the prior of a new run.
    private readonly double[] _mean = new double[RunsMax + 1];
    private readonly double[] _rate = new double[RunsMax + 1];

    /// <summary>Begins again, certain to be within a run of the given level and σ that has lasted long.</summary>
    public void Reset(double center, double sigma)
    {
        Array.Clear(_probability);
        _mean[0] = center;
        _rate[0] = PriorShape * sigma * sigma;
        _probability[RunsMax] = 1;
        _mean[RunsMax] = center;
        _rate[RunsMax] = ShapeOf(RunsMax) * sigma * sigma;
    }

    /// <summary>Takes the next value, in O(<see cref="RunsMax"/>).</summary>
    /// <param name="value">Finite.</param>
    /// <param name="steps">1 … <see cref="RunsMax"/> − 1.</param>
    /// <returns>The probability that the run is no longer than <paramref name="steps"/> values, this one included.</returns>
    public double Add(double value, int steps)
    {
        // In place from long to short: run n becomes run n + 1, and the two longest share the last place.
        double total = 0;
        double longest = _probability[RunsMax] * Predictive(RunsMax, value);
        double second = _probability[RunsMax - 1] * Predictive(RunsMax - 1, value);
        MergeLongest(longest, second, value);
        _probability[RunsMax] = (1 - Hazard) * (longest + second);
        total += _probability[RunsMax];
        for (int n = RunsMax - 1; n >= 2; n--)
        {
            _probability[n] = (1 - Hazard) * _probability[n - 1] * Predictive(n - 1, value);
            _mean[n] = _mean[n - 1];
            _rate[n] = _rate[n - 1];
            Learn(n - 1, ref _mean[n], ref _rate[n], value);
            total += _probability[n];
        }

        _probability[1] = Hazard * Predictive(0, value);
        _mean[1] = _mean[0];
        _rate[1] = _rate[0];
        Learn(0, ref _mean[1], ref _rate[1], value);
        total += _probability[1];
        return Normalize(total, steps);
    }

    private double Normalize(double total, int steps)
    {
        if (!(total > 0))
        {
            // So far from everything that no hypothesis gives it any density: something new began.
            Array.Clear(_probability);
            _probability[1] = total = 1;
        }

        double young = 0;
        for (int n = 1; n <= RunsMax; n++)
        {
            _probability[n] /= total;
            young += n <= steps ? _probability[n] : 0;
        }

        return young;
    }

    private void MergeLongest(double longest, double second, double value)
    {
        if (second > longest)
        {
            _mean[RunsMax] = _mean[RunsMax - 1];
            _rate[RunsMax] = _rate[RunsMax - 1];
            Learn(RunsMax - 1, ref _mean[RunsMax], ref _rate[RunsMax], value);
            return;
        }

        Learn(RunsMax, ref _mean[RunsMax], ref _rate[RunsMax], value);
        _rate[RunsMax] *= ShapeOf(RunsMax) / (ShapeOf(RunsMax) + 0.5);
    }

    private static void Learn(int n, ref double mean, ref double rate, double value)
    {
        double precision = PriorPrecision + n;
        double distance = value - mean;
        rate += 0.5 * precision / (precision + 1) * distance * distance;
        mean += distance / (precision + 1);
    }

    private double Predictive(int n, double value)
    {
        double shape = ShapeOf(n);
        double precision = PriorPrecision + n;
        double spread = 2 * _rate[n] * (precision + 1) / precision;
        double distance = value - _mean[n];
        double logScale = 0.5 * Math.Log(Math.PI * spread);
        return Math.Exp(LogGammaRatio[n] - logScale - ((shape + 0.5) * Math.Log(1 + (distance * distance / spread))));
    }

    private static double ShapeOf(int n) => PriorShape + (0.5 * n);

    private static double[] LogGammaRatios()
    {
        // Γ(2.5) / Γ(2) = ¾√π, and Γ(α + 1) / Γ(α + ½) = α ÷ (Γ(α + ½) / Γ(α)).
        var ratios = new double[RunsMax + 1];
        double ratio = 0.75 * Math.Sqrt(Math.PI);
        for (int n = 0; n <= RunsMax; n++)
        {
            ratios[n] = Math.Log(ratio);
            ratio = ShapeOf(n) / ratio;
        }

        return ratios;
    }
}
