using StragglerGuard.Traces;
using static StragglerGuard.Daemon.CommandLine.TerminalText;

namespace StragglerGuard.Daemon.Analysis;

/// <summary>Collectives of profiler traces for a terminal: a short table with a heat map in characters, one paragraph.</summary>
internal static class CollectiveText
{
    private const int CollectivesShown = 40;
    private const int RanksShown = 64;

    public static IEnumerable<string> Lines(string name, KinetoReading reading)
    {
        yield return Say($"{name}: {reading.Ranks.Count} ranks, {reading.Collectives.Count} collectives");
        if (reading.MissingRanks > 0 || reading.Unmatched > 0)
        {
            yield return Say($"no trace of {reading.MissingRanks} ranks; {reading.Unmatched} collectives left out that not every member recorded");
        }

        yield return "";
        yield return Say($"      lag  transfer  last  lag by rank ({HeatScale.Shades} up to the collective's largest)");
        foreach (CollectiveLag collective in reading.Collectives.Take(CollectivesShown))
        {
            double largest = collective.LagSeconds.Max();
            string cells = string.Concat(collective.LagSeconds.Take(RanksShown).Select(lag => HeatScale.Shade(largest > 0 ? lag / largest : 0)));
            string last = collective.LastRank is { } rank ? Say($"{rank}") : "-";
            yield return Say($"{Time(largest),9}  {Time(collective.TransferSeconds),8}  {last,4}  {cells}  {collective.Name} {Size(collective.SizeBytes)}");
        }

        if (reading.Collectives.Count > CollectivesShown)
        {
            yield return Say($"and {reading.Collectives.Count - CollectivesShown} more");
        }

        yield return "";
        foreach (string line in Wrapped(Paragraph(reading)))
        {
            yield return line;
        }
    }

    /// <summary>Who came last most often, and what waiting for the last cost.</summary>
    public static string Paragraph(KinetoReading reading)
    {
        double lost = reading.Collectives.Sum(collective => collective.LagSeconds.Max());
        double transfer = reading.Collectives.Sum(collective => collective.TransferSeconds);
        var named = reading.Collectives.Where(collective => collective.LastRank is not null).GroupBy(collective => collective.LastRank!.Value)
            .Select(rank => (Rank: rank.Key, Times: rank.Count())).OrderByDescending(rank => rank.Times).ThenBy(rank => rank.Rank).ToList();
        string all = Say($"The first to come waited {Time(lost)} in all for the last to come, beside {Time(transfer)} of transfers. ");
        if (named.Count == 0)
        {
            return all + "At no collective was one rank the last: nobody holds the others back.";
        }

        string who = Say($"Rank {named[0].Rank} came last in {named[0].Times} of {reading.Collectives.Count} collectives");
        string meaning = 2 * named[0].Times > reading.Collectives.Count
            ? ": look at what it does before them. "
            : Say($", and {named.Count} ranks came last in one or more: no single rank holds the others back. ");
        return all + who + meaning + "The last to come waits least: a long time inside a collective marks who waited, not who was slow.";
    }

    public static string Time(double seconds) => seconds >= 0.1 ? Say($"{seconds:0.00} s") : seconds >= 1e-3 ? Say($"{seconds * 1e3:0.00} ms") : Say($"{seconds * 1e6:0} µs");

    public static string Size(long? bytes) => bytes switch
    {
        null => "",
        >= 1 << 20 => Say($"{bytes / 1048576.0:0.#} MiB"),
        >= 1 << 10 => Say($"{bytes / 1024.0:0.#} KiB"),
        _ => Say($"{bytes} B"),
    };
}
