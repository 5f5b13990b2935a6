using System.Globalization;

namespace StragglerGuard.Evaluation.Recorded;

/// <summary>What the recorded jobs and their truths have in common.</summary>
internal static class RecordedFolder
{
    /// <summary>The files of a pattern, in the order of their names; none where there is no such folder.</summary>
    public static string[] Files(string folder, string pattern) =>
        Directory.Exists(folder) ? [.. Directory.GetFiles(folder, pattern).Order(StringComparer.Ordinal)] : [];

    /// <summary>The folders of a pattern, likewise.</summary>
    public static string[] Folders(string folder, string pattern) =>
        Directory.Exists(folder) ? [.. Directory.GetDirectories(folder, pattern).Order(StringComparer.Ordinal)] : [];

    public static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    /// <summary>Upper median; NaN of nothing.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? double.NaN : sorted[sorted.Length / 2];
    }
}
