using System.Text;
using StragglerGuard.Replay;

namespace StragglerGuard.Tests.Replay;

public sealed class RecordedJobReaderTests
{
    private const string Two = RecordedText.Header + "\n0,0,0.5,0.25\n0,1,0.25,0.5\n";

    [Fact]
    public void Read_OnAPlainTable_GivesEveryRecord()
    {
        RecordedJob job = RecordedText.JobOf(Two);
        job.Format.Should().Be(RecordingFormat.Csv);
        job.Should().BeEquivalentTo(new { RecordCount = 2, Steps = 1, FirstStep = 0L, LastStep = 0L, HasCollectives = true, HasMicroBatches = false });
        job.Records[0].Should().BeEquivalentTo(new { ComputeNs = 500_000_000L, CollectiveNs = 250_000_000L, Rank = 0 });
    }

    [Fact]
    public void Read_WithColumnsInAnyOrder_GoesByTheirNames()
    {
        RecordedJob job = RecordedText.JobOf(
            "\uFEFFdevice_class,collective_s,rank,note,tokens,step,\"compute_s\",micro_batches,data_wait_s,stage,replica,samples\r\n"
            + "H100,0.1,7,x,4096,3,0.2,4,0.05,1,2,\r\nH200,0.1,9,x,,3,0.2,4,0.05,0,2,16\r\n");
        job.Ranks.Should().Equal(new RecordedRank(7, 1, 2, "H100"), new RecordedRank(9, 0, 2, "H200"));
        job.Records[0].Should().BeEquivalentTo(new { Step = 3L, Rank = 0, MicroBatches = 4, DataWaitNs = 50_000_000L, Tokens = 4096.0, Samples = 0.0 });
        job.Records[1].Should().BeEquivalentTo(new { Rank = 1, Tokens = 0.0, Samples = 16.0 });
        job.ReplicaCount.Should().Be(1);
    }

    [Fact]
    public void Read_WithoutReplicas_CountsThemWithinEachStage()
    {
        RecordedJob job = RecordedText.JobOf(RecordedText.Header + ",stage\n0,0,1,1,0\n0,1,1,1,0\n0,2,1,1,1\n0,3,1,1,1\n");
        job.Ranks.Select(rank => (rank.Stage, rank.Replica)).Should().Equal((0, 0), (0, 1), (1, 0), (1, 1));
    }

    [Theory]
    [InlineData("0,1,NaN,0.5", "compute_s: 'NaN' is not a time")]
    [InlineData("0,1,-0.5,0.5", "compute_s: '-0.5' is not a time")]
    [InlineData("0,1,1e300,0.5", "compute_s: '1e300' is not a time")]
    [InlineData("0,1,0.5,Infinity", "collective_s: 'Infinity' is not a time")]
    [InlineData("0,1,0.5,", "collective_s: '' is not a time")]
    [InlineData("-1,1,0.5,0.5", "step: '-1' is not a whole number")]
    [InlineData("0,1.5,0.5,0.5", "rank: '1.5' is not a whole number")]
    [InlineData("0,x,0.5,0.5", "rank: 'x' is not a whole number")]
    [InlineData("0,1,0.5", "line: 3 fields for 4 columns")]
    [InlineData("0,1,0.5,0.5,9", "line: more than 4 fields")]
    [InlineData("0,0,0.5,0.5", "step: 0 of rank 0 was recorded before")]
    [InlineData("\u001b[31m", "line: 1 fields for 4 columns", "step: '?[31m' is not a whole number")]
    public void Read_OnABadRecord_NamesItsLineAndKeepsTheOthers(string bad, string fault, string? orFault = null)
    {
        JobReading reading = RecordedText.Read($"{RecordedText.Header}\n0,0,0.5,0.25\n{bad}\n1,0,0.5,0.25\n1,1,0.5,0.25\n");
        reading.Job!.RecordCount.Should().Be(3);
        reading.BadRecords.Count.Should().Be(1);
        reading.BadRecords.First.Should().ContainSingle().Which.Should().StartWith("job.csv:3: ").And.ContainAny(fault, orFault ?? fault);
    }

    [Fact]
    public void Read_OutOfOrder_SortsAndCallsNothingBad()
    {
        JobReading reading = RecordedText.Read(RecordedText.Header + "\n2,1,3,0\n1,0,1,0\n2,0,2,0\n\n1,1,4,0\n");
        reading.BadRecords.Count.Should().Be(0);
        reading.Job!.Records.ToArray().Select(record => (record.Step, record.Rank)).Should().Equal((1L, 0), (1L, 1), (2L, 0), (2L, 1));
    }

