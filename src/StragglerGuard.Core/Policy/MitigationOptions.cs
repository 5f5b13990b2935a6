using System.Collections.Immutable;
using System.Globalization;

namespace StragglerGuard.Core.Policy;

/// <summary>When an action is worth it, and what it may never do.</summary>
public sealed record MitigationOptions
{
    /// <summary>The least gain that is worth an action.</summary>
    /// <value>Share of the present time per sample, 0 … 1 (excluded); default 0.02.</value>
    public double MinGain { get; init; } = 0.02;

    /// <summary>Over how long an action has to pay for what it costs once.</summary>
    /// <value>Seconds, finite, above 0; default 600.</value>
    public double HorizonSeconds { get; init; } = 600;

    /// <summary>The fewest steps from one plan to the next.</summary>
    /// <value>Steps, 0 or more; default 20.</value>
    public int CoolDownSteps { get; init; } = 20;

    /// <summary>Where more than this share of a group is flagged, nothing is done: if all are guilty, nobody is.</summary>
    /// <value>Above 0, 1 or less; default 0.5.</value>
    public double BrakeShare { get; init; } = 0.5;

    /// <summary>Where more than this share of a group is flagged, nothing destructive is done.</summary>
    /// <value>Above 0, <see cref="BrakeShare"/> or less; default 0.3.</value>
    public double DestructiveBrakeShare { get; init; } = 0.3;

    /// <summary>Evictions (replicas) and restarts within any 3,600 s.</summary>
    /// <value>0 or more; default 2.</value>
    public int EvictionsPerHour { get; init; } = 2;

    /// <summary>The share of the initial members that must stay.</summary>
    /// <value>0 … 1; default 0.75.</value>
    public double FloorShare { get; init; } = 0.75;

    /// <summary>The number of members that must stay, however few there were.</summary>
    /// <value>1 or more; default 2.</value>
    public int FloorMembers { get; init; } = 2;

    /// <summary>The first term of an evicted replica; doubled from term to term.</summary>
    /// <value>Seconds, finite, 0 or more; default 300.</value>
    public double ProbationSeconds { get; init; } = 300;

    /// <summary>The longest term.</summary>
    /// <value>Seconds, finite, <see cref="ProbationSeconds"/> or more; default 86,400.</value>
    public double ProbationMaxSeconds { get; init; } = 86_400;

    /// <summary>Who is evicted within this time of its readmission flaps: its term is doubled twice.</summary>
    /// <value>Seconds, finite, 0 or more; default 1,800.</value>
    public double FlapSeconds { get; init; } = 1_800;

    /// <summary>Who stayed for this long after its readmission begins anew.</summary>
    /// <value>Seconds, finite, <see cref="FlapSeconds"/> or more; default 86,400.</value>
    public double ForgiveSeconds { get; init; } = 86_400;

    /// <summary>Whether nobody is readmitted whom a probe has not found fit.</summary>
    /// <value>Default true.</value>
    public bool ReadmitNeedsProbe { get; init; } = true;

    /// <summary>How long a kind rests whose plan disappointed; doubled from time to time.</summary>
    /// <value>Seconds, finite, 0 or more; default 600.</value>
    public double RestSeconds { get; init; } = 600;

    /// <summary>The longest rest of a kind.</summary>
    /// <value>Seconds, finite, <see cref="RestSeconds"/> or more; default 86,400.</value>
    public double RestMaxSeconds { get; init; } = 86_400;

    /// <summary>By how much the slowest of a step must exceed the median one, on average, for a deadline or backup workers.</summary>
    /// <value>Share, finite, 0 or more; default 0.05.</value>
    public double MinTail { get; init; } = 0.05;

    /// <summary>A replica that is late in more than this share of the steps is always late.</summary>
    /// <value>Above 0, 1 or less; default 0.5.</value>
    public double AlwaysLateShare { get; init; } = 0.5;

    /// <summary>Frames after a switch that are left out of its grade: pipelines fill, caches warm.</summary>
    /// <value>0 or more; default 2.</value>
    public int SettleFrames { get; init; } = 2;

    /// <summary>The fewest frames that anything is told from, before and after a switch.</summary>
    /// <value>4 … <see cref="GradeFrames"/>; default 8.</value>
    public int GradeFramesMin { get; init; } = 8;

