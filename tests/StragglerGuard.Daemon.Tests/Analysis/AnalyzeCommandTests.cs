using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using StragglerGuard.Daemon.Analysis;
using StragglerGuard.Daemon.CommandLine;

namespace StragglerGuard.Daemon.Tests.Analysis;

public sealed class AnalyzeCommandTests
{
    [Fact]
    public void Analyze_OfASlowWorker_EndsWithTheAgreedJson()
    {
        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of("analyze", folder.Write("job.csv", Operations(slow: 2)), "--json");
        run.ExitCode.Should().Be(ExitCodes.Judged, run.Error);
        JsonElement json = run.Json();
        Keys(json).Should().Equal(
            "S", "waste", "T", "TIdeal", "MW", "MS", "byOperation", "byReplica", "byStage", "workers", "class", "culprits", "advice");
        double slowdown = json.GetProperty("S").GetDouble();
        slowdown.Should().BeApproximately(json.GetProperty("T").GetDouble() / json.GetProperty("TIdeal").GetDouble(), 1e-9).And.BeGreaterThan(1.2);
        json.GetProperty("waste").GetDouble().Should().BeApproximately(1 - (1 / slowdown), 1e-12);
        json.GetProperty("byReplica").GetArrayLength().Should().Be(4);
        json.GetProperty("byStage").GetArrayLength().Should().Be(1);
        json.GetProperty("byOperation").GetProperty("forward-compute").GetDouble().Should().BeGreaterThan(1);
        JsonElement[] workers = [.. json.GetProperty("workers").EnumerateArray()];
        workers.Should().HaveCount(4);
        Keys(workers[0]).Should().Equal("replica", "stage", "slowdown", "whatIf");
        workers.MaxBy(worker => worker.GetProperty("slowdown").GetDouble()).GetProperty("replica").GetInt32().Should().Be(2);
        json.GetProperty("class").GetString().Should().Be("worker");
        JsonElement culprit = json.GetProperty("culprits").EnumerateArray().Should().ContainSingle().Subject;
        culprit.GetProperty("replica").GetInt32().Should().Be(2);
        culprit.GetProperty("stage").GetInt32().Should().Be(0);
        JsonElement advice = json.GetProperty("advice").EnumerateArray().First();
        Keys(advice).Should().Equal("action", "predictedGain", "reason");
        advice.GetProperty("predictedGain").GetDouble().Should().BeGreaterThan(1.1);
    }

    [Fact]
    public void Analyze_OnATerminal_ShowsATableAHeatMapAndWhatToDo()
    {
        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of("analyze", folder.Write("job.csv", Operations(slow: 2)));
        run.Output.Should().ContainAll("slowdown S", "slowdown by worker", "Slow: replica 2, stage 0", "Why: ", "What to do: ", "times as fast");
        run.Output.Split('\n').Single(line => line.StartsWith("      2 ", StringComparison.Ordinal)).Should().MatchRegex("[▒▓█]");
        run.Output.Split('\n').Single(line => line.StartsWith("      1 ", StringComparison.Ordinal)).Should().Contain("··");
    }

    [Fact]
    public void Analyze_WhenNothingIsSlow_SaysSo()
    {
        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of("analyze", folder.Write("job.csv", Operations(slow: -1)), "--json");
        run.Json().GetProperty("class").GetString().Should().Be("none");
        run.Json().GetProperty("culprits").GetArrayLength().Should().Be(0);
        run.Output.Should().Contain("Nothing that is known costs this job enough to matter.");
    }

    [Fact]
    public void Html_OfAnAnalysis_IsOneWellFormedPageWithoutAnythingFromElsewhere()
    {
        using var folder = new TemporaryFolder();
        string page = folder.PathOf("page.html");
        ProgramRun.Of("analyze", folder.Write("job.csv", Operations(slow: 2)), "--html", page).ExitCode.Should().Be(ExitCodes.Judged);
        string html = File.ReadAllText(page);
        ShouldBeSelfContained(html);
        Regex.Matches(html, "title=\"replica ").Should().HaveCount(4, "one cell a worker");
        Regex.Matches(html, "title=\"step ").Should().HaveCount(5 * 6, "one cell a step, of the job and of every worker");
    }

    [Fact]
    public void Html_OfANameWithMarkup_EscapesIt()
    {
        using var folder = new TemporaryFolder();
        string page = folder.PathOf("page.html");
        ProgramRun.Of("analyze", folder.Write("a&'b.csv", Operations(slow: 2)), "--html", page).ExitCode.Should().Be(ExitCodes.Judged);
        File.ReadAllText(page).Should().Contain("a&amp;&#39;b.csv").And.NotContain("a&'b");
    }

    [Fact]
    public void PageWriter_OnText_EscapesEveryPlace()
    {
        const string evil = "\"><script>alert(1)</script>\u001b[2J";
        var page = new PageWriter(evil);
        page.Heading(evil);
        page.Paragraph(evil);
        page.Table([[evil], [evil]]);
        page.BeginHeat(evil, [evil], narrow: false);
        page.BeginHeatRow(evil);
        page.HeatCell(1, evil, evil);
        page.EndHeatRow();
        page.EndHeat();
        ShouldBeSelfContained(page.End());
    }

    [Fact]
    public void Html_ThatCantBeWritten_EndsWithOne()
    {
        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of("analyze", folder.Write("job.csv", Operations(slow: 2)), "--html", Path.Combine(folder.Root, "none", "page.html"));
        run.ExitCode.Should().Be(ExitCodes.NotWritten);
        run.Error.Should().Contain("page.html");
    }

