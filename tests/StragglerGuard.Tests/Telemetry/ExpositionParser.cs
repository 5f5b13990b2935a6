using System.Globalization;
using System.Text;

namespace StragglerGuard.Tests.Telemetry;

/// <summary>One series as a scraper reads it.</summary>
internal sealed record ParsedSeries(string Name, string Help, string Type, IReadOnlyList<(string Name, string Value)> Labels, double Value);

/// <summary>A reader of the text format, written from its description and not from the writer.</summary>
internal static class ExpositionParser
{
    internal static IReadOnlyList<ParsedSeries> Parse(string page)
    {
        var help = new Dictionary<string, string>();
        var types = new Dictionary<string, string>();
        var series = new List<ParsedSeries>();
        page.Should().EndWith("\n");
        foreach (var line in page[..^1].Split('\n'))
        {
            if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                var parts = line.Split(' ', 4);
                help.Add(parts[2], Unescape(parts[3]));
            }
            else if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                var parts = line.Split(' ');
                types.Add(parts[2], parts[3]);
            }
            else
            {
                series.Add(ParseLine(line, help, types));
            }
        }

        return series;
    }

    private static ParsedSeries ParseLine(string line, Dictionary<string, string> help, Dictionary<string, string> types)
    {
        var at = line.IndexOfAny(['{', ' ']);
        var name = line[..at];
        var labels = new List<(string, string)>();
        while (line[at] != ' ')
        {
            var equals = line.IndexOf('=', at);
            var key = line[(at + 1)..equals];
            line[equals + 1].Should().Be('"');
            var end = equals + 2;
            while (line[end] != '"')
            {
                end += line[end] == '\\' ? 2 : 1;
            }

            labels.Add((key, Unescape(line[(equals + 2)..end])));
            at = end + 1;
            at += line[at] == '}' ? 1 : 0;
        }

        var number = line[(at + 1)..];
        var value = number switch
        {
            "NaN" => double.NaN,
            "+Inf" => double.PositiveInfinity,
            "-Inf" => double.NegativeInfinity,
            _ => double.Parse(number, NumberStyles.Float, CultureInfo.InvariantCulture),
        };
        return new ParsedSeries(name, help[name], types[name], labels, value);
    }

    private static string Unescape(string text)
    {
        var plain = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            plain.Append(text[i] != '\\' ? text[i] : text[++i] switch { 'n' => '\n', var escaped => escaped });
        }

        return plain.ToString();
    }
}
