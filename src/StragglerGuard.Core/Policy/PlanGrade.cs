namespace StragglerGuard.Core.Policy;

/// <summary>One step, as far as a grade needs it. Plain data.</summary>
/// <param name="Step">Newer than every step before.</param>
/// <param name="Seconds">The step's duration: finite, above 0; another value gives no evidence.</param>
/// <param name="WorkUnits">Work that entered the update, dropped work not counted: finite, 0 or more; another value gives no evidence.</param>
/// <param name="ReckonedSecondsPerUnit">
/// What-if's reckoning of this very step, on the speeds measured in it, under the plan from before the switch (before the switch that is the plan
/// in force): seconds per unit of work, finite, above 0; NaN where the speeds are unknown.
/// </param>
public readonly record struct GradingFrame(long Step, double Seconds, double WorkUnits, double ReckonedSecondsPerUnit);

/// <summary>How a plan turned out.</summary>
public enum GradeVerdict
{
    /// <summary>It keeps what was predicted, or enough of it.</summary>
    Holds = 0,

    /// <summary>It realises less than its share of the predicted gain: beyond the noise, or over all the frames that there was patience for.</summary>
    FallsShort = 1,

    /// <summary>The job is slower than it would be without it, beyond the noise.</summary>
    Slower = 2,

    /// <summary>It can't be told.</summary>
    Unknown = 3,
}

/// <summary>A plan's grade.</summary>
/// <param name="Epoch">The plan.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="PredictedGain">1 − predicted/former seconds per unit of work.</param>
/// <param name="RealisedGain">1 − measured/former seconds per unit of work; NaN where it is unknown.</param>
/// <param name="GainError">Its standard error; NaN where it is unknown.</param>
/// <param name="Frames">Frames that it rests on.</param>
/// <param name="Verdict">How the plan turned out.</param>
/// <param name="IsRolledBack">
/// Whether to go back to the plan from before: it is slower, or it falls short and its gain is not surely above the least that is worth an action.
/// </param>
/// <param name="Reason">Why, for a person, with the numbers.</param>
public sealed record PlanGrade(
    PlanEpoch Epoch,
    MitigationKind Kind,
    double PredictedGain,
    double RealisedGain,
    double GainError,
    int Frames,
    GradeVerdict Verdict,
    bool IsRolledBack,
    string Reason)
{
    /// <summary>Whether plans of its kind rest for a while: what is predicted for them is not to be believed here.</summary>
    public bool KindRests => Verdict is GradeVerdict.FallsShort or GradeVerdict.Slower;
}