    [Fact]
    public void Analyze_WithBadRecords_NamesThemOnStderrAndJudgesTheRest()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("job.csv", Operations(slow: 2) + "0,0,0,0,optimizer,NaN,1\n");
        ProgramRun run = ProgramRun.Of("analyze", path, "--json");
        run.ExitCode.Should().Be(ExitCodes.Judged);
        run.Error.Should().Contain($"{path}:").And.Contain("start_ts: 'NaN'").And.Contain("1 bad records left out");
        run.Json().GetProperty("class").GetString().Should().Be("worker");
    }

    [Fact]
    public void Analyze_OfAFolderOfProfilerTraces_ShowsWhoCameLast()
    {
        using var folder = new TemporaryFolder();
        folder.Write("rank0.json", Profile(0, 500, 30));
        folder.Write("rank1.json", Profile(1, 100, 40));
        folder.Write("rank2.json", Profile(2, 300, 10));
        string page = folder.PathOf("page.html");
        ProgramRun run = ProgramRun.Of("analyze", folder.Root, "--json", "--html", page);
        run.ExitCode.Should().Be(ExitCodes.Judged, run.Error);
        JsonElement[] collectives = [.. run.Json().GetProperty("collectives").EnumerateArray()];
        collectives.Should().HaveCount(2);
        Keys(collectives[0]).Should().ContainInOrder("name", "size", "lastRank", "lagSeconds", "transferSeconds");
        collectives.Select(collective => collective.GetProperty("lastRank").GetInt32()).Should().Equal(1, 2);
        collectives[0].GetProperty("lagSeconds").EnumerateArray().Select(lag => lag.GetDouble()).Should().Equal(0, 400e-6, 200e-6);
        collectives[0].GetProperty("transferSeconds").GetDouble().Should().Be(100e-6);
        run.Output.Should().Contain("The last to come waits least");
        ShouldBeSelfContained(File.ReadAllText(page));
    }

    [Fact]
    public void Analyze_OfASingleProfilerTrace_SaysWhatItNeeds()
    {
        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of("analyze", folder.Write("rank0.json", Profile(0, 500)));
        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Error.Should().Contain("read as a folder");
    }

    [Theory]
    [InlineData(null, "no *.json")]
    [InlineData("{\"traceEvents\":[{\"ph\":", "no trace with a collective in it")]
    [InlineData("nonsense", "no trace with a collective in it")]
    public void Analyze_OfAFolderWithoutTraces_EndsWithTwoAndOneMessage(string? text, string message)
    {
        using var folder = new TemporaryFolder();
        if (text is not null)
        {
            folder.Write("rank0.json", text);
        }

        ProgramRun run = ProgramRun.Of("analyze", folder.Root);
        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().ContainSingle().Which.Should().Contain(message);
    }

    [Theory]
    [InlineData(0.0, '·')]
    [InlineData(0.05, '░')]
    [InlineData(0.3, '▒')]
    [InlineData(0.6, '▓')]
    [InlineData(1.0, '█')]
    public void HeatScale_FromNothingToTheWorst_GetsDarker(double heat, char shade) => HeatScale.Shade(heat).Should().Be(shade);

    private static void ShouldBeSelfContained(string html)
    {
        html.Should().NotContainAny("<script", "http:", "https:", "src=", "href=", "url(", "@import", "\u001b");
        string body = html[html.IndexOf("<body>", StringComparison.Ordinal)..html.IndexOf("</html>", StringComparison.Ordinal)];
        FluentActions.Invoking(() => XDocument.Parse(body)).Should().NotThrow("every text is escaped and every element closed");
    }

    private static IEnumerable<string> Keys(JsonElement json) => json.EnumerateObject().Select(property => property.Name);

    // Four replicas of one stage, six steps of two micro-batches.
    private static string Operations(int slow)
    {
        string[] names = ["forward-compute", "backward-compute", "forward-compute", "backward-compute", "grads-reduce-scatter", "optimizer"];
        var text = new StringBuilder("dp_rank,stage,rank,step,optype,start_ts,duration,seq_id,mc,mb_id,gmc\n");
        for (int replica = 0; replica < 4; replica++)
        {
            for (int step = 0; step < 6; step++)
            {
                double start = step * 10;
                double end = start;
                for (int i = 0; i < names.Length; i++)
                {
                    bool isCompute = names[i].EndsWith("compute", StringComparison.Ordinal);
                    double duration = isCompute ? replica == slow ? 0.2 : 0.1 : 0.01;

                    // All leave the reduction together, when the last to come has come.
                    end = i == 4 ? start + (slow >= 0 ? 0.81 : 0.41) : end + duration;
                    double began = i == 4 ? start + (replica == slow ? 0.8 : 0.4) : end - duration;
                    text.Append(FormattableString.Invariant($"{replica},0,{replica},{step},{names[i]},{began:R},{end - began:R},{(i < 4 ? i / 2 : 0)},0,{(i < 4 ? i / 2 : -1)},0\n"));
                }
            }
        }

        return text.ToString();
    }

    private static string Profile(int rank, params int[] insideUs)
    {
        IEnumerable<string> events = insideUs.Select((inside, i) =>
            $$$"""{"ph":"X","cat":"kernel","name":"ncclKernel_AllReduce_RING_LL_Sum_float(x)","tid":84,"ts":{{{(1000 * (i + 1)) - inside}}},"dur":{{{inside}}},"args":{"correlation":{{{i}}}}}""");
        return $$"""{"schemaVersion":1,"distributedInfo":{"backend":"nccl","rank":{{rank}},"world_size":3},"traceEvents":[{{string.Join(',', events)}}]}""";
    }
}
