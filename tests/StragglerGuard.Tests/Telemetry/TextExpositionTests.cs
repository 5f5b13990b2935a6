using System.Diagnostics;
using System.Diagnostics.Metrics;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Tests.Telemetry;

public sealed class TextExpositionTests : MetricsPageTests
{
    [Fact]
    public void Write_OfTheExampleJob_GivesTheGoldenPage()
    {
        using var instruments = new GuardInstruments();
        using var exposition = new TextExposition(instruments.Meter);
        instruments.Track(ExamplePage.Snapshot());

        var page = exposition.Text();

        page.Should().Be(File.ReadAllText(ExamplePage.GoldenFile));
        exposition.Text().Should().Be(page, "a second look changes nothing");
    }

    [FactIfAvailable("promtool", "prometheus")]
    public void Write_OfTheExampleJob_PassesPromtool()
    {
        using var instruments = new GuardInstruments();
        using var exposition = new TextExposition(instruments.Meter);
        instruments.Track(ExamplePage.Snapshot());
        using var promtool = Process.Start(new ProcessStartInfo("promtool", ["check", "metrics"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

        promtool.StandardInput.Write(exposition.Text());
        promtool.StandardInput.Close();
        var errors = promtool.StandardError.ReadToEndAsync();
        var output = promtool.StandardOutput.ReadToEnd();
        promtool.WaitForExit();

        (promtool.ExitCode, output + errors.Result).Should().Be((0, ""));
    }

    [Fact]
    public void Write_OfNumbersAtTheEdge_GivesTheFormatsOwnWords()
    {
        using var meter = new Meter("edge");
        double[] values = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 1e-300, double.MaxValue, 0.1, 1.0 / 3, 123456789012345680];
        meter.CreateObservableGauge("edge", () => values.Select((value, i) => new Measurement<double>(value, new KeyValuePair<string, object?>("i", i))));
        using var exposition = new TextExposition(meter);

        exposition.Text().Should().Contain("edge{i=\"0\"} NaN\n").And.Contain("edge{i=\"1\"} +Inf\n").And.Contain("edge{i=\"2\"} -Inf\n");
    }

    [Fact]
    public void Write_OfNamesThatTheFormatRefuses_ReplacesWhatIsIllegal()
    {
        using var meter = new Meter("names");
        meter.CreateObservableGauge("http.server/duration", () => new Measurement<int>(1, new KeyValuePair<string, object?>("9 lives", null)));
        using var exposition = new TextExposition(meter);

        exposition.Text().Should().StartWith("# HELP http_server_duration \n# TYPE http_server_duration gauge\nhttp_server_duration{_9_lives=\"\"} 1\n");
    }

    [Fact]
    public void Write_BeyondTheCap_LeavesOutTheLastAndCountsThem()
    {
        using var instruments = new GuardInstruments();
        using var capped = new TextExposition(instruments.Meter, maxSeries: 30);
        using var whole = new TextExposition(instruments.Meter);
        instruments.Track(ExamplePage.Snapshot());
        var all = Lines(whole.Text());

        var page = Lines(capped.Text());

        page.Should().HaveCount(31);
        page[..30].Should().Equal(all[..30]);
        page[30].Should().Be($"stragglerguard_exposition_dropped_series_total {all.Length - 1 - 30}");
        Lines(capped.Text())[30].Should().Be($"stragglerguard_exposition_dropped_series_total {2 * (all.Length - 1 - 30)}", "it is a counter");
        capped.DroppedSeries.Should().Be(2 * (all.Length - 1 - 30));
        page[..30].Should().Contain(all.Where(line => line.StartsWith("stragglerguard_job_", StringComparison.Ordinal)), "figures of ranks go first");
    }

    private protected override OwnedPage CreatePage(Meter meter, int maxSeries = 10_000)
    {
        var exposition = new TextExposition(meter, maxSeries);
        return new OwnedPage(exposition, exposition);
    }

    private static string[] Lines(string page) => [.. page.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#')];
}
