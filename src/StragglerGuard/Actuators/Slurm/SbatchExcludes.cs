namespace StragglerGuard.Actuators.Slurm;

/// <summary>The nodes that a submission excluded by itself: a new <c>--exclude</c> takes the place of these.</summary>
internal static class SbatchExcludes
{
    private static readonly char[] s_blanks = [' ', '\t'];

    /// <summary>The lists of nodes in the options, or, where these name none, in the script's own lines.</summary>
    internal static IEnumerable<string> Of(SlurmSubmission submission)
    {
        var given = LastOf(submission.Options);
        return given is not null ? [given] : LastInScript(Path.Combine(submission.WorkingDirectory, submission.Script)) is { } own ? [own] : [];
    }

    /// <summary>sbatch reads its lines up to the first command.</summary>
    private static string? LastInScript(string path)
    {
        string? last = null;
        foreach (var line in File.ReadLines(path).Select(line => line.Trim()))
        {
            if (line.StartsWith("#SBATCH", StringComparison.Ordinal))
            {
                var words = line["#SBATCH".Length..].Split(s_blanks, StringSplitOptions.RemoveEmptyEntries);
                var end = Array.FindIndex(words, word => word.StartsWith('#'));
                last = LastOf(end < 0 ? words : words[..end]) ?? last;
            }
            else if (line.Length > 0 && !line.StartsWith('#'))
            {
                break;
            }
        }

        return last?.Trim('"', '\'');
    }

    private static string? LastOf(IReadOnlyList<string> options)
    {
        string? last = null;
        for (var i = 0; i < options.Count; i++)
        {
            var option = options[i];
            if (option is "-x" or "--exclude")
            {
                last = i + 1 < options.Count ? options[i + 1] : last;
            }
            else if (option.StartsWith("--exclude=", StringComparison.Ordinal))
            {
                last = option["--exclude=".Length..];
            }
            else if (option.StartsWith("-x", StringComparison.Ordinal))
            {
                last = option[2..];
            }
        }

        return last;
    }
}
