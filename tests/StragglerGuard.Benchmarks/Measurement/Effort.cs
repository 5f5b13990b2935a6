namespace StragglerGuard.Benchmarks.Measurement;

/// <summary>How long a comparison runs.</summary>
/// <param name="WarmUp">Untimed rounds before, together at least.</param>
/// <param name="Repeating">Timed rounds, together.</param>
/// <param name="RoundsMin">Timed rounds at least, however long one takes.</param>
/// <param name="IsQuick">Whether groups leave out what takes long and what lies between two others.</param>
internal sealed record Effort(TimeSpan WarmUp, TimeSpan Repeating, int RoundsMin, bool IsQuick)
{
    /// <summary>Under a minute for everything.</summary>
    public static Effort Full { get; } = new(TimeSpan.FromMilliseconds(300), TimeSpan.FromMilliseconds(800), 5, IsQuick: false);

    /// <summary>Some ten seconds for everything.</summary>
    public static Effort Quick { get; } = new(TimeSpan.Zero, TimeSpan.FromMilliseconds(80), 3, IsQuick: true);
}
