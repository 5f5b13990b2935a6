using System.Text;
using StragglerGuard.Traces;

namespace StragglerGuard.Tests.Traces;

public sealed class KinetoReaderTests
{
    [Fact]
    public void Judge_OfRanksThatLeaveTogether_NamesTheLast()
    {
        KinetoReading reading = Judged(Rank(0, [500, 30, 80]), Rank(1, [20, 40, 90]), Rank(2, [470, 50, 10]));
        reading.Fault.Should().BeNull();
        reading.Collectives.Select(collective => collective.LastRank).Should().Equal(1, 0, 2);
        CollectiveLag first = reading.Collectives[0];
        first.Name.Should().Be("all_reduce");
        first.SizeBytes.Should().Be(1000 * 4);
        first.TransferSeconds.Should().BeApproximately(20e-6, 1e-12);
        first.LagSeconds.Select(lag => Math.Round(lag * 1e6)).Should().Equal(0, 480, 30);
        first.Ranks.Should().Equal(0, 1, 2);
    }

    [Fact]
    public void Judge_WhereTwoCameLastTogether_NamesNobody() =>
        Judged(Rank(0, [500]), Rank(1, [20]), Rank(2, [20])).Collectives[0].LastRank.Should().BeNull();

    [Fact]
    public void Judge_WhereARankStartedRecordingLater_ShiftsIt()
    {
        string[] sizes = ["7", "8", "9", "10", "11"];
        KinetoReading reading = Judged(
            Rank(0, [100, 200, 300, 400, 500], sizes), Rank(1, [30, 40, 50], sizes[2..]), Rank(2, [110, 210, 310, 410], sizes[..4]));
        reading.Collectives.Select(collective => collective.SizeBytes).Should().Equal(9 * 4, 10 * 4);
        reading.Collectives.Should().OnlyContain(collective => collective.LastRank == 1);
        reading.Unmatched.Should().Be(3);
    }

    [Fact]
    public void Judge_WhereRanksAreMissing_SaysHowMany()
    {
        KinetoReading reading = Judged(Rank(0, [10], worldSize: 8), Rank(5, [20], worldSize: 8));
        reading.MissingRanks.Should().Be(6);
        reading.Ranks.Should().Equal(0, 5);
    }

    [Fact]
    public void Judge_OfKernelsThatDescribeThemselves_GoesByTheirArguments()
    {
        string Kernel(int rank, string group, string name, int start, int duration) =>
            $$$"""{"ph":"X","cat":"kernel","name":"ncclDevKernel_Generic","ts":{{{start}}}.5,"dur":{{{duration}}},"args":{"Collective name":"{{{name}}}","In msg nelems":12,"dtype":"BFloat16","Process Group Name":"{{{group}}}","rank":{{{rank}}}}}""";
        string Trace(int rank, int own) =>
            $$"""{"distributedInfo":{"rank":{{rank}},"world_size":4},"traceEvents":[{{Kernel(rank, "pp", "send", 5, 1)}},{{Kernel(rank, rank < 2 ? "tp0" : "tp1", "_allgather_base", 10, own)}},{{Kernel(rank, "dp", "allreduce", 50, 100 - own)}}]}""";
        KinetoReading reading = Judged(Trace(0, 10), Trace(1, 20), Trace(2, 40), Trace(3, 30));
        reading.Collectives.Select(collective => (collective.Group, collective.Name, collective.LastRank, collective.SizeBytes)).Should().Equal(
            ("dp", "allreduce", 2, 24L), ("tp0", "allgather_base", 0, 24L), ("tp1", "allgather_base", 3, 24L));
        reading.Collectives[1].Ranks.Should().Equal(0, 1);
    }

    [Fact]
    public void Judge_OfKernelsWithoutAnyDescription_GoesByTheirNames()
    {
        string Trace(int rank) =>
            $$"""[{"cat":"kernel","name":"ncclKernel_AllReduce_RING_LL_Sum_float(ncclDevComm*)","ts":1,"dur":{{10 + rank}}}]""";
        KinetoReading reading = Judged(Trace(0), Trace(1));
        reading.Ranks.Should().Equal(0, 1);
        reading.Collectives.Should().ContainSingle().Which.Should().BeEquivalentTo(new { Name = "AllReduce", SizeBytes = (long?)null, LastRank = 0 });
    }

    [Fact]
    public void ReadRank_OfATraceThatWasCutOff_KeepsWhatCameBefore()
    {
        string whole = Rank(0, [500, 30, 80]);
        var log = new FaultLog();
        KinetoRank rank = Read(Encoding.UTF8.GetBytes(whole[..whole.LastIndexOf("\"kernel\"", StringComparison.Ordinal)]), "a.json", log);
        rank.Collectives.Should().HaveCount(2);
        log.ToFaults().First.Should().ContainSingle().Which.Should().StartWith("a.json:").And.Contain("json: ");
    }

