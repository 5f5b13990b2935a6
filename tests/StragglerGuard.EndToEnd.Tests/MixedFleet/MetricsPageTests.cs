using System.Globalization;
using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.MixedFleet;

[Collection(TimedRuns.Name)]
public sealed class MetricsPageTests(ITestOutputHelper log) : IDisposable
{
    /// <summary>A quarter of the run's 80 steps.</summary>
    private const int ObservedSteps = 20;

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task TwoEquals_NobodySlow_AreServedAsSuchWhileTheyRunAndGetNoVerdictAndNoPlan()
    {
        await using SampleRun run = SampleRun.Start(
            log, _folder, "--fleet", _folder.WriteEquals(ranks: 2, paceMs: 20), "--micro-batches", "4", "--steps", "80",
            "--metrics-port", "0", "--json");
        string address = (await run.NextLineAsync("  metrics "))["  metrics ".Length..];
        new Uri(address).Host.Should().Be("127.0.0.1");

        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        string[] series = [];
        while (!Array.Exists(series, line => line.StartsWith("stragglerguard_rank_straggler{", StringComparison.Ordinal)))
        {
            // A page a progress line, until the ranks are judged; the run's end ends this with a failure.
            await run.NextLineAsync("step");
            series = (await client.GetStringAsync(new Uri(address))).Split('\n');
        }

        series.Should().Contain("stragglerguard_job_ranks{job=\"mixed-fleet\"} 2");
        const string StepSeries = "stragglerguard_job_step{job=\"mixed-fleet\"} ";
        int step = int.Parse(
            series.Should().ContainSingle(line => line.StartsWith(StepSeries, StringComparison.Ordinal)).Subject[StepSeries.Length..],
            CultureInfo.InvariantCulture);
        string mode = step < ObservedSteps ? "observe" : "act";
        series.Should().ContainSingle(line => line.StartsWith("stragglerguard_job_mode{", StringComparison.Ordinal) && line.EndsWith(" 1"))
            .Which.Should().Contain($"mode=\"{mode}\"", $"the page is of step {step}");
        for (int rank = 0; rank < 2; rank++)
        {
            string labels = $"{{job=\"mixed-fleet\",rank=\"{rank}\",device_class=\"H100\"";
            series.Should().Contain(line => line.StartsWith($"stragglerguard_rank_micro_batches{labels}") && line.EndsWith("} 2"));
            series.Should().Contain(line => line.StartsWith($"stragglerguard_rank_straggler{labels}") && line.EndsWith("} 0"));
        }

        RunOutcome outcome = await run.EndAsync();
        RunReport report = outcome.Report();
        report.Verdicts.Should().BeEmpty();
        report.Plans.Should().BeEmpty();
        report.Ranks.Should().HaveCount(2).And.OnlyContain(rank => rank.MicroBatches == 2);
        Func<Task> afterwards = () => client.GetStringAsync(new Uri(address));
        await afterwards.Should().ThrowAsync<HttpRequestException>("the run is over");
    }
}
