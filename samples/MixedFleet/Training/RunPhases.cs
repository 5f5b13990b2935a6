using System.Globalization;

namespace MixedFleet.Training;

/// <summary>How the steps of a run are used: first the guard only observes the even deal, then it acts.</summary>
/// <param name="Steps">All steps.</param>
/// <param name="Observed">Steps of phase one; phase two begins with this step.</param>
internal sealed record RunPhases(int Steps, int Observed)
{
    /// <summary>The fewest steps that leave something to measure in both phases.</summary>
    public const int StepsMin = 40;

    /// <summary>The most steps of a run.</summary>
    public const int StepsMax = 1_000_000;

    /// <summary>Steps at the beginning of each phase that are not measured.</summary>
    public const int WarmUp = 10;

    private const int StepsDefault = 240;
    private const int StepsAfterLastSlowdown = 60;

    /// <summary>A quarter of the steps observes, 20 to 100 of them.</summary>
    public static RunPhases Of(int steps) => new(steps, Math.Clamp(steps / 4, 20, 100));

    /// <summary>The steps of a run whose user named none: long enough to see the last slowdown end.</summary>
    public static int DefaultSteps(long? lastSlowdownEnd) =>
        lastSlowdownEnd is { } end ? (int)Math.Clamp(end + StepsAfterLastSlowdown, StepsDefault, int.MaxValue) : StepsDefault;

    /// <summary>The measured steps of phase one: from, and up to but not including.</summary>
    public (int From, int To) MeasuredUnguarded => (WarmUp, Observed);

    /// <summary>The measured steps of phase two.</summary>
    public (int From, int To) MeasuredGuarded => (Observed + WarmUp, Steps);

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Steps} steps: {Observed} observed under the even deal, then {Steps - Observed} guarded; " +
        $"the first {WarmUp} of each are warm-up and not measured");
}