    [Fact]
    public void ReadRank_WithATimeThatIsNone_NamesTheEvent()
    {
        var log = new FaultLog();
        KinetoRank rank = Read(
            """{"traceEvents":[{"cat":"kernel","name":"ncclKernel_AllReduce","ts":"soon","dur":5},{"cat":"kernel","name":"ncclKernel_AllReduce","ts":5,"dur":-5}]}"""u8.ToArray(),
            "a.json",
            log);
        rank.Collectives.Should().BeEmpty();
        log.ToFaults().First.Should().Equal(
            "a.json: event 'ncclKernel_AllReduce': ts: not a time in µs", "a.json: event 'ncclKernel_AllReduce': dur: not a time in µs");
    }

    [Fact]
    public void ReadRank_OfValuesThatSpanChunks_ReadsThem()
    {
        string filler = string.Join(',', Enumerable.Range(0, 3000).Select(i => $$"""{"cat":"cpu_op","name":"{{new string('x', 100)}}","ts":{{i}},"dur":1}"""));
        string text = Rank(3, [77]).Replace("\"traceEvents\":[", $"\"long\":\"{new string('y', 200_000)}\",\"traceEvents\":[{filler},", StringComparison.Ordinal);
        var log = new FaultLog();
        KinetoRank rank = Read(Encoding.UTF8.GetBytes("\uFEFF" + text), "a.json", log);
        rank.Rank.Should().Be(3);
        rank.Collectives.Should().ContainSingle().Which.DurationNs.Should().Be(77_000);
        log.ToFaults().Count.Should().Be(0);
    }

    [Fact]
    public void ReadFolder_OfNonsense_EndsWithOneMessage()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            KinetoReader.ReadFolder(folder).Fault.Should().Contain("no *.json");
            KinetoReader.ReadFolder(Path.Combine(folder, "none")).Fault.Should().Contain("none");
            File.WriteAllText(Path.Combine(folder, "a.json"), "nonsense");
            KinetoReading reading = KinetoReader.ReadFolder(folder);
            reading.Fault.Should().Contain("no trace with a collective");
            reading.BadRecords.Count.Should().Be(1);
            File.WriteAllText(Path.Combine(folder, "rank0.json"), Rank(0, [5]));
            KinetoReader.ReadFolder(folder).Fault.Should().Contain("only one rank");
            File.WriteAllBytes(Path.Combine(folder, "rank1.json.gz"), OperationsCsvReaderTests.Packed(Rank(1, [7])));
            KinetoReader.ReadFolder(folder).Collectives.Should().ContainSingle().Which.LastRank.Should().Be(0);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A trace as older profilers write it: an annotation, a launch and a kernel a collective; all leave together, 1 ms apart.</summary>
    internal static string Rank(int rank, int[] insideUs, string[]? sizes = null, int worldSize = 0)
    {
        var events = new List<string>();
        for (int i = 0; i < insideUs.Length; i++)
        {
            int end = 1000 * (i + 1);
            int start = end - insideUs[i];
            events.Add($$$"""{"ph":"X","cat":"user_annotation","name":"nccl:all_reduce","tid":7,"ts":{{{start - 20}}},"dur":15,"args":{"Input Dims":[[{{{sizes?[i] ?? "1000"}}}],[3,3]],"Input type":["float","int"]}}""");
            events.Add($$$"""{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","tid":7,"ts":{{{start - 10}}},"dur":5,"args":{"correlation":{{{i}}}}}""");
            events.Add($$$"""{"ph":"X","cat":"kernel","name":"ncclKernel_AllReduce_RING_LL_Sum_float(x)","tid":84,"ts":{{{start}}},"dur":{{{insideUs[i]}}},"args":{"correlation":{{{i}}}}}""");
        }

        return $$"""{"schemaVersion":1,"distributedInfo":{"backend":"nccl","rank":{{rank}},"world_size":{{worldSize}}},"traceEvents":[{{string.Join(',', events)}}]}""";
    }

    internal static KinetoRank Read(byte[] text, string path, FaultLog log)
    {
        using Stream stream = TraceFile.Unpacked(new MemoryStream(text));
        return KinetoReader.ReadRank(stream, path, log);
    }

    private static KinetoReading Judged(params string[] traces)
    {
        var log = new FaultLog();
        KinetoReading reading = KinetoReader.Judge(
            [.. traces.Select((trace, i) => Read(Encoding.UTF8.GetBytes(trace), $"{i}.json", log))], "folder", log);
        reading.BadRecords.Count.Should().Be(0, string.Join("; ", reading.BadRecords.First));
        return reading;
    }
}
