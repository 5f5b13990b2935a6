namespace StragglerGuard.Ledger;

/// <summary>One entry of the ledger.</summary>
/// <param name="Sequence">1, 2, 3 …</param>
/// <param name="At">When it was decided.</param>
/// <param name="Decision">What was decided.</param>
public sealed record LedgerEntry(long Sequence, DateTimeOffset At, LedgerDecision Decision)
{
    /// <summary>
    /// When it was decided, by the wall clock of who appended it: for people, and for budgets per hour. It may jump: what was decided first
    /// is told by <see cref="Sequence"/>.
    /// </summary>
    /// <value>UTC, whole microseconds: what every kind of ledger can keep.</value>
    public DateTimeOffset At { get; } = new(At.UtcTicks - (At.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
}
