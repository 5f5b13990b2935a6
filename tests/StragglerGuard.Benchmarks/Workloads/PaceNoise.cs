namespace StragglerGuard.Benchmarks.Workloads;

/// <summary>Factors on a compute time as a healthy device shows them: log-normal, drawn beforehand so that drawing costs nothing.</summary>
internal sealed class PaceNoise
{
    /// <summary>Coefficient of variation.</summary>
    public const double Cv = 0.02;

    private const int Seed = 20_260_729;

    // A prime: no number of ranks divides it, so no rank meets its own factors again soon.
    private const int Drawn = 65_521;

    private readonly double[] _factors = new double[Drawn];
    private int _next;

    /// <summary>Draws, always the same.</summary>
    public PaceNoise()
    {
        var random = new Random(Seed);
        for (int i = 0; i < Drawn; i++)
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            _factors[i] = Math.Exp(Cv * normal);
        }
    }

    /// <summary>The next factor, about 1.</summary>
    public double Next()
    {
        _next = _next + 1 == Drawn ? 0 : _next + 1;
        return _factors[_next];
    }
}
