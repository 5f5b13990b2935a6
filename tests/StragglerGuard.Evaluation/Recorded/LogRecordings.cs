using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Replay;

namespace StragglerGuard.Evaluation.Recorded;

/// <summary>Training logs of one series with labelled changes: <c>NAME*.log</c> beside <c>NAME.trace</c> (<c>iteration;links;delay</c> a line).</summary>
/// <remarks>
/// The first two iterations are dropped, and so is what follows the label whose delay is infinite: the job's end.
/// </remarks>
internal sealed class LogRecordings : IFigureGroup
{
    private const int FirstIteration = 3;
    private const double LeastF1 = 0.97;
    private const int DelayMax = 5;

    public string Name => "logs";

    public string Summary => "*.log with *.trace: labelled changes of a job's step time";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        (string Trace, string Log)[] pairs =
        [
            .. from trace in RecordedFolder.Files(data, "*.trace")
               from log in RecordedFolder.Files(data, $"{Path.GetFileNameWithoutExtension(trace)}*.log")
               select (trace, log),
        ];
        return pairs.Length == 0 ? [Figure.Skipped("*.log", $"no log beside its trace in {data}")] : pairs.SelectMany(pair => Judge(pair.Trace, pair.Log));
    }

    private static IEnumerable<Figure> Judge(string tracePath, string logPath)
    {
        string name = Path.GetFileName(logPath);
        string[][] labelled = [.. File.ReadAllLines(tracePath).Where(line => line.Length > 0).Select(line => line.Split(';'))];
        long[] labels = [.. labelled.Where(cells => cells[2] != "inf").Select(cells => (long)RecordedFolder.Number(cells[0]))];
        double end = labelled.Where(cells => cells[2] == "inf").Select(cells => RecordedFolder.Number(cells[0])).DefaultIfEmpty(double.PositiveInfinity).Min();
        JobReading reading = RecordedJobReader.Read(logPath, RecordingFormat.MegatronLog);
        if (reading.Job is not { } job)
        {
            yield return Figure.Of(name, "read", $"{reading.Fault}", "a job", false);
            yield break;
        }

        (long, long)[] changes =
        [
            .. JobReplay.Run(job).Changes.Where(change => change.Step >= FirstIteration && change.Step < end).Select(change => (change.Step, change.RaisedAtStep)),
        ];
        ChangeMatch match = ChangeMatch.Of(labels, changes);
        yield return Figure.Of(
            name, "F1 of changes", $"{match.F1:0.000} ({match.Found} of {match.Labels} found, {match.False} false)", "≥ 0.97", match.F1 >= LeastF1);
        yield return Figure.Of(
            name, "delay, iterations", match.Found == 0 ? "none found" : $"mean {match.MeanDelay:0.0}, worst {match.WorstDelay}", "worst ≤ 5",
            match.WorstDelay <= DelayMax);
    }
}
