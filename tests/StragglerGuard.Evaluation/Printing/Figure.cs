namespace StragglerGuard.Evaluation.Printing;

/// <summary>One line of the table.</summary>
/// <param name="Subject">What was judged: a file, a fleet.</param>
/// <param name="What">What was measured of it.</param>
/// <param name="Measured">The figure, or why there is none.</param>
/// <param name="Target">What it must be; empty where it is for information.</param>
/// <param name="IsMet">Whether it is; null where there is no target, or no figure.</param>
internal sealed record Figure(string Subject, string What, string Measured, string Target, bool? IsMet)
{
    /// <summary>Measured, without a target.</summary>
    public static Figure Told(string subject, string what, string measured) => new(subject, what, measured, "", null);

    /// <summary>Measured against a target.</summary>
    public static Figure Of(string subject, string what, string measured, string target, bool isMet) =>
        new(subject, what, measured, target, isMet);

    /// <summary>Not measured, and why.</summary>
    public static Figure Skipped(string subject, string reason) => new(subject, "", $"skipped: {reason}", "", null);
}
