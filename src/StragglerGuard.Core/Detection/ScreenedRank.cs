using System.Runtime.CompilerServices;
using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Detection;

/// <summary>Everything that a screening remembers of one rank: a fixed number of bytes, whatever happens.</summary>
/// <remarks>
/// <para>Centre and spread are exponential averages of clipped values instead of medians over a ring: 16 bytes instead of 1,000. Clipping
/// at 3σ keeps an outlier's pull at that of a large healthy value, and nothing that is suspect is admitted. σ is raised for memory from
/// step to step and for few steps as in <see cref="SelfBaseline"/>.</para>
/// <para>Single precision: a level is a logarithm around 20 and its changes are above 1e-2, five orders above the rounding.</para>
/// </remarks>
internal struct ScreenedRank
{
    /// <summary>Steps that the check takes its medians over.</summary>
    public const int CheckSteps = 5;

    /// <summary>Steps that the averages remember.</summary>
    public const int MemorySteps = 64;

    private const float MeanDeviationToSigma = 1.2533f;
    private const float AutocorrelationMax = 0.8f;
    private const float SmallSample = 8;

    private Five _recentResidual;
    private Five _recentLevel;
    private float _deviation;
    private float _squares;
    private float _products;
    private float _lastDeviation;
    private int _newest;

    public float ResidualCenter;
    public float LevelCenter;
    public float ReferenceResidual;
    public float ReferenceLevel;
    public float DriftMean;
    public float LevelMean;
    public float AccusedResidual;
    public float CusumUp;
    public float CusumDown;
    public long OnsetStep;
    public long RaisedAtStep;
    public long CalmFromStep;
    public int Seen;
    public int Refused;
    public int Calm;
    public VerdictKind Kind;
    public bool IsKnown;
    public bool IsLearned;
    public bool IsFlagged;
    public bool IsTakenOver;

    /// <summary>Long-run σ of the residual, never below the floor.</summary>
    public readonly float Sigma(float floor)
    {
        float r = _squares > 0 ? Math.Clamp(_products / _squares, 0, AutocorrelationMax) : 0;
        float n = Math.Clamp(Seen, 1, MemorySteps);
        return Math.Max(floor, MeanDeviationToSigma * _deviation * MathF.Sqrt((1 + r) / (1 - r)) * (1 + (SmallSample / n)));
    }

    public void Remember(float residual, float level)
    {
        _newest = _newest + 1 == CheckSteps ? 0 : _newest + 1;
        _recentResidual[_newest] = residual;
        _recentLevel[_newest] = level;
    }

    public readonly float RecentResidual() => MedianOfFive(_recentResidual);

    public readonly float RecentLevel() => MedianOfFive(_recentLevel);

    /// <summary>Takes a healthy value into what is normal.</summary>
    public void Admit(float residual, float level, float clip)
    {
        Seen = Math.Min(Seen + 1, int.MaxValue - 1);
        if (Seen == 1)
        {
            ResidualCenter = residual;
            LevelCenter = level;
            return;
        }

        float gain = 1f / Math.Min(Seen, MemorySteps);
        float distance = Math.Clamp(residual - ResidualCenter, -clip, clip);
        ResidualCenter += gain * distance;
        LevelCenter += gain * Math.Clamp(level - LevelCenter, -clip, clip);
        _deviation += gain * (Math.Abs(distance) - _deviation);
        _squares += gain * ((distance * distance) - _squares);
        _products += gain * ((distance * _lastDeviation) - _products);
        _lastDeviation = distance;
    }

    /// <summary>Forgets what is normal, and the reference with it.</summary>
    public void BeginAnew()
    {
        Seen = 0;
        Refused = 0;
        IsLearned = false;
        CusumUp = CusumDown = 0;
        _deviation = _squares = _products = _lastDeviation = 0;
    }

    private static float MedianOfFive(in Five values)
    {
        float a = values[0], b = values[1], c = values[2], d = values[3], e = values[4];
        float low = Math.Max(Math.Min(a, b), Math.Min(c, d));
        float high = Math.Min(Math.Max(a, b), Math.Max(c, d));
        return Math.Max(Math.Min(low, high), Math.Min(Math.Max(low, high), e));
    }

    [InlineArray(CheckSteps)]
    private struct Five
    {
        private float _first;
    }
}
