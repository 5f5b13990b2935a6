using System.Globalization;
using StragglerGuard.Benchmarks.Workloads;

namespace StragglerGuard.Benchmarks.Intake;

/// <summary>The words of the command line after <c>intake</c>.</summary>
/// <param name="Jobs">Jobs.</param>
/// <param name="RanksPerJob">Ranks of each, a multiple of the ranks of a node.</param>
/// <param name="Minutes">Minutes that are reported one by one.</param>
/// <param name="SecondsPerMinute">Steps in each.</param>
/// <param name="IsPaced">Whether in real time.</param>
/// <param name="WantsHelp">Whether to explain and do nothing.</param>
internal sealed record IntakeArguments(int Jobs, int RanksPerJob, int Minutes, int SecondsPerMinute, bool IsPaced, bool WantsHelp)
{
    private const int RanksMax = 1 << 20;

    /// <summary>What it does and takes.</summary>
    public static IReadOnlyList<string> Help { get; } =
    [
        "intake: the reports of a whole fleet into one guardian, from bytes to verdicts, minute by minute:",
        "processor time and bytes a report, share of two cores at 30,000 reports/s, heap after a full collection",
        "",
        "  --jobs N      jobs (1)",
        "  --ranks N     ranks of each, in nodes of 8 (220,000)",
        "  --minutes N   minutes to report (3)",
        "  --seconds N   steps in a minute (60)",
        "  --paced       in real time, one report a node and second; a report that finds the queue full is dropped, counted",
    ];

    /// <summary>Reads the words.</summary>
    /// <returns>Null where something is wrong, which <paramref name="error"/> names.</returns>
    public static IntakeArguments? TryParse(IReadOnlyList<string> words, out string error)
    {
        var read = new IntakeArguments(Jobs: 1, RanksPerJob: 220_000, Minutes: 3, SecondsPerMinute: 60, IsPaced: false, WantsHelp: false);
        error = "";
        for (int i = 0; i < words.Count && error.Length == 0; i++)
        {
            switch (words[i])
            {
                case "--paced":
                    read = read with { IsPaced = true };
                    break;
                case "--help" or "-h":
                    read = read with { WantsHelp = true };
                    break;
                case "--jobs" or "--ranks" or "--minutes" or "--seconds" when i + 1 < words.Count
                    && int.TryParse(words[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is >= 1 and <= RanksMax:
                    read = words[i++] switch
                    {
                        "--jobs" => read with { Jobs = count },
                        "--ranks" => read with { RanksPerJob = count },
                        "--minutes" => read with { Minutes = count },
                        _ => read with { SecondsPerMinute = count },
                    };
                    break;
                case "--jobs" or "--ranks" or "--minutes" or "--seconds":
                    error = $"{words[i]} takes a number of 1 … {RanksMax}.";
                    break;
                default:
                    error = $"Unknown argument '{words[i]}'; --help lists what there is.";
                    break;
            }
        }

        if (error.Length == 0 && read.RanksPerJob % ReportingFleet.RanksPerNode != 0)
        {
            error = $"--ranks {read.RanksPerJob}: a node has {ReportingFleet.RanksPerNode} ranks.";
        }

        if (error.Length == 0 && (long)read.Jobs * read.RanksPerJob > RanksMax)
        {
            error = $"{read.Jobs} jobs of {read.RanksPerJob} ranks are more than {RanksMax} ranks.";
        }

        return error.Length == 0 ? read : null;
    }
}
