namespace StragglerGuard.Actuators;

/// <summary>How persistent one reconciliation is.</summary>
public sealed record ReconcilerOptions
{
    /// <summary>How often it looks and acts before it leaves the rest due.</summary>
    /// <value>1 to 100; default 5.</value>
    public int Rounds { get; init; } = 5;

    /// <summary>The wait after the first round that failed; it doubles with each.</summary>
    /// <value>More than zero; default 0.5 s.</value>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>The longest wait between two rounds. A longer one that the other side asks for ends the reconciliation: the rest stays due.</summary>
    /// <value>At least <see cref="FirstDelay"/>, at most an hour; default 30 s.</value>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(30);

    internal void ThrowIfInvalid()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Rounds, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Rounds, 100);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(FirstDelay, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(LongestDelay, FirstDelay);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(LongestDelay, TimeSpan.FromHours(1));
    }
}
