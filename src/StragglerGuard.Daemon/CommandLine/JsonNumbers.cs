namespace StragglerGuard.Daemon.CommandLine;

/// <summary>Numbers as JSON can hold them.</summary>
internal static class JsonNumbers
{
    /// <summary>JSON knows neither NaN nor infinity: what is not known is null.</summary>
    public static double? Known(double value) => double.IsFinite(value) ? value : null;

    /// <inheritdoc cref="Known(double)"/>
    public static double? Known(double? value) => value is { } number ? Known(number) : null;

    /// <summary>A name of an enumeration as JSON spells it: <c>slowFromStart</c>.</summary>
    public static string Camel<T>(T value)
        where T : struct, Enum
    {
        string name = value.ToString();
        return char.ToLowerInvariant(name[0]) + name[1..];
    }
}
