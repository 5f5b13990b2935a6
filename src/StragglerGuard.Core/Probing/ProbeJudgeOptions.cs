using System.Collections.Immutable;
using System.Globalization;

namespace StragglerGuard.Core.Probing;

/// <summary>From when on a probed device or link is slow.</summary>
public sealed record ProbeJudgeOptions
{
    /// <summary>The least slowness that is called so, however quiet the measurement.</summary>
    /// <value>Share of the time that its like takes, 0.01 … 1; default 0.10.</value>
    public double EffectMin { get; init; } = 0.10;

    /// <summary>How many standard deviations the slowness must stand out of the spread of repeats and peers.</summary>
    /// <value>1 … 10; default 3.</value>
    public double SpreadSigmas { get; init; } = 3;

    /// <summary>
    /// A measurement that would have overlooked a slowness up to here vouches for nobody: it is <see cref="ProbeVerdict.Unknown"/>, not fit.
    /// </summary>
    /// <value>Share of the time that its like takes, <see cref="EffectMin"/> … 10; default 0.30.</value>
    public double OverlookedMax { get; init; } = 0.30;

    /// <summary>Everything that is out of its range.</summary>
    /// <returns>One sentence a fault, naming the option; empty if the options are good.</returns>
    public ImmutableArray<string> FindFaults()
    {
        var faults = ImmutableArray.CreateBuilder<string>();
        void Need(bool good, FormattableString fault)
        {
            if (!good)
            {
                faults.Add(fault.ToString(CultureInfo.InvariantCulture));
            }
        }

        Need(EffectMin is >= 0.01 and <= 1, $"EffectMin = {EffectMin} is not within 0.01 … 1");
        Need(SpreadSigmas is >= 1 and <= 10, $"SpreadSigmas = {SpreadSigmas} is not within 1 … 10");
        Need(
            OverlookedMax >= EffectMin && OverlookedMax <= 10,
            $"OverlookedMax = {OverlookedMax} is not within EffectMin = {EffectMin} … 10");
        return faults.ToImmutable();
    }
}
