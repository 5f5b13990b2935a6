using System.Globalization;
using System.Text;
using StragglerGuard.Traces;

namespace StragglerGuard.Daemon.CommandLine;

/// <summary>Text for a terminal.</summary>
internal static class TerminalText
{
    private const int WidthMax = 100;

    /// <summary>Without characters that steer a terminal: text from a file may hold any.</summary>
    public static string Printable(string text) => text.Any(char.IsControl)
        ? string.Concat(text.Select(character => char.IsControl(character) ? '?' : character))
        : text;

    /// <summary>A message of several lines as one.</summary>
    public static string OneLine(string text) => Printable(string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));

    /// <summary>Formats numbers as English does, whatever the locale.</summary>
    public static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Breaks a paragraph into lines.</summary>
    public static IEnumerable<string> Wrapped(string paragraph)
    {
        var line = new StringBuilder();
        foreach (string word in paragraph.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > WidthMax)
            {
                yield return line.ToString();
                line.Clear();
            }

            line.Append(line.Length > 0 ? " " : "").Append(word);
        }

        if (line.Length > 0)
        {
            yield return line.ToString();
        }
    }

    /// <summary>Names the records that were left out.</summary>
    public static void WriteFaults(TextWriter error, TraceFaults faults)
    {
        foreach (string fault in faults.First)
        {
            error.WriteLine(Printable(fault));
        }

        if (faults.Count > faults.First.Count)
        {
            error.WriteLine(Say($"and {faults.Count - faults.First.Count} more"));
        }

        if (faults.Count > 0)
        {
            error.WriteLine(Say($"{faults.Count} bad records left out; the others are judged."));
        }
    }
}
