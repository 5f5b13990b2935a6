using System.Text.RegularExpressions;

namespace StragglerGuard.Traces;

/// <summary>
/// Reads a folder of PyTorch profiler traces (Kineto's JSON, one file a rank, packed with gzip or not) and works out who was late to each collective.
/// </summary>
/// <remarks>
/// The time inside is that of the communication kernel on the device. Collectives are matched by process group, order, name and, where all members must
/// agree on it, size; a trace that starts later or ends earlier than the others is shifted until most match. Sends and receives between two ranks
/// are no collectives and are left out.
/// </remarks>
public static partial class KinetoReader
{
    /// <summary>How many files are read; one a rank.</summary>
    public const int FilesMax = 65_536;

    /// <summary>Reads a folder.</summary>
    /// <param name="folder">Holds the files <c>*.json</c> and <c>*.json.gz</c>; its subfolders aren't searched.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is null or empty.</exception>
    public static KinetoReading ReadFolder(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string[] files;
        try
        {
            files =
            [
                .. Directory.EnumerateFiles(folder)
                    .Where(file => file.EndsWith(".json", StringComparison.OrdinalIgnoreCase) || file.EndsWith(".json.gz", StringComparison.OrdinalIgnoreCase))
                    .Order(StringComparer.Ordinal)
                    .Take(FilesMax),
            ];
        }
        catch (Exception exception) when (TraceFile.IsUnreadable(exception))
        {
            return Nothing($"{folder}: {exception.Message}", TraceFaults.None);
        }

        if (files.Length == 0)
        {
            return Nothing($"{folder}: no *.json or *.json.gz in it", TraceFaults.None);
        }

        var log = new FaultLog();
        var ranks = new List<KinetoRank>();
        foreach (string file in files)
        {
            try
            {
                using Stream stream = TraceFile.Open(file);
                ranks.Add(ReadRank(stream, file, log));
            }
            catch (Exception exception) when (TraceFile.IsUnreadable(exception))
            {
                log.Add(file, exception.Message);
            }
        }

        return Judge(ranks, folder, log);
    }

    /// <summary>Reads the unpacked trace of one rank.</summary>
    internal static KinetoRank ReadRank(Stream stream, string path, FaultLog log)
    {
        var events = new KinetoEvents(path, log);
        JsonChunks.Read(stream, events.Take, (line, fault) => log.Add(path, line, fault));
        return events.ToRank();
    }

    /// <summary>Matches the ranks' collectives.</summary>
    internal static KinetoReading Judge(List<KinetoRank> read, string folder, FaultLog log)
    {
        var byRank = new SortedDictionary<int, KinetoRank>();
        int worldSize = 0;
        int unnamed = 0;
        foreach (KinetoRank trace in read.Where(trace => trace.Collectives.Count > 0))
        {
            int rank = trace.Rank ?? RankInName(trace.Path) ?? unnamed++;
            worldSize = Math.Max(worldSize, trace.WorldSize);
            if (!byRank.TryAdd(rank, trace))
            {
                log.Add(trace.Path, $"rank: {rank} was read from another file before");
            }
        }

        if (byRank.Count < 2)
        {
            string why = byRank.Count == 0 ? "no trace with a collective in it" : "only one rank's trace: lag needs two";
            return Nothing($"{folder}: {why}", log.ToFaults());
        }

        var matcher = new CollectiveMatcher(byRank);
        IReadOnlyList<CollectiveLag> collectives = matcher.Match();
        string? fault = collectives.Count > 0 ? null : $"{folder}: no collective is in the traces of all its ranks";
        return new KinetoReading(
            collectives, [.. byRank.Keys], Math.Max(0, worldSize - byRank.Count), matcher.Unmatched, fault, log.ToFaults());
    }

    private static KinetoReading Nothing(string fault, TraceFaults faults) => new([], [], 0, 0, fault, faults);

    private static int? RankInName(string path) =>
        RankName().Match(Path.GetFileName(path)) is { Success: true } match && int.TryParse(match.Groups[1].ValueSpan, out int rank) ? rank : null;

    [GeneratedRegex(@"(?:rank|worker)[-_]?(\d{1,7})", RegexOptions.IgnoreCase)]
    private static partial Regex RankName();
}
