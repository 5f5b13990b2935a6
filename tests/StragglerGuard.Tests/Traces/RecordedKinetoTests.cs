using System.IO.Compression;
using System.Text.Json;
using StragglerGuard.Traces;
using Xunit.Abstractions;

namespace StragglerGuard.Tests.Traces;

public sealed class RecordedKinetoTests(ITestOutputHelper output)
{
    private const string Folder = "kineto-dlrm-8";

    [FactOnRecordedData(Folder)]
    public void ReadFolder_OnEightRanks_AgreesWithTheirCommonClock()
    {
        KinetoReading reading = KinetoReader.ReadFolder(RecordedData.PathOf(Folder));
        reading.Fault.Should().BeNull();
        reading.BadRecords.Count.Should().Be(0);
        reading.Ranks.Should().Equal(0, 1, 2, 3, 4, 5, 6, 7);
        reading.MissingRanks.Should().Be(0);
        reading.Unmatched.Should().Be(0);
        long[][] startsUs = TrueStarts();
        reading.Collectives.Should().HaveCount(startsUs[0].Length).And.HaveCount(8);
        var lags = new List<double>();
        var truth = new List<double>();
        for (int i = 0; i < reading.Collectives.Count; i++)
        {
            CollectiveLag collective = reading.Collectives[i];
            long firstUs = startsUs.Min(rank => rank[i]);
            long lastUs = startsUs.Max(rank => rank[i]);
            collective.LastRank.Should().Be(Array.FindIndex(startsUs, rank => rank[i] == lastUs), $"of collective {i}, {collective.Name}");
            lags.AddRange(collective.LagSeconds);
            truth.AddRange(startsUs.Select(rank => (rank[i] - firstUs) / 1e6));
            output.WriteLine($"{collective.Name} {collective.SizeBytes} B: rank {collective.LastRank}, {collective.TransferSeconds * 1e6:0} µs");
        }

        Correlation(lags, truth).Should().BeGreaterThan(0.999);
        reading.Collectives.Select(collective => collective.Name).Should().Contain("all_reduce").And.Contain("all_to_all");
        reading.Collectives.Should().OnlyContain(collective => collective.SizeBytes > 0);
    }

    /// <summary>Starts by the clock that the eight ranks of one machine share, read the plain way.</summary>
    private static long[][] TrueStarts() =>
    [
        .. Directory.GetFiles(RecordedData.PathOf(Folder)).Order(StringComparer.Ordinal).Select(path =>
        {
            using var stream = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
            using JsonDocument document = JsonDocument.Parse(stream);
            return document.RootElement.GetProperty("traceEvents").EnumerateArray()
                .Where(item => item.TryGetProperty("cat", out JsonElement category) && category.GetString() == "kernel")
                .Where(item => item.GetProperty("name").GetString()!.StartsWith("nccl", StringComparison.Ordinal))
                .Select(item => item.GetProperty("ts").GetInt64())
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