    [Fact]
    public void Read_WhenARanksPlaceChanges_KeepsTheFirst()
    {
        JobReading reading = RecordedText.Read(RecordedText.Header + ",device_class\n0,0,1,1,H100\n1,0,1,1,H200\n");
        reading.Job!.RecordCount.Should().Be(1);
        reading.BadRecords.First[0].Should().Be("job.csv:3: rank: 0 was at stage -, replica -, class H100 before, here at stage -, replica -, class H200");
    }

    [Fact]
    public void Read_WithADamagedRankNumber_InventsNoRank()
    {
        string text = RecordedText.Job(4, 40, seed: 1, (_, _) => 1) + "50,99999,0.01,0.01\n";
        JobReading reading = RecordedText.Read(text);
        reading.Job!.Ranks.Should().HaveCount(4);
        reading.BadRecords.First.Should().ContainSingle().Which.Should().Be("job.csv:162: rank: 99999 is hardly ever recorded, the others are");
    }

    [Fact]
    public void Read_WhenMostRanksHaveEnded_LeavesTheRestOut()
    {
        string text = RecordedText.Job(4, 40, seed: 1, (_, _) => 1) + "40,2,0.01,0.01\n41,2,0.01,0.01\n";
        RecordedJob job = RecordedText.JobOf(text);
        job.Should().BeEquivalentTo(new { LastStep = 39L, RecordsOfEnding = 2, RecordCount = 160 });
    }

    [Fact]
    public void Read_OnAMegatronLog_TakesTheIterationsAlone()
    {
        JobReading reading = RecordedText.Read(RecordedText.Log(5, seed: 1, _ => 1400) + "[rank 3] done\n");
        reading.BadRecords.Count.Should().Be(0);
        reading.Job.Should().BeEquivalentTo(new { Format = RecordingFormat.MegatronLog, RecordCount = 5, FirstStep = 1L, IsWholeJob = true, HasCollectives = false });
        reading.Job!.Records[0].ComputeNs.Should().BeInRange(1_395_000_000, 1_405_000_000);
    }

    [Theory]
    [InlineData("iteration 7/ 9 | elapsed time per iteration (ms): 12.5 | x", 7, 12_500_000)]
    [InlineData(" [2024-05-01 10:00:00] iteration        7/    1200 | elapsed time per iteration (ms): 12.5", 7, 12_500_000)]
    [InlineData("iteration: 7 | elapsed time per iteration (s): 1.25 |", 7, 1_250_000_000)]
    public void Read_OnAnyMegatronVersion_FindsItsNumbers(string line, long step, long ns)
    {
        RecordedStep record = RecordedText.JobOf(line + "\n").Records[0];
        record.Should().BeEquivalentTo(new { Step = step, ComputeNs = ns });
    }

    [Theory]
    [InlineData("iteration x/ 9 | elapsed time per iteration (ms): 12.5 |", "iteration: 'x/ 9 | elapsed time'", "iteration: 'x/ 9 |")]
    [InlineData("iteration 8/ 9 | elapsed time per iteration (ms): nan |", "elapsed time per iteration: 'nan' is not a time")]
    [InlineData("iteration 8/ 9 | elapsed time per iteration (ms): -3 |", "elapsed time per iteration: '-3' is not a time")]
    [InlineData("iteration 8/ 9 | elapsed time per iteration (h): 1 |", "its unit is neither ms nor s")]
    [InlineData("iteration 7/ 9 | elapsed time per iteration (ms): 1 |", "iteration: 7 was logged before")]
    public void Read_OnABadLogLine_NamesIt(string line, string fault, string? orFault = null)
    {
        JobReading reading = RecordedText.Read("iteration 7/ 9 | elapsed time per iteration (ms): 12.5 |\n" + line + "\n");
        reading.Job!.RecordCount.Should().Be(1);
        reading.BadRecords.First.Should().ContainSingle().Which.Should().StartWith("job.csv:2: ").And.ContainAny(fault, orFault ?? fault);
    }

