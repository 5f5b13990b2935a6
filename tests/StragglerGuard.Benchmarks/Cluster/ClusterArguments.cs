using System.Globalization;
using StragglerGuard.Benchmarks.Workloads;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>The words of the command line after <c>cluster</c>.</summary>
/// <param name="Jobs">Jobs.</param>
/// <param name="RanksAsked">Ranks of each, a multiple of the ranks of a node; or those of the one agent. Null where nothing was said.</param>
/// <param name="Systems">Actor systems that the nodes share: connections to the guardian.</param>
/// <param name="Seconds">How long to report at full load.</param>
/// <param name="IsIdle">Whether there are one agent and one guardian instead, which have next to nothing to say to each other.</param>
/// <param name="IsPrepared">Whether the nodes' reports are bytes already, instead of the product's own agents' work.</param>
/// <param name="WantsHelp">Whether to explain and do nothing.</param>
internal sealed record ClusterArguments(int Jobs, int? RanksAsked, int Systems, int Seconds, bool IsIdle, bool IsPrepared, bool WantsHelp)
{
    private const int Largest = 1 << 20;
    private const int RanksPerJobUnlessAsked = 220_000;
    private const int IdleRanksMax = 64;

    /// <summary>Ranks of each job.</summary>
    public int RanksPerJob => RanksAsked ?? RanksPerJobUnlessAsked;

    /// <summary>Ranks of the one agent where it is idle; 0 for none.</summary>
    public int IdleRanks => RanksAsked ?? 0;

    /// <summary>What it does and takes.</summary>
    public static IReadOnlyList<string> Help { get; } =
    [
        "cluster: a fleet's reports through Akka.NET into the guardian of a cluster, each in a process of its own:",
        "nodes say hello through a cluster client, are welcomed, report once a second, and are given receipts.",
        "Tells every 10 s: reports that were sent and acknowledged, processor time of both processes, memory of the guardian.",
        "",
        "  --jobs N      jobs (1)",
        "  --ranks N     ranks of each, in nodes of 8 (220,000)",
        "  --systems N   actor systems that the nodes share, each with a connection of its own (4)",
        "  --seconds N   how long, once every node is welcomed (60)",
        "  --prepared    the nodes' reports are bytes already: all but the sending is the guardian's",
        "  --idle        instead: what an agent's process takes that has nothing to report, or with --ranks N (64 at most)",
        "                that of ranks which take a step a second and compute nothing",
    ];

    /// <summary>Reads the words.</summary>
    /// <returns>Null where something is wrong, which <paramref name="error"/> names.</returns>
    public static ClusterArguments? TryParse(IReadOnlyList<string> words, out string error)
    {
        var read = new ClusterArguments(Jobs: 1, RanksAsked: null, Systems: 4, Seconds: 60, IsIdle: false, IsPrepared: false, WantsHelp: false);
        error = "";
        for (int i = 0; i < words.Count && error.Length == 0; i++)
        {
            switch (words[i])
            {
                case "--idle":
                    read = read with { IsIdle = true };
                    break;
                case "--prepared":
                    read = read with { IsPrepared = true };
                    break;
                case "--help" or "-h":
                    read = read with { WantsHelp = true };
                    break;
                case "--jobs" or "--ranks" or "--systems" or "--seconds" when i + 1 < words.Count
                    && int.TryParse(words[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is >= 1 and <= Largest:
                    read = words[i++] switch
                    {
                        "--jobs" => read with { Jobs = count },
                        "--ranks" => read with { RanksAsked = count },
                        "--systems" => read with { Systems = count },
                        _ => read with { Seconds = count },
                    };
                    break;
                case "--jobs" or "--ranks" or "--systems" or "--seconds":
                    error = $"{words[i]} takes a number of 1 … {Largest}.";
                    break;
                default:
                    error = $"Unknown argument '{words[i]}'; cluster --help lists what there is.";
                    break;
            }
        }

        if (error.Length == 0 && read.IsIdle && read.IdleRanks > IdleRanksMax)
        {
            error = $"--ranks {read.IdleRanks}: the one agent of --idle has at most {IdleRanksMax}.";
        }

        if (error.Length == 0 && !read.IsIdle && (read.RanksPerJob % ReportingFleet.RanksPerNode != 0 || (long)read.Jobs * read.RanksPerJob > Largest))
        {
            error = $"{read.Jobs} jobs of {read.RanksPerJob} ranks: a node has {ReportingFleet.RanksPerNode}, and all jobs together at most {Largest}.";
        }

        return error.Length == 0 ? read : null;
    }
}
