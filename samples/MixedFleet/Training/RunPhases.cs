using System.Globalization;

namespace MixedFleet.Training;

/// <summary>How the steps of a run are used: first the guard only observes the even deal, then it acts.</summary>
/// <param name="Steps">All steps.</param>
/// <param name="Observed">Steps of phase one; phase two begins with this step.</param>
/// <param name="First">The first step of this run: 0, or so many were done before the checkpoint that it goes on from.</param>
internal sealed record RunPhases(int Steps, int Observed, int First = 0)
{
    /// <summary>The fewest steps that leave something to measure in both phases.</summary>
    public const int StepsMin = 40;

    /// <summary>The most steps of a run.</summary>
    public const int StepsMax = 1_000_000;

    /// <summary>Steps at the beginning of each phase that are not measured.</summary>
    public const int WarmUp = 10;

    private const int StepsDefault = 240;
    private const int StepsDefaultEmulated = 60;
    private const int StepsAfterLastSlowdown = 60;

    /// <summary>A quarter of the steps observes, 20 to 100 of them.</summary>
    /// <param name="steps">Of the job.</param>
    /// <param name="first">Of them done already.</param>
    public static RunPhases Of(int steps, int first = 0) => new(steps, Math.Clamp(steps / 4, 20, 100), first);

    /// <summary>The steps of a run whose user named none: long enough to see the last slowdown end.</summary>
    /// <param name="lastSlowdownEnd">Where the last slowdown ends; null where there is none that does.</param>
    /// <param name="isEmulated">Whether the devices are, which are slow.</param>
    public static int DefaultSteps(long? lastSlowdownEnd, bool isEmulated = false)
    {
        int least = isEmulated ? StepsDefaultEmulated : StepsDefault;
        return lastSlowdownEnd is { } end ? (int)Math.Clamp(end + StepsAfterLastSlowdown, least, int.MaxValue) : least;
    }

    /// <summary>The measured steps of phase one: from, and up to but not including. None where this run began too late.</summary>
    public (int From, int To) MeasuredUnguarded => (First + WarmUp, Observed);

    /// <summary>The measured steps of phase two; none where this run began too late.</summary>
    public (int From, int To) MeasuredGuarded => (Math.Max(First, Observed) + WarmUp, Steps);

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{(First > 0 ? $"from step {First} of " : "")}{Steps} steps: {Observed} observed under the even deal, then {Steps - Observed} guarded; " +
        $"the first {WarmUp} of each are warm-up and not measured");
}
