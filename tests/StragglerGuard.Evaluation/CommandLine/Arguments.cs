namespace StragglerGuard.Evaluation.CommandLine;

/// <summary>The words of the command line.</summary>
/// <param name="Data">The folder of recorded jobs.</param>
/// <param name="Groups">What to measure, in the order of the table.</param>
/// <param name="IsQuick">Whether fewer and smaller fleets will do.</param>
/// <param name="Markdown">Whether the table is for a Markdown page.</param>
/// <param name="WantsHelp">Whether to explain the program and do nothing.</param>
internal sealed record Arguments(string Data, IReadOnlyList<IFigureGroup> Groups, bool IsQuick, bool Markdown, bool WantsHelp)
{
    /// <summary>Names the folder of recorded jobs where no argument does.</summary>
    public const string DataVariable = "STRAGGLERGUARD_DATA";

    /// <summary>Reads the words.</summary>
    /// <param name="words">As the program got them.</param>
    /// <param name="groups">All there are.</param>
    /// <param name="error">What is wrong with them; empty where nothing is.</param>
    /// <returns>Null where something is wrong.</returns>
    public static Arguments? TryParse(IReadOnlyList<string> words, IReadOnlyList<IFigureGroup> groups, out string error)
    {
        error = "";
        string? data = null;
        bool isQuick = false;
        bool markdown = false;
        bool help = false;
        var only = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < words.Count; i++)
        {
            switch (words[i])
            {
                case "--quick":
                    isQuick = true;
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
                case { } word when word.StartsWith('-') || data is not null:
                    error = $"Unknown argument '{word}'; --help lists what there is.";
                    return null;
                case { } word when !Directory.Exists(word):
                    error = $"There is no folder '{word}'.";
                    return null;
                case { } word:
                    data = word;
                    break;
            }
        }

        return new Arguments(data ?? UsualData(), [.. groups.Where(group => only.Count == 0 || only.Contains(group.Name))], isQuick, markdown, help);
    }

    /// <summary>What the program does and takes.</summary>
    public static IEnumerable<string> Help(IReadOnlyList<IFigureGroup> groups) =>
    [
        "Prints how right the judgement is: over recorded jobs, and over seeded synthetic fleets.",
        "The detectors run with the parameters they ship with; nothing is tuned to a file.",
        "",
        "usage: StragglerGuard.Evaluation [FOLDER] [--quick] [--only NAME]... [--markdown]",
        "",
        $"  FOLDER       the recorded jobs; else the folder that {DataVariable} names, else shared/data beside the",
        "               repository; what is not there is skipped",
        "  --quick      a minute instead of several: fewer seeds, smaller fleets",
        "  --only NAME  one group; repeatable:",
        .. groups.Select(group => $"                 {group.Name,-10} {group.Summary}"),
        "  --markdown   the table as Markdown",
        "",
        "Ends with 0 where every target is met, 1 where one is missed, 2 for a bad argument.",
    ];

    private static string UsualData()
    {
        if (Environment.GetEnvironmentVariable(DataVariable) is { Length: > 0 } named)
        {
            return named;
        }

        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "StragglerGuard.sln")))
        {
            folder = folder.Parent;
        }

        return Path.GetFullPath(Path.Combine(folder?.FullName ?? AppContext.BaseDirectory, "..", "shared", "data"));
    }
}
