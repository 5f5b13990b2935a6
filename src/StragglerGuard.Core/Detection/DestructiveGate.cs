namespace StragglerGuard.Core.Detection;

/// <summary>Stands between a verdict and anything that can't be taken back: opens for a rank only when luck is ruled out at a stated
/// rate.</summary>
/// <remarks>
/// <para>An e-detector (Shin, Ramdas &amp; Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2023) on X =
/// 1{residual &gt; log(1 + minimum effect)}. While a rank is healthy P(X = 1) ≤ ½ given the past, whatever the distribution of its noise;
/// so e = 2q or 2(1 − q), for X = 1 or 0 and any q ≥ ½, has a mean of at most 1, and the Shiryaev–Roberts sum R ← (R + 1)·e, averaged over
/// a few q, exceeds 1/α no sooner than after 1/α steps on average.</para>
/// <para>"Was last" would not do for X: after an uneven integer deal one healthy rank is always last. Sums are kept as logarithms.</para>
/// </remarks>
public sealed class DestructiveGate
{
    // Shares of steps above the limit that the mixture is best at.
    private const int Parts = 3;
    private static readonly double[] LogUp = [Math.Log(2 * 0.65), Math.Log(2 * 0.85), Math.Log(2 * 0.98)];
    private static readonly double[] LogDown = [Math.Log(2 * 0.35), Math.Log(2 * 0.15), Math.Log(2 * 0.02)];
    private static readonly double LogParts = Math.Log(Parts);

    private readonly float[] _logSum;
    private readonly double _logLimit;

    /// <summary>Begins closed for every rank.</summary>
    /// <param name="ranks">Ranks, 1 or more. Takes 12 bytes each.</param>
    /// <param name="minimumEffect">Smallest slowdown that counts, as a share: above 0.</param>
    /// <param name="alpha">False openings allowed per rank and step, above 0 and below 1
    /// (<see cref="FalseAlarmBudget.DestructiveAlpha"/>).</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public DestructiveGate(int ranks, double minimumEffect, double alpha)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(minimumEffect);
        if (!(alpha > 0 && alpha < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(alpha), alpha, "Above 0, below 1.");
        }

        _logSum = new float[checked(ranks * Parts)];
        Array.Fill(_logSum, float.NegativeInfinity);
        _logLimit = -Math.Log(alpha);
        EffectLog = Math.Log(1 + minimumEffect);
    }

    /// <summary>What a residual must exceed to count against its rank, in logs.</summary>
    public double EffectLog { get; }

    /// <summary>Takes one step of a rank that was compared with its peers. Steps in which it was not are left out. Allocates
    /// nothing.</summary>
    /// <param name="rank">Who.</param>
    /// <param name="residual">log(time per unit of work) less its peers' median.</param>
    /// <exception cref="IndexOutOfRangeException">There is no such rank.</exception>
    public void Observe(Rank rank, double residual)
    {
        bool exceeds = residual > EffectLog;
        Span<float> sums = _logSum.AsSpan(rank.Value * Parts, Parts);
        for (int i = 0; i < sums.Length; i++)
        {
            double grown = sums[i] > 0 ? sums[i] + Math.Log(1 + Math.Exp(-sums[i])) : Math.Log(1 + Math.Exp(sums[i]));
            sums[i] = (float)(grown + (exceeds ? LogUp[i] : LogDown[i]));
        }
    }

    /// <summary>log of the evidence against a rank: of the mean of its sums.</summary>
    /// <value>−∞ before its first step.</value>
    /// <exception cref="IndexOutOfRangeException">There is no such rank.</exception>
    public double LogEvidence(Rank rank)
    {
        ReadOnlySpan<float> sums = _logSum.AsSpan(rank.Value * Parts, Parts);
        double largest = Math.Max(sums[0], Math.Max(sums[1], sums[2]));
        if (double.IsNegativeInfinity(largest))
        {
            return largest;
        }

        double total = 0;
        foreach (float sum in sums)
        {
            total += Math.Exp(sum - largest);
        }

        return largest + Math.Log(total) - LogParts;
    }

    /// <summary>Whether the evidence against a rank has reached 1/α. Closes again as the evidence falls.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no such rank.</exception>
    public bool IsOpen(Rank rank) => LogEvidence(rank) >= _logLimit;

    /// <summary>How far the evidence has come, in words.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no such rank.</exception>
    public string Describe(Rank rank)
    {
        double had = LogEvidence(rank) / Math.Log(10);
        return string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"the evidence of its steps is 10^{(double.IsNegativeInfinity(had) ? 0 : had):0.0}, and 10^{_logLimit / Math.Log(10):0.0} {(IsOpen(rank) ? "was" : "is")} asked for");
    }

    /// <summary>Forgets what speaks against a rank: it recovered, or another worker took its place.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no such rank.</exception>
    public void Reset(Rank rank) => _logSum.AsSpan(rank.Value * Parts, Parts).Fill(float.NegativeInfinity);
}
