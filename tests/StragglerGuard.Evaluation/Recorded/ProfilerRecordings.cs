using System.IO.Compression;
using System.Text.Json;
using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Traces;

namespace StragglerGuard.Evaluation.Recorded;

/// <summary>Profiler traces of one machine's ranks: lag without a common clock, against the starts by the clock that they happen to share (<c>kineto*</c>).</summary>
internal sealed class ProfilerRecordings : IFigureGroup
{
    private const double LeastCorrelation = 0.999;

    public string Name => "profiler";

    public string Summary => "kineto*: clock-free lag against true starts";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        string[] folders = RecordedFolder.Folders(data, "kineto*");
        return folders.Length == 0 ? [Figure.Skipped("kineto*", $"none in {data}")] : folders.SelectMany(Judge);
    }

    private static IEnumerable<Figure> Judge(string folder)
    {
        string name = Path.GetFileName(folder);
        KinetoReading reading = KinetoReader.ReadFolder(folder);
        double[][] starts = TrueStarts(folder);
        if (reading.Fault is not null || starts.Any(rank => rank.Length != reading.Collectives.Count))
        {
            yield return Figure.Of(name, "read", $"{reading.Fault ?? $"{reading.Collectives.Count} collectives, not as many as were run"}", "all", false);
            yield break;
        }

        var lags = new List<double>();
        var truth = new List<double>();
        int right = 0;
        for (int i = 0; i < reading.Collectives.Count; i++)
        {
            double first = starts.Min(rank => rank[i]);
            double last = starts.Max(rank => rank[i]);
            right += reading.Collectives[i].LastRank == Array.FindIndex(starts, rank => rank[i] == last) ? 1 : 0;
            lags.AddRange(reading.Collectives[i].LagSeconds);
            truth.AddRange(starts.Select(rank => (rank[i] - first) * 1e-6));
        }

        int count = reading.Collectives.Count;
        double correlation = Correlation(lags, truth);
        yield return Figure.Of(name, "last arriver right", $"{right} of {count}", "all", right == count && count > 0);
        yield return Figure.Of(name, "lag against true start, correlation", $"{correlation:0.000000}", "≥ 0.999", correlation >= LeastCorrelation);
    }

    // By rank, in the order of the files' names: when each collective kernel began, µs.
    private static double[][] TrueStarts(string folder) =>
    [
        .. RecordedFolder.Files(folder, "*.json*").Select(path =>
        {
            using Stream file = File.OpenRead(path);
            using Stream text = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.GetProperty("traceEvents").EnumerateArray()
                .Where(item => item.TryGetProperty("cat", out JsonElement category) && category.GetString() == "kernel")
                .Where(item => item.GetProperty("name").GetString()!.StartsWith("nccl", StringComparison.Ordinal))
                .Select(item => item.GetProperty("ts").GetDouble())
                .Order()
                .ToArray();
        }),
    ];

    private static double Correlation(List<double> x, List<double> y)
    {
        double meanX = x.Average();
        double meanY = y.Average();
        double product = x.Zip(y, (a, b) => (a - meanX) * (b - meanY)).Sum();
        return product / Math.Sqrt(x.Sum(a => (a - meanX) * (a - meanX)) * y.Sum(b => (b - meanY) * (b - meanY)));
    }
}