    [Fact]
    public void Read_OnAPaiTable_NumbersTheMoments()
    {
        RecordedJob job = RecordedText.JobOf(",worker,gpu,time,batch_time_norm\n0,0,25,1,476\n1,1,25,1,509\n2,0,25,11,480.5\n3,1,25,11,500\n");
        job.Format.Should().Be(RecordingFormat.PaiCsv);
        job.Records.ToArray().Select(record => (record.Step, record.Rank, record.ComputeNs))
            .Should().Equal((0, 0, 476_000_000), (0, 1, 509_000_000), (1, 0, 480_500_000), (1, 1, 500_000_000));
    }

    [Fact]
    public void Read_WhenPacked_UnpacksWhateverTheName() =>
        RecordedText.Read(RecordedText.Packed(Two)).Job!.RecordCount.Should().Be(2);

    [Fact]
    public void Read_WhenPackedAndCutOff_JudgesWhatCameAndSaysSo()
    {
        byte[] packed = RecordedText.Packed(RecordedText.Job(4, 400, seed: 2, (_, _) => 1));
        JobReading reading = RecordedText.Read(packed[..(packed.Length / 2)]);
        reading.Job!.RecordCount.Should().BeInRange(100, 1599);
        reading.BadRecords.First[^1].Should().MatchRegex(@"^job\.csv:\d+: file: .*(truncated|unexpected).*");
    }

    [Theory]
    [InlineData("", "job.csv: the file is empty")]
    [InlineData("\n\n  \n", "job.csv: the file is empty")]
    [InlineData("hello\nworld\n", "job.csv: neither a table with the columns step,rank,compute_s,collective_s, nor")]
    [InlineData("step,rank,compute_s\n0,0,1\n", "job.csv:1: header: lacks collective_s")]
    [InlineData("step,rank,compute_s,collective_s,rank\n", "job.csv:1: header: the column rank is there twice")]
    [InlineData("step,rank,compute_s,collective_s\n", "job.csv: no record below the header")]
    [InlineData("step,rank,compute_s,collective_s\n0,0,x,1\n", "job.csv: none of 1 records is good; the first: job.csv:2: compute_s: 'x'")]
    [InlineData("worker,batch_time_norm\n", "job.csv:1: header: lacks time")]
    [InlineData("\0\u0001\u0002", "job.csv: neither a table")]
    public void Read_OnNonsense_GivesOneMessage(string text, string fault)
    {
        JobReading reading = RecordedText.Read(text);
        reading.Job.Should().BeNull();
        reading.Fault.Should().StartWith(fault);
    }

    [Theory]
    [InlineData(RecordingFormat.Csv, "job.csv:1: header: lacks step, rank, compute_s, collective_s")]
    [InlineData(RecordingFormat.PaiCsv, "job.csv:1: header: lacks worker, time, batch_time_norm")]
    [InlineData(RecordingFormat.MegatronLog, "job.csv: no line with an elapsed time per iteration")]
    public void Read_WhenTheFormatIsGivenAndWrong_SaysWhatIsMissing(RecordingFormat format, string fault) =>
        RecordedText.Read("a,b\n1,2\n", format).Fault.Should().Be(fault);

    [Fact]
    public void Read_OnALineWithoutEnd_StaysSmallAndNamesIt()
    {
        string text = RecordedText.Header + "\n0,0,1,1\n" + new string('7', 1 << 20) + "\n1,0,1,1\n";
        JobReading reading = RecordedText.Read(text);
        reading.Job!.RecordCount.Should().Be(2);
        reading.BadRecords.First.Should().ContainSingle().Which.Should().StartWith("job.csv:3: line: longer than");
    }

    [Fact]
    public void Read_OnManyBadRecords_NamesTheFirstAndCountsAll()
    {
        var text = new StringBuilder(RecordedText.Header + "\n0,0,1,1\n");
        for (int i = 0; i < 100; i++)
        {
            text.Append("x\n");
        }

        JobReading reading = RecordedText.Read(text.ToString());
        reading.BadRecords.Count.Should().Be(100);
        reading.BadRecords.First.Should().HaveCount(20);
    }

    [Fact]
    public void Read_OfAFileThatIsNotThere_SaysSo() =>
        RecordedJobReader.Read(Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid()}.csv")).Fault.Should().Contain("Could not find");

    [Fact]
    public void Formats_ByName_AreFoundAndNoOther()
    {
        foreach (string name in RecordingFormats.Names)
        {
            RecordingFormats.NameOf(RecordingFormats.Parse(name)!.Value).Should().Be(name);
        }

        RecordingFormats.Parse("CSV").Should().BeNull();
    }
}
