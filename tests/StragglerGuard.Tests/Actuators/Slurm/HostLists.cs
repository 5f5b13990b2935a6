using System.Globalization;
using System.Text.RegularExpressions;

namespace StragglerGuard.Tests.Actuators.Slurm;

/// <summary>Slurm's bracket form, read the slow way.</summary>
internal static partial class HostLists
{
    public static string[] Expand(string list) =>
        [.. Terms().Matches(list).SelectMany(term => ExpandTerm(term.Groups["prefix"].Value, term.Groups["ranges"]))];

    private static IEnumerable<string> ExpandTerm(string prefix, Group ranges)
    {
        if (!ranges.Success)
        {
            return [prefix];
        }

        return from range in ranges.Value.Split(',')
               let ends = range.Split('-')
               let first = long.Parse(ends[0], CultureInfo.InvariantCulture)
               from i in Enumerable.Range(0, (int)(long.Parse(ends[^1], CultureInfo.InvariantCulture) - first) + 1)
               select prefix + (first + i).ToString(CultureInfo.InvariantCulture).PadLeft(ends[0].Length, '0');
    }

    [GeneratedRegex(@"(?<prefix>[^,\[\]]+)(\[(?<ranges>[^\]]+)\])?")]
    private static partial Regex Terms();
}