    /// <summary>Frames that grade a plan; up to <see cref="PlanGrader.FramesTimesMax"/> times as many where they can't tell.</summary>
    /// <value>4 … 1,024; default 16.</value>
    public int GradeFrames { get; init; } = 16;

    /// <summary>The same for a deadline or backup workers: what these win is rare and large.</summary>
    /// <value><see cref="GradeFrames"/> … 1,024; default 64.</value>
    public int TailGradeFrames { get; init; } = 64;

    /// <summary>How many standard errors a grade must stand out of the noise.</summary>
    /// <value>0 … 10; default 3.</value>
    public double GradeSigmas { get; init; } = 3;

    /// <summary>The share of the predicted gain that a plan has to realise.</summary>
    /// <value>0 … 1; default 0.5.</value>
    public double RealisedShare { get; init; } = 0.5;

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

        void NeedSeconds(double seconds, string name, double least, string leastName) => Need(
            seconds >= least && double.IsFinite(seconds), $"{name} = {seconds} is not a finite number of {leastName} or more");

        Need(MinGain is >= 0 and < 1, $"MinGain = {MinGain} is not within 0 … 1, 1 excluded");
        Need(HorizonSeconds > 0 && double.IsFinite(HorizonSeconds), $"HorizonSeconds = {HorizonSeconds} is not a finite number above 0");
        Need(CoolDownSteps >= 0, $"CoolDownSteps = {CoolDownSteps} is negative");
        Need(BrakeShare is > 0 and <= 1, $"BrakeShare = {BrakeShare} is not above 0 and at most 1");
        Need(
            DestructiveBrakeShare > 0 && DestructiveBrakeShare <= BrakeShare,
            $"DestructiveBrakeShare = {DestructiveBrakeShare} is not above 0 and at most BrakeShare = {BrakeShare}");
        Need(EvictionsPerHour >= 0, $"EvictionsPerHour = {EvictionsPerHour} is negative");
        Need(FloorShare is >= 0 and <= 1, $"FloorShare = {FloorShare} is not within 0 … 1");
        Need(FloorMembers >= 1, $"FloorMembers = {FloorMembers} is below 1");
        NeedSeconds(ProbationSeconds, nameof(ProbationSeconds), 0, "0");
        NeedSeconds(ProbationMaxSeconds, nameof(ProbationMaxSeconds), ProbationSeconds, nameof(ProbationSeconds));
        NeedSeconds(FlapSeconds, nameof(FlapSeconds), 0, "0");
        NeedSeconds(ForgiveSeconds, nameof(ForgiveSeconds), FlapSeconds, nameof(FlapSeconds));
        NeedSeconds(RestSeconds, nameof(RestSeconds), 0, "0");
        NeedSeconds(RestMaxSeconds, nameof(RestMaxSeconds), RestSeconds, nameof(RestSeconds));
        Need(MinTail >= 0 && double.IsFinite(MinTail), $"MinTail = {MinTail} is not a finite number of 0 or more");
        Need(AlwaysLateShare is > 0 and <= 1, $"AlwaysLateShare = {AlwaysLateShare} is not above 0 and at most 1");
        Need(SettleFrames >= 0, $"SettleFrames = {SettleFrames} is negative");
        Need(
            GradeFramesMin >= 4 && GradeFramesMin <= GradeFrames,
            $"GradeFramesMin = {GradeFramesMin} is not within 4 … GradeFrames = {GradeFrames}");
        Need(GradeFrames is >= 4 and <= 1024, $"GradeFrames = {GradeFrames} is not within 4 … 1024");
        Need(
            TailGradeFrames >= GradeFrames && TailGradeFrames <= 1024,
            $"TailGradeFrames = {TailGradeFrames} is not within GradeFrames = {GradeFrames} … 1024");
        Need(GradeSigmas is >= 0 and <= 10, $"GradeSigmas = {GradeSigmas} is not within 0 … 10");
        Need(RealisedShare is >= 0 and <= 1, $"RealisedShare = {RealisedShare} is not within 0 … 1");
        return faults.ToImmutable();
    }

    /// <summary>Throws where an option is out of its range.</summary>
    internal static void ThrowIfFaulty(MitigationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.FindFaults() is { IsEmpty: false } faults)
        {
            throw new ArgumentException(string.Join("; ", faults), nameof(options));
        }
    }
}
