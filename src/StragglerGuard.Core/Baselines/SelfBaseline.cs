namespace StragglerGuard.Core.Baselines;

/// <summary>What is normal for one series: median and robust spread over a fixed ring of values that were judged healthy.</summary>
/// <remarks>
/// <para>The caller decides what is healthy and adds nothing else, so that an anomaly can't become its own yardstick.</para>
/// <para>σ = 1.4826 · MAD, the factor that makes it the standard deviation of normal noise (Rousseeuw &amp; Croux, "Alternatives to the Median
/// Absolute Deviation", JASA 1993). Two corrections keep it from being too small, never the other way: noise with memory averages out more slowly,
/// so σ is raised by √((1 + r)/(1 − r)), r the lag-1 autocorrelation of the clipped values, which makes it the long-run σ that a sum of
/// values obeys; and an estimate from n values is raised by 1 + 8/n, the more the fewer they are. Then comes the floor.</para>
/// <para>The median is recomputed every <see cref="RefreshEvery"/> additions, every second time of that once the ring is full and a few values
/// move little; σ when it is next asked for, so that a series of which only the level matters pays for no more.</para>
/// </remarks>
internal sealed class SelfBaseline
{
    /// <summary>Additions between two recomputations while the ring fills.</summary>
    public const int RefreshEvery = 16;

    private const double MadToSigma = 1.4826;
    private const double AutocorrelationMax = 0.8;
    private const double AutocorrelationClip = 3;
    private const double SmallSample = 8;

    private readonly double[] _ring;
    private readonly double[] _scratch;
    private readonly double _sigmaFloor;
    private int _next;
    private int _sinceRefresh;
    private double _sigma;
    private bool _isSigmaStale;

    /// <summary>Begins empty.</summary>
    /// <param name="capacity">Values kept, 2 or more.</param>
    /// <param name="sigmaFloor">Smallest σ ever answered, above 0.</param>
    /// <param name="scratch">At least <paramref name="capacity"/> long; may be shared by what one thread uses: nothing is kept in it from call to call, reading σ included.</param>
    public SelfBaseline(int capacity, double sigmaFloor, double[] scratch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 2);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sigmaFloor);
        ArgumentOutOfRangeException.ThrowIfLessThan(scratch.Length, capacity, nameof(scratch));
        _ring = new double[capacity];
        _scratch = scratch;
        _sigmaFloor = sigmaFloor;
        _sigma = sigmaFloor;
    }

    /// <summary>Values held.</summary>
    public int Count { get; private set; }

    /// <summary>Median as of the last recomputation.</summary>
    public double Center { get; private set; }

    /// <summary>Robust long-run standard deviation around <see cref="Center"/>, never below the floor.</summary>
    public double Sigma
    {
        get
        {
            if (_isSigmaStale)
            {
                _isSigmaStale = false;
                _sigma = ComputeSigma();
            }

            return _sigma;
        }
    }

    /// <summary>Whether the statistics include the value added last.</summary>
    public bool IsFresh => _sinceRefresh == 0;

    /// <summary>Adds a healthy value; the oldest leaves a full ring.</summary>
    public void Add(double value)
    {
        _ring[_next] = value;
        _next = _next + 1 == _ring.Length ? 0 : _next + 1;
        Count = Math.Min(Count + 1, _ring.Length);
        if (++_sinceRefresh >= (Count < _ring.Length ? RefreshEvery : 2 * RefreshEvery))
        {
            Refresh();
        }
    }

    /// <summary>Moves every value, and with them the median, by the same amount: the level changed, the noise did not.</summary>
    public void Shift(double amount)
    {
        foreach (ref double value in _ring.AsSpan(0, Count))
        {
            value += amount;
        }

        Center += amount;
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Count = 0;
        _next = 0;
        _sinceRefresh = 0;
        Center = 0;
        _sigma = _sigmaFloor;
        _isSigmaStale = false;
    }

    /// <summary>Recomputes the median now, and σ when it is next asked for.</summary>
    public void Refresh()
    {
        _sinceRefresh = 0;
        if (Count == 0)
        {
            return;
        }

        Span<double> scratch = _scratch.AsSpan(0, Count);
        _ring.AsSpan(0, Count).CopyTo(scratch);
        Center = OrderStatistics.Median(scratch);
        _isSigmaStale = true;
    }

    private double ComputeSigma()
    {
        Span<double> scratch = _scratch.AsSpan(0, Count);
        double center = Center;
        for (int i = 0; i < scratch.Length; i++)
        {
            scratch[i] = Math.Abs(_ring[i] - center);
        }

        double sigma = MadToSigma * OrderStatistics.Median(scratch);
        if (sigma > 0)
        {
            double r = Math.Clamp(Autocorrelation(sigma), 0, AutocorrelationMax);
            sigma *= Math.Sqrt((1 + r) / (1 - r)) * (1 + (SmallSample / Count));
        }

        return Math.Max(_sigmaFloor, sigma);
    }

    private double Autocorrelation(double sigma)
    {
        // In the order of time: a full ring begins behind the newest value.
        int oldest = Count == _ring.Length ? _next : 0;
        double clip = AutocorrelationClip * sigma;
        double squares = 0;
        double products = 0;
        double previous = 0;
        for (int pass = 0; pass < 2; pass++)
        {
            foreach (double value in pass == 0 ? _ring.AsSpan(oldest, Count - oldest) : _ring.AsSpan(0, oldest))
            {
                double u = Math.Min(Math.Max(value - Center, -clip), clip);
                squares += u * u;
                products += u * previous;
                previous = u;
            }
        }

        return products / squares;
    }
}
