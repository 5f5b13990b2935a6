using System.Collections.Immutable;
using System.Globalization;

namespace StragglerGuard.Core.Policy;

/// <summary>When a new deal is worth it.</summary>
public sealed record PolicyOptions
{
    /// <summary>The least gain in step time that is worth a new deal.</summary>
    /// <value>Share of the current step time, 0 … 1 (excluded); default 0.02.</value>
    public double MinGain { get; init; } = 0.02;

    /// <summary>Over how many steps a switch has to pay for itself.</summary>
    /// <value>Steps, 1 or more; default 200.</value>
    public int HorizonSteps { get; init; } = 200;

    /// <summary>What switching to a new deal costs the job, once.</summary>
    /// <value>Seconds, finite, 0 or more; default 0.1.</value>
    public double SwitchCostSeconds { get; init; } = 0.1;

    /// <summary>The fewest steps from one plan to the next.</summary>
    /// <value>Steps, 0 or more; default 20.</value>
    public int CoolDownSteps { get; init; } = 20;

    /// <summary>The fewest recent frames, complete in every working rank, on which a new deal must show its gain.</summary>
    /// <value>Frames, 4 … 16; default 8.</value>
    public int EvidenceFrames { get; init; } = 8;

    /// <summary>
    /// How many standard errors of the measured speeds the gain must withstand. At 4, equal ranks with 5 % of noise from step to step
    /// are left alone for as long as the job runs.
    /// </summary>
    /// <value>0 … 10; default 4.</value>
    public double GainSigmas { get; init; } = 4;

    /// <summary>Where more than this share of the ranks is flagged, nothing is done: if all are guilty, nobody is.</summary>
    /// <value>Share of the ranks, above 0, 1 or less; default 0.5.</value>
    public double BrakeShare { get; init; } = 0.5;

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

        Need(MinGain is >= 0 and < 1, $"MinGain = {MinGain} is not within 0 … 1, 1 excluded");
        Need(HorizonSteps >= 1, $"HorizonSteps = {HorizonSteps} is below 1");
        Need(SwitchCostSeconds >= 0 && double.IsFinite(SwitchCostSeconds), $"SwitchCostSeconds = {SwitchCostSeconds} is not a finite number of 0 or more");
        Need(CoolDownSteps >= 0, $"CoolDownSteps = {CoolDownSteps} is negative");
        Need(
            EvidenceFrames is >= SpeedEstimator.EvidenceMin and <= SpeedEstimator.WindowSamples,
            $"EvidenceFrames = {EvidenceFrames} is not within {SpeedEstimator.EvidenceMin} … {SpeedEstimator.WindowSamples}");
        Need(GainSigmas is >= 0 and <= 10, $"GainSigmas = {GainSigmas} is not within 0 … 10");
        Need(BrakeShare is > 0 and <= 1, $"BrakeShare = {BrakeShare} is not above 0 and at most 1");
        return faults.ToImmutable();
    }
}
