using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Policy;

/// <summary>Times over what they should have been, and where they lie.</summary>
internal sealed class GradingSample(int capacity)
{
    /// <summary>1.4826 · (median of absolute deviations) estimates σ of normal noise.</summary>
    private const double SigmaPerDeviation = 1.4826;

    /// <summary>A median's standard error over that of a mean, for normal noise: √(π/2).</summary>
    private const double MedianErrorOverMean = 1.2533;

    /// <summary>A handful of frames may agree by luck.</summary>
    private const double SigmaMin = 0.002;

    private readonly double[] _seconds = new double[capacity];
    private readonly double[] _expected = new double[capacity];
    private readonly double[] _scratch = new double[capacity];

    public int Count { get; private set; }

    public void Clear() => Count = 0;

    public void Add(double seconds, double expectedSeconds)
    {
        _seconds[Count] = seconds;
        _expected[Count++] = expectedSeconds;
    }

    /// <summary>seconds/expected: its median, or Σ seconds ÷ Σ expected; and the standard error relative to it.</summary>
    public (double Value, double Error) Locate(bool isMean) => isMean ? LocateMean() : LocateMedian();

    private (double Value, double Error) LocateMedian()
    {
        var scratch = _scratch.AsSpan(0, Count);
        for (var i = 0; i < Count; i++)
        {
            scratch[i] = _seconds[i] / _expected[i];
        }

        var median = OrderStatistics.Median(scratch);
        for (var i = 0; i < Count; i++)
        {
            scratch[i] = Math.Abs((_seconds[i] / _expected[i] / median) - 1);
        }

        var sigma = Math.Max(SigmaMin, SigmaPerDeviation * OrderStatistics.Median(scratch));
        return (median, MedianErrorOverMean * sigma / Math.Sqrt(Count));
    }

    private (double Value, double Error) LocateMean()
    {
        double seconds = 0;
        double expected = 0;
        for (var i = 0; i < Count; i++)
        {
            seconds += _seconds[i];
            expected += _expected[i];
        }

        if (expected == 0)
        {
            return (double.PositiveInfinity, 0);
        }

        var value = seconds / expected;
        double squares = 0;
        for (var i = 0; i < Count; i++)
        {
            var residual = _seconds[i] - (value * _expected[i]);
            squares += residual * residual;
        }

        var sigma = Math.Max(SigmaMin, Math.Sqrt(squares / (Count - 1)) * Count / seconds);
        return (value, sigma / Math.Sqrt(Count));
    }
}
