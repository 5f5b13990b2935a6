using System.Globalization;

namespace StragglerGuard.Benchmarks.Printing;

/// <summary>Writes numbers with three significant digits and a unit, the same in every culture.</summary>
internal static class Quantity
{
    /// <summary>A time span.</summary>
    /// <param name="ns">ns.</param>
    public static string Time(double ns) => Math.Abs(ns) switch
    {
        < 1e3 => $"{Digits(ns)} ns",
        < 1e6 => $"{Digits(ns * 1e-3)} µs",
        < 1e9 => $"{Digits(ns * 1e-6)} ms",
        _ => $"{Digits(ns * 1e-9)} s",
    };

    /// <summary>Memory.</summary>
    /// <param name="bytes">Bytes.</param>
    public static string Bytes(double bytes) => bytes switch
    {
        < 1 << 10 => $"{Digits(bytes)} B",
        < 1 << 20 => $"{Digits(bytes / (1 << 10))} KiB",
        _ => $"{Digits(bytes / (1 << 20))} MiB",
    };

    /// <summary>A time over another.</summary>
    public static string Ratio(double ratio) => ratio >= 0.1 ? Digits(ratio) : $"1/{Digits(1 / ratio)}";

    /// <summary>A count.</summary>
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Three significant digits without an exponent.</summary>
    public static string Digits(double value) => Math.Abs(value) switch
    {
        0 => "0",
        >= 99.95 => value.ToString("F0", CultureInfo.InvariantCulture),
        >= 9.995 => value.ToString("F1", CultureInfo.InvariantCulture),
        >= 0.01 => value.ToString("F2", CultureInfo.InvariantCulture),
        _ => value.ToString("G2", CultureInfo.InvariantCulture),
    };
}
