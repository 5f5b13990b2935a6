using StragglerGuard.Benchmarks.Groups;
using StragglerGuard.Benchmarks.Measurement;

namespace StragglerGuard.Benchmarks.CommandLine;

/// <summary>The words of the command line.</summary>
/// <param name="Effort">How long to measure.</param>
/// <param name="Groups">What to measure, in the order of the table.</param>
/// <param name="Markdown">Whether the table is for a Markdown page.</param>
/// <param name="WantsHelp">Whether to explain the program and do nothing.</param>
internal sealed record Arguments(Effort Effort, IReadOnlyList<IBenchmarkGroup> Groups, bool Markdown, bool WantsHelp)
{
    /// <summary>Reads the words.</summary>
    /// <param name="words">As the program got them.</param>
    /// <param name="groups">All there are.</param>
    /// <param name="error">What is wrong with them; empty where nothing is.</param>
    /// <returns>Null where something is wrong.</returns>
    public static Arguments? TryParse(IReadOnlyList<string> words, IReadOnlyList<IBenchmarkGroup> groups, out string error)
    {
        error = "";
        Effort effort = Effort.Full;
        bool markdown = false;
        bool help = false;
        var only = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < words.Count; i++)
        {
            switch (words[i])
            {
                case "--quick":
                    effort = Effort.Quick;
                    break;
                case "--markdown":
                    markdown = true;
                    break;
                case "--help" or "-h":
                    help = true;
                    break;
                case "--only" when i + 1 < words.Count && groups.Any(group => group.Name == words[i + 1]):
                    only.Add(words[++i]);
                    break;
                case "--only":
                    string given = i + 1 < words.Count ? $"not '{words[i + 1]}'" : "and got nothing";
                    error = $"--only takes one of {string.Join(", ", groups.Select(group => group.Name))}, {given}.";
                    return null;
                default:
                    error = $"Unknown argument '{words[i]}'; --help lists what there is.";
                    return null;
            }
        }

        return new Arguments(effort, [.. groups.Where(group => only.Count == 0 || only.Contains(group.Name))], markdown, help);
    }

    /// <summary>What the program does and takes.</summary>
    public static IEnumerable<string> Help(IReadOnlyList<IBenchmarkGroup> groups) =>
    [
        "Prints speed as ratios, each against a peer or a physical limit measured in the same run:",
        "medians of interleaved repetitions. A target that is missed is named and changes no exit code.",
        "",
        "  --quick      some ten seconds instead of a minute: coarser, and fewer sizes",
        "  --only NAME  one group; repeatable:",
        .. groups.Select(group => $"                 {group.Name,-10} {group.Summary}"),
        "  --markdown   the table as Markdown",
        "",
        "  intake       first of all words: a whole fleet's reports into one guardian, minute by minute; intake --help tells more",
        "  cluster      first of all words: the same fleet through Akka.NET, guardian and load in processes of their own; cluster --help",
    ];
}
