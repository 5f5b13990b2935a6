using System.IO.Compression;
using System.Text;
using StragglerGuard.Core.WhatIf;
using StragglerGuard.Traces;

namespace StragglerGuard.Tests.Traces;

public sealed class OperationsCsvReaderTests
{
    private const string Header = "dp_rank,stage,rank,step,optype,start_ts,duration,seq_id,mc,mb_id,gmc";

    [Fact]
    public void Read_OfAGoodLine_TakesEveryColumn()
    {
        OperationsReading reading = Read($"{Header}\n3,1,7,12,backward-compute,1.5,0.25,4,1,5,3\n");
        reading.Fault.Should().BeNull();
        reading.BadRecords.Count.Should().Be(0);
        reading.Trace!.Count.Should().Be(1);
        reading.Trace[0].Should().Be(new TraceOperation(3, 1, 7, 12, OperationType.BackwardCompute, 1_500_000_000, 250_000_000, 4, 1, 5, 3));
    }

    [Fact]
    public void Read_OfColumnsInAnotherOrder_GoesByTheirNames()
    {
        OperationsReading reading = Read("\uFEFFduration,note,optype,step,\"stage\", dp_rank ,start_ts\r\n2e-3,x,\"gc\",1,2,3.0,0.000000001\r\n\r\n");
        reading.Fault.Should().BeNull();
        reading.BadRecords.Count.Should().Be(0);
        reading.Trace![0].Should().Be(new TraceOperation(3, 2, -1, 1, OperationType.GarbageCollection, 1, 2_000_000, 0));
    }

    [Fact]
    public void Read_WithBadRecords_KeepsTheGoodAndNamesTheBad()
    {
        string[] lines =
        [
            Header,
            "0,0,0,1,optimizer,1,0.5,0,0,-1,-1",
            "0,0,0,1,optimizer,NaN,0.5,0,0,-1,-1",
            "0,0,0,1,optimizer,1,-0.5,0,0,-1,-1",
            "0,0,0,1,optimiser,1,0.5,0,0,-1,-1",
            "-1,0,0,1,optimizer,1,0.5,0,0,-1,-1",
            "0,0,0,1,optimizer,1,0.5",
            "0,0,0,1,optimizer,1,0.5,0,0,-1,-1,9",
            "0,x,0,1,optimizer,1,0.5,0,0,-1,-1",
            "0,0,0,1,optimizer,1,1e300,0,0,-1,-1",
            "0,0,0,1,optimizer,1,Infinity,0,0,-1,-1",
            "0,0,0,99999999999999999999,optimizer,1,0.5,0,0,-1,-1",
            new string('7', LineReader.LineBytesMax * 6),
            "0,0,0,2,optimizer,1,0.5,,,,",
        ];
        OperationsReading reading = Read(string.Join('\n', lines));
        reading.Trace!.Count.Should().Be(2);
        reading.BadRecords.Count.Should().Be(11);
        reading.BadRecords.First.Should().Equal(
            "jobs.csv:3: start_ts: 'NaN' is not a time in seconds",
            "jobs.csv:4: duration: '-0.5' is not a duration of 0 … 86400 s",
            "jobs.csv:5: optype: 'optimiser' is not a known operation",
            "jobs.csv:6: dp_rank: '-1' is not a whole number of 0 or more",
            "jobs.csv:7: line: 7 fields for 11 columns",
            "jobs.csv:8: line: more than 11 fields",
            "jobs.csv:9: stage: 'x' is not a whole number of 0 or more",
            "jobs.csv:10: duration: '1e300' is not a duration of 0 … 86400 s",
            "jobs.csv:11: duration: 'Infinity' is not a duration of 0 … 86400 s",
            "jobs.csv:12: step: '99999999999999999999' is not a whole number of 0 or more",
            "jobs.csv:13: line: longer than 65536 bytes");
    }

    [Fact]
    public void Read_OfManyBadRecords_CountsAllAndNamesTwenty()
    {
        OperationsReading reading = Read($"{Header}\n0,0,0,1,optimizer,1,0.5,0,0,-1,-1\n{string.Concat(Enumerable.Repeat("nonsense\n", 5000))}");
        reading.Trace!.Count.Should().Be(1);
        reading.BadRecords.Count.Should().Be(5000);
        reading.BadRecords.First.Should().HaveCount(TraceFaults.ListedMax);
    }

    [Theory]
    [InlineData("", "jobs.csv: the file is empty")]
    [InlineData("\n", "jobs.csv:1: header: lacks dp_rank, stage, step, optype, start_ts, duration")]
    [InlineData("dp_rank,stage,step,optype,start_ts\n", "jobs.csv:1: header: lacks duration")]
    [InlineData("dp_rank,stage,step,optype,start_ts,duration,stage\n", "jobs.csv:1: header: the column stage is there twice")]
    [InlineData(Header, "jobs.csv: no record below the header")]
    [InlineData(Header + "\nx\n", "jobs.csv: none of 1 records is good; the first: jobs.csv:2: dp_rank: 'x' is not a whole number of 0 or more")]
    public void Read_OfNonsense_EndsWithOneMessage(string text, string message)
    {
        OperationsReading reading = Read(text);
        reading.Trace.Should().BeNull();
        reading.Fault.Should().Be(message);
    }

