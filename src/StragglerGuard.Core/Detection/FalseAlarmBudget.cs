namespace StragglerGuard.Core.Detection;

/// <summary>How rarely a fleet may raise a false alarm, and what that asks of each of its tests.</summary>
/// <remarks>
/// At most one false verdict a week and one false destructive action a month, for the whole fleet however large it is. Every rank is
/// judged at every step, so a test whose mean time between false alarms is 1/α steps of one rank needs 1/α = ranks × steps a second × the
/// period.
/// </remarks>
public readonly record struct FalseAlarmBudget
{
    private const double SecondsInWeek = 7 * 86_400.0;
    private const double SecondsInMonth = 30 * 86_400.0;

    /// <summary>The budget of a fleet.</summary>
    /// <param name="ranks">Ranks judged, 1 or more.</param>
    /// <param name="stepsPerSecond">Steps each takes a second, above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public FalseAlarmBudget(int ranks, double stepsPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        if (!(stepsPerSecond > 0 && double.IsFinite(stepsPerSecond)))
        {
            throw new ArgumentOutOfRangeException(nameof(stepsPerSecond), stepsPerSecond, "Above 0.");
        }

        VerdictAlpha = Math.Min(0.5, 1 / (ranks * stepsPerSecond * SecondsInWeek));
        DestructiveAlpha = Math.Min(0.5, 1 / (ranks * stepsPerSecond * SecondsInMonth));
    }

    /// <summary>False verdicts allowed per rank and step.</summary>
    /// <value>Above 0, at most 0.5.</value>
    public double VerdictAlpha { get; }

    /// <summary>False destructive actions allowed per rank and step.</summary>
    /// <value>Above 0, at most 0.5.</value>
    public double DestructiveAlpha { get; }
}
