using System.Globalization;
using System.Text;
using System.Text.Json;
using StragglerGuard.Daemon.CommandLine;

namespace StragglerGuard.Daemon.Tests.Judging;

public sealed class ReplayCommandTests
{
    private const int Seed = 4;

    [Fact]
    public void Replay_OfASlowRank_EndsWithTheAgreedJson()
    {
        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of("replay", folder.Write("job.csv", Timings()), "--json", "--what-if", "--micro-batches", "40");
        run.ExitCode.Should().Be(ExitCodes.Judged, run.Error);
        run.Error.Should().BeEmpty();
        JsonElement json = run.Json();
        Keys(json).Should().Equal("verdicts", "changes", "whatIf", "summary");
        JsonElement verdict = json.GetProperty("verdicts").EnumerateArray().Should().ContainSingle().Subject;
        Keys(verdict).Should().Equal("rank", "step", "raisedAtStep", "kind", "slowdown", "cause", "confidence", "reason");
        verdict.GetProperty("rank").GetInt32().Should().Be(2);
        verdict.GetProperty("kind").GetString().Should().Be("persistentSlowness");
        verdict.GetProperty("cause").GetString().Should().Be("compute");
        verdict.GetProperty("step").GetInt64().Should().BeInRange(79, 81);
        verdict.GetProperty("confidence").GetDouble().Should().BeInRange(0.5, 1);
        JsonElement[] changes = [.. json.GetProperty("changes").EnumerateArray()];
        changes.Should().HaveCount(2, "an onset and a recovery");
        Keys(changes[0]).Should().Equal("rank", "step", "raisedAtStep", "ratio");
        JsonElement whatIf = json.GetProperty("whatIf");
        Keys(whatIf).Should().Equal("microBatches", "evenSeconds", "dealtSeconds", "oracleSeconds", "gain", "backupWorkers");
        Keys(whatIf.GetProperty("backupWorkers")).Should().Equal("accepted", "expectedGain", "reason");
        whatIf.GetProperty("microBatches").GetInt32().Should().Be(40);
        whatIf.GetProperty("gain").GetDouble()
            .Should().BeApproximately(whatIf.GetProperty("evenSeconds").GetDouble() / whatIf.GetProperty("dealtSeconds").GetDouble(), 1e-12).And.BeGreaterThan(1.05);
        json.GetProperty("summary").GetString().Should().Contain("rank 2");
    }

    [Fact]
    public void Replay_WithoutJson_SaysItInWords()
    {
        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of("replay", folder.Write("job.csv", Timings()), "--what-if");
        run.Output.Should().ContainAll("job.csv: csv, 800 records of 200 steps", "Verdicts", "rank 2 takes", "Changes", "80 micro-batches", "Backup workers declined")
            .And.NotContain("{\"");
    }

    [Fact]
    public void Replay_OfALog_NamesNoRank()
    {
        var log = new StringBuilder();
        var random = new Random(Seed);
        for (int i = 1; i <= 120; i++)
        {
            log.Append(CultureInfo.InvariantCulture, $" iteration {i}/ 120 | elapsed time per iteration (ms): {(i < 60 ? 1000 : 1500) + random.Next(5)} |\n");
        }

        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of("replay", folder.Write("train.log", log.ToString()), "--json", "--what-if", "--format", "megatron-log");
        run.ExitCode.Should().Be(ExitCodes.Judged);
        run.Error.Should().Contain("no what-if: a log of the whole job has nobody to deal work to");
        JsonElement change = run.Json().GetProperty("changes").EnumerateArray().Should().ContainSingle().Subject;
        change.GetProperty("rank").ValueKind.Should().Be(JsonValueKind.Null);
        change.GetProperty("step").GetInt64().Should().BeInRange(59, 61);
        run.Json().GetProperty("whatIf").ValueKind.Should().Be(JsonValueKind.Null);
    }

    [Fact]
    public void Replay_WithBadRecords_NamesThemOnStderrAndJudgesTheRest()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("job.csv", Timings() + "7,0,NaN,0\n7,0,0.01,0.01\nhalf a li");
        ProgramRun run = ProgramRun.Of("replay", path, "--json");
        run.ExitCode.Should().Be(ExitCodes.Judged);
        run.Error.Should().ContainAll(
            $"{path}:802: compute_s: 'NaN'", $"{path}:803: step: 7 of rank 0 was recorded before", $"{path}:804: ", "3 bad records left out");
        run.Json().GetProperty("verdicts").EnumerateArray().Should().ContainSingle();
    }

    [Fact]
    public void Replay_WithFewerMicroBatchesThanReplicas_EndsWithTwo()
    {
        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of("replay", folder.Write("job.csv", Timings()), "--what-if", "--micro-batches", "3");
        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Error.Should().Contain("--micro-batches 3 is too few: the job has 4 replicas");
    }

    [Fact]
    public void Replay_OfTheSameFileTwice_PrintsTheSame()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("job.csv", Timings());
        ProgramRun.Of("replay", path, "--json", "--what-if").Should().Be(ProgramRun.Of("replay", path, "--json", "--what-if"));
    }

    private static IEnumerable<string> Keys(JsonElement json) => json.EnumerateObject().Select(property => property.Name);

    private static string Timings()
    {
        var random = new Random(Seed);
        var text = new StringBuilder("step,rank,compute_s,collective_s\n");
        for (int step = 0; step < 200; step++)
        {
            double[] compute =
            [
                .. Enumerable.Range(0, 4).Select(rank => 0.01 * (rank == 2 && step is >= 80 and < 150 ? 1.6 : 1) * (0.98 + (0.04 * random.NextDouble()))),
            ];
            for (int rank = 0; rank < 4; rank++)
            {
                text.Append(CultureInfo.InvariantCulture, $"{step},{rank},{compute[rank]:0.000000},{compute.Max() - compute[rank] + 0.001:0.000000}\n");
            }
        }

        return text.ToString();
    }
}
