using System.Globalization;
using System.Text;

namespace StragglerGuard.Actuators.Slurm;

/// <summary>Names of nodes and partitions as Slurm writes and reads them.</summary>
internal static class SlurmNames
{
    private const int NumberDigitsMax = 18;

    /// <summary>
    /// Whether a text names one node or partition. Slurm would take <c>n[1-6]</c> for six nodes and <c>ALL</c> for every one.
    /// </summary>
    internal static bool IsName(string text) =>
        text.Length is > 0 and <= 255
        && char.IsAsciiLetterOrDigit(text[0])
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-')
        && !text.Equals("ALL", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Names in Slurm's bracket form, so that a large partition fits into one argument: neighbours of equal prefix and width become ranges.
    /// </summary>
    internal static string Compress(IEnumerable<string> names)
    {
        var parts = new List<string>();
        foreach (var group in names.Distinct(StringComparer.Ordinal).Select(Split).GroupBy(name => (name.Prefix, name.Width))
            .OrderBy(group => group.Key.Prefix, StringComparer.Ordinal).ThenBy(group => group.Key.Width))
        {
            if (group.Key.Width == 0)
            {
                parts.Add(group.Key.Prefix);
                continue;
            }

            var ranges = Ranges([.. group.Select(name => name.Number).Order()], group.Key.Width);
            parts.Add(ranges.Contains('-') || ranges.Contains(',') ? $"{group.Key.Prefix}[{ranges}]" : group.Key.Prefix + ranges);
        }

        return string.Join(',', parts);
    }

    private static string Ranges(long[] numbers, int width)
    {
        var text = new StringBuilder();
        for (var i = 0; i < numbers.Length;)
        {
            var last = i;
            while (last + 1 < numbers.Length && numbers[last + 1] == numbers[last] + 1)
            {
                last++;
            }

            text.Append(text.Length == 0 ? "" : ",").Append(Pad(numbers[i], width));
            if (last > i)
            {
                text.Append('-').Append(Pad(numbers[last], width));
            }

            i = last + 1;
        }

        return text.ToString();
    }

    private static string Pad(long number, int width) => number.ToString("D" + width.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>A name and the number that it ends in; width 0 where it ends in none. n9 and n10 differ in width, which Slurm reads as well.</summary>
    private static (string Prefix, int Width, long Number) Split(string name)
    {
        var start = name.Length;
        while (start > 0 && char.IsAsciiDigit(name[start - 1]) && name.Length - start < NumberDigitsMax)
        {
            start--;
        }

        return start == name.Length || start == 0
            ? (name, 0, 0)
            : (name[..start], name.Length - start, long.Parse(name.AsSpan(start), NumberStyles.None, CultureInfo.InvariantCulture));
    }
}
