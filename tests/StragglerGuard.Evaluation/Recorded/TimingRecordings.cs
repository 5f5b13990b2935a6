using StragglerGuard.Core.Detection;
using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Replay;

namespace StragglerGuard.Evaluation.Recorded;

/// <summary>Small data-parallel jobs in which one rank was slowed in the middle third, or the network was (<c>gloo-*.csv</c>).</summary>
/// <remarks>
/// The truth comes with the recording: the middle third is where something was slow, and the rank that was slowed has the shortest collective time there. Where
/// the name says that the network was slow, nobody was.
/// </remarks>
internal sealed class TimingRecordings : IFigureGroup
{
    private const int OnsetStepsMax = 25;
    private const int StoppedOnsetStepsMax = 35;

    public string Name => "timings";

    public string Summary => "gloo-*.csv: a slowed rank, or a slow network";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        string[] paths = RecordedFolder.Files(data, "gloo*.csv");
        return paths.Length == 0 ? [Figure.Skipped("gloo*.csv", $"none in {data}")] : paths.SelectMany(Judge);
    }

    private static IEnumerable<Figure> Judge(string path)
    {
        string name = Path.GetFileName(path);
        JobReading reading = RecordedJobReader.Read(path);
        if (reading.Job is not { } job)
        {
            return [Figure.Of(name, "read", $"{reading.Fault}", "a job", false)];
        }

        ReplayResult result = JobReplay.Run(job);
        long third = (job.LastStep - job.FirstStep + 1) / 3;
        long onset = job.FirstStep + third;
        bool isOfTheNetwork = name.Contains("net", StringComparison.OrdinalIgnoreCase);
        return isOfTheNetwork ? Fabric(name, result, onset, onset + third) : Rank(name, path, result, onset, onset + third);
    }

    private static IEnumerable<Figure> Rank(string name, string path, ReplayResult result, long onset, long end)
    {
        int culprit = ShortestInCollective(path, onset, end);
        int[] accused = Accused(result);
        yield return Figure.Of(name, "accused", $"{Words(accused)}", $"rank {culprit} alone", accused is [var only] && only == culprit);

        int allowed = name.Contains("stop", StringComparison.OrdinalIgnoreCase) ? StoppedOnsetStepsMax : OnsetStepsMax;
        ReplayedVerdict? verdict = result.Verdicts.FirstOrDefault(found => found.Rank == culprit && IsSlowness(found.Kind));
        bool isInTime = verdict is not null && Math.Abs(verdict.Step - onset) <= allowed && verdict.RaisedAtStep - onset <= allowed;
        yield return Figure.Of(
            name, "onset", verdict is null ? "not found" : $"step {verdict.Step}, raised at {verdict.RaisedAtStep}", $"{onset} ± {allowed}", isInTime);

        ReplayedChange? recovery = result.Changes.FirstOrDefault(change => change.Rank == culprit && change.Ratio < 1 && change.RaisedAtStep >= end);
        bool isFlaggedAtTheEnd = result.Changes.LastOrDefault(change => change.Rank == culprit) is { Ratio: >= 1 };
        yield return Figure.Of(
            name, "recovery", recovery is null ? "not seen" : $"step {recovery.Step}, raised at {recovery.RaisedAtStep}", $"from {end} on",
            recovery is not null && !isFlaggedAtTheEnd);
    }

    private static IEnumerable<Figure> Fabric(string name, ReplayResult result, long onset, long end)
    {
        int[] accused = Accused(result);
        yield return Figure.Of(name, "accused", $"{Words(accused)}", "nobody", accused.Length == 0);
        ReplayedVerdict? fabric = result.Verdicts.FirstOrDefault(found => found.Kind == VerdictKind.FabricSlowdown);
        yield return Figure.Of(
            name, "fabric", fabric is null ? "not found" : $"step {fabric.Step}, raised at {fabric.RaisedAtStep}, {fabric.Slowdown:0.0}×",
            $"found from {onset} to {end}", fabric is not null && fabric.RaisedAtStep >= onset && fabric.RaisedAtStep < end);
    }

    private static int[] Accused(ReplayResult result) =>
        [.. result.Verdicts.Where(found => found.Rank is not null && IsSlowness(found.Kind)).Select(found => found.Rank!.Value).Distinct().Order()];

    private static bool IsSlowness(VerdictKind kind) =>
        kind is VerdictKind.PersistentSlowness or VerdictKind.SlowFromStart or VerdictKind.SlowAgainstPeers;

    private static string Words(int[] ranks) => ranks.Length == 0 ? "nobody" : $"rank {string.Join(", ", ranks)}";

    // Read anew, the plain way: the truth is not what the product's own reader makes of the file.
    private static int ShortestInCollective(string path, long from, long until)
    {
        string[] lines = File.ReadAllLines(path);
        string[] header = lines[0].Split(',');
        int step = Array.IndexOf(header, "step");
        int rank = Array.IndexOf(header, "rank");
        int collective = Array.IndexOf(header, "collective_s");
        return lines.Skip(1).Select(line => line.Split(','))
            .Where(cells => cells.Length == header.Length && RecordedFolder.Number(cells[step]) >= from && RecordedFolder.Number(cells[step]) < until)
            .GroupBy(cells => (int)RecordedFolder.Number(cells[rank]), cells => RecordedFolder.Number(cells[collective]))
            .MinBy(times => RecordedFolder.Median(times))!.Key;
    }
}
