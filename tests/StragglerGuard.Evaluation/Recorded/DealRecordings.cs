using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Replay;

namespace StragglerGuard.Evaluation.Recorded;

/// <summary>Mini-batch times of production jobs: what causal deals would have won, and whether backup workers are declined (<c>pai-job-*.csv</c>).</summary>
internal sealed class DealRecordings : IFigureGroup
{
    private const int MicroBatches = 80;

    // Of the jobs that are known; another one must not lose.
    private static readonly Dictionary<string, double> LeastGain = new() { ["pai-job-1.csv"] = 1.005, ["pai-job-2.csv"] = 1.05 };

    public string Name => "deals";

    public string Summary => "pai*.csv: causal deals against even, backup workers";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        string[] paths = RecordedFolder.Files(data, "pai*.csv");
        return paths.Length == 0 ? [Figure.Skipped("pai*.csv", $"none in {data}")] : paths.SelectMany(Judge);
    }

    private static IEnumerable<Figure> Judge(string path)
    {
        string name = Path.GetFileName(path);
        JobReading reading = RecordedJobReader.Read(path, RecordingFormat.PaiCsv);
        if (reading.Job is not { } job)
        {
            yield return Figure.Of(name, "read", $"{reading.Fault}", "a job", false);
            yield break;
        }

        (DealWhatIf? whatIf, string? fault) = DealWhatIf.Of(job, MicroBatches);
        if (whatIf is null)
        {
            yield return Figure.Of(name, "deal", $"{fault}", "a deal", false);
            yield break;
        }

        double least = LeastGain.GetValueOrDefault(name, 1);
        yield return Figure.Of(
            name, $"causal deals at M = {MicroBatches}, against even", $"{whatIf.Deals.Gain:0.0000}× (oracle {whatIf.Deals.OracleGain:0.000}×)",
            $"≥ {least:0.000}×", whatIf.Deals.Gain >= least);
        yield return Figure.Of(
            name, "backup workers", $"{(whatIf.BackupWorkers.Accepted ? "accepted" : "declined")} ({whatIf.BackupWorkers.ExpectedGain:0.000}×)", "declined",
            !whatIf.BackupWorkers.Accepted);
    }
}