    [Fact]
    public void Read_OfAFile_UnpacksByItsContentWhateverItsName()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, Packed(Trace()));
            OperationsReading packed = OperationsCsvReader.Read(path);
            File.WriteAllText(path, Trace());
            OperationsReading plain = OperationsCsvReader.Read(path);
            packed.Trace!.Count.Should().Be(plain.Trace!.Count).And.BeGreaterThan(100);
            packed.BadRecords.Count.Should().Be(0);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Read_OfAPackedFileThatWasCutOff_JudgesWhatIsThere()
    {
        byte[] packed = Packed(Trace(64));
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, packed[..(packed.Length * 2 / 3)]);
            OperationsReading reading = OperationsCsvReader.Read(path);
            reading.Fault.Should().BeNull();
            reading.Trace!.Count.Should().BeGreaterThan(100);
            WhatIfAnalysis.Analyze(reading.Trace).Report.Should().NotBeNull();
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Read_OfWhatIsNoFile_EndsWithOneMessage()
    {
        OperationsCsvReader.Read(Path.Combine(Path.GetTempPath(), "there", "is", "none")).Fault.Should().Contain("none");
        OperationsCsvReader.Read(Path.GetTempPath()).Fault.Should().NotBeNullOrEmpty();
    }

    [Fact]
    public void BadRecordsWith_Duplicates_NamesTheirLines()
    {
        string[] lines = Trace().TrimEnd('\n').Split('\n');
        OperationsReading reading = Read(string.Join('\n', [.. lines, "nonsense", lines[5]]));
        reading.BadRecords.Count.Should().Be(1);
        WhatIfReport report = WhatIfAnalysis.Analyze(reading.Trace!).Report!;
        TraceFaults faults = reading.BadRecordsWith(report.Coverage);
        faults.Count.Should().Be(2);
        faults.First[^1].Should().Be($"jobs.csv:{lines.Length + 2}: the same operation was recorded before");
    }

    [Theory]
    [InlineData("1", 1_000_000_000)]
    [InlineData("-1.5", -1_500_000_000)]
    [InlineData("+.25", 250_000_000)]
    [InlineData("0.0000000014", 1)]
    [InlineData("0.0000000015", 2)]
    [InlineData("0.9999999999", 1_000_000_000)]
    [InlineData("1694128201.436271123", 1_694_128_201_436_271_123)]
    [InlineData("3.337860107421875e-05", 33_379)]
    [InlineData("2E3", 2_000_000_000_000)]
    public void TryParseSeconds_OfATime_IsExactToTheNanosecond(string text, long ns)
    {
        DecimalText.TryParseSeconds(Encoding.UTF8.GetBytes(text), out long found).Should().BeTrue();
        found.Should().Be(ns);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData(".")]
    [InlineData("1.2.3")]
    [InlineData("1s")]
    [InlineData("NaN")]
    [InlineData("-Infinity")]
    [InlineData("1e400")]
    [InlineData("99999999999999999999")]
    public void TryParseSeconds_OfWhatIsNoTime_Refuses(string text) =>
        DecimalText.TryParseSeconds(Encoding.UTF8.GetBytes(text), out _).Should().BeFalse();

    internal static OperationsReading Read(string text) => Read(Encoding.UTF8.GetBytes(text));

    internal static OperationsReading Read(byte[] text)
    {
        using Stream stream = TraceFile.Unpacked(new MemoryStream(text));
        return OperationsCsvReader.Read(stream, "jobs.csv");
    }

    /// <summary>Two replicas of two stages, 1F1B over two micro-batches, replica 1 stage 1 slower.</summary>
    internal static string Trace(int steps = 8)
    {
        var text = new StringBuilder(Header + "\n");
        for (int replica = 0; replica < 2; replica++)
        {
            for (int stage = 0; stage < 2; stage++)
            {
                for (int step = 0; step < steps; step++)
                {
                    string[] names = stage == 0
                        ? ["forward-compute", "forward-send", "forward-compute", "forward-send", "backward-recv", "backward-compute", "backward-recv", "backward-compute"]
                        : ["forward-recv", "forward-compute", "backward-compute", "backward-send", "forward-recv", "forward-compute", "backward-compute", "backward-send"];
                    string[] all = [.. names, "layernorm-grads-all-reduce", "grads-reduce-scatter", "optimizer-clip-main-grad", "optimizer"];
                    double start = stage == 0 ? 0.001 : 0.1;
                    for (int i = 0; i < all.Length; i++)
                    {
                        double duration = all[i].EndsWith("compute", StringComparison.Ordinal) ? replica + stage == 2 ? 0.2 : 0.1 : 0.01;
                        int sequence = all.Take(i).Count(name => name == all[i]);
                        text.Append(FormattableString.Invariant(
                            $"{replica},{stage},{(stage * 2) + replica},{step},{all[i]},{start:R},{duration:R},{sequence},0,{sequence},{stage}\n"));
                        start += duration + 0.001;
                    }
                }
            }
        }

        return text.ToString();
    }

    internal static byte[] Packed(string text)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionMode.Compress, leaveOpen: true))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return memory.ToArray();
    }
}
