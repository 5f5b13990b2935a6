using System.Diagnostics.Metrics;
using Prometheus;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Telemetry;

namespace StragglerGuard.PrometheusNet.Tests;

public sealed class PrometheusNetPageTests : MetricsPageTests
{
    [Fact]
    public async Task Page_OfARegistryWithMetricsOfItsOwn_ShowsThemBesideTheGuards()
    {
        var registry = Metrics.NewCustomRegistry();
        Metrics.WithCustomRegistry(registry).CreateCounter("runner_batches_total", "Batches.").Inc(7);
        using var instruments = new GuardInstruments();
        using var page = new PrometheusNetPage(instruments.Meter, registry);
        using var builtIn = new TextExposition(instruments.Meter);
        instruments.Track(ExamplePage.Snapshot());

        var series = await SeriesOf(page);

        series.Single(s => s.Name == "runner_batches_total").Value.Should().Be(7);
        Lines(series.Where(s => s.Name != "runner_batches_total")).Should().BeEquivalentTo(Lines(await SeriesOf(builtIn)));
    }

    [Fact]
    public async Task Page_OfTwoGuardsInOneRegistry_ShowsTheJobsOfBoth()
    {
        var registry = Metrics.NewCustomRegistry();
        using var first = new GuardInstruments();
        using var second = new GuardInstruments();
        using var page = new PrometheusNetPage(first.Meter, registry, maxSeries: 5);
        using var other = new PrometheusNetPage(second.Meter, registry);
        first.Track(ExamplePage.Snapshot("one"));
        second.Track(ExamplePage.Snapshot("two"));

        var series = await SeriesOf(page);

        series.Count(s => s.Labels.Contains(("job", "one"))).Should().Be(5);
        series.Count(s => s.Labels.Contains(("job", "two"))).Should().BeGreaterThan(5);
        series.Single(s => s.Name == "stragglerguard_exposition_dropped_series_total").Value
            .Should().Be(page.DroppedSeries).And.BeGreaterThan(0);
    }

    [Fact]
    public async Task Dispose_OfOneOfTwo_LeavesTheOthersSeries()
    {
        var registry = Metrics.NewCustomRegistry();
        using var first = new GuardInstruments();
        using var second = new GuardInstruments();
        var page = new PrometheusNetPage(first.Meter, registry);
        using var other = new PrometheusNetPage(second.Meter, registry);
        first.Track(ExamplePage.Snapshot("one"));
        second.Track(ExamplePage.Snapshot("two"));
        (await SeriesOf(other)).SelectMany(s => s.Labels).Should().Contain(("job", "one"));

        page.Dispose();
        page.Dispose();

        var series = await SeriesOf(other);
        series.SelectMany(s => s.Labels).Should().NotContain(("job", "one")).And.Contain(("job", "two"));
        await FluentActions.Awaiting(() => TextOf(page)).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Page_OfTwoGuardsInOneRegistry_AddsUpTheirRefusalsAndShowsWhetherOneDecides()
    {
        var registry = Metrics.NewCustomRegistry();
        using var first = new GuardInstruments();
        using var second = new GuardInstruments();
        var page = new PrometheusNetPage(first.Meter, registry);
        using var other = new PrometheusNetPage(second.Meter, registry);
        Count(first, "malformed", 2);
        Count(second, "malformed", 3);
        Count(second, "oversized", 1);
        first.ShowDeciding(true);
        second.ShowDeciding(false);

        // More than one collection: what one page ends its round with must not touch the other's.
        Shared(await SeriesOf(page)).Should().BeEquivalentTo(["malformed 5", "oversized 1", "deciding 1"]);
        Shared(await SeriesOf(other)).Should().BeEquivalentTo(["malformed 5", "oversized 1", "deciding 1"]);
        first.ShowDeciding(false);
        Count(first, "malformed", 4);
        Shared(await SeriesOf(other)).Should().BeEquivalentTo(["malformed 9", "oversized 1", "deciding 0"]);

        page.Dispose();

        Shared(await SeriesOf(other)).Should().BeEquivalentTo(["malformed 9", "oversized 1", "deciding 0"], "what was counted stays counted");
        second.ShowDeciding(true);
        Count(second, "malformed", 1);
        Shared(await SeriesOf(other)).Should().BeEquivalentTo(["malformed 10", "oversized 1", "deciding 1"]);
        other.Dispose();
        using var text = new MemoryStream();
        await registry.CollectAndExportAsTextAsync(text);
        System.Text.Encoding.UTF8.GetString(text.ToArray()).Should().NotContain("reason=").And.NotContain("\nstragglerguard_guardian_deciding ");
    }

    [Fact]
    public async Task Page_OfASharedCounterThatOneBeginsAnew_NeverFalls()
    {
        var registry = Metrics.NewCustomRegistry();
        long[] counts = [10, 20];
        using var first = new Meter("first");
        using var second = new Meter("second");
        first.CreateObservableCounter("shared_total", () => counts[0]);
        second.CreateObservableCounter("shared_total", () => counts[1]);
        using var page = new PrometheusNetPage(first, registry);
        var other = new PrometheusNetPage(second, registry);
        (await Value()).Should().Be(30);

        counts[0] = 1;
        (await Value()).Should().Be(31);
        other.Dispose();
        (await Value()).Should().Be(31);
        counts[0] = 4;
        (await Value()).Should().Be(34);

        // Alone, it says what its instrument says.
        counts[0] = 3;
        (await Value()).Should().Be(3);

        async Task<double> Value() => (await SeriesOf(page)).Single(s => s.Name == "shared_total").Value;
    }

    [Fact]
    public async Task Page_OfASharedGaugeThatOneNoLongerReports_ShowsTheOthers()
    {
        var registry = Metrics.NewCustomRegistry();
        double?[] figures = [7, 5];
        using var first = new Meter("first");
        using var second = new Meter("second");
        first.CreateObservableGauge("shared", () => Of(0));
        second.CreateObservableGauge("shared", () => Of(1));
        using var page = new PrometheusNetPage(first, registry);
        using var other = new PrometheusNetPage(second, registry);
        (await Values()).Should().Equal(7);

        figures[0] = null;
        (await Values()).Should().Equal(5);
        figures[1] = null;
        (await Values()).Should().BeEmpty();
        figures[0] = 2;
        (await Values()).Should().Equal(2);

        Measurement<double>[] Of(int meter) => figures[meter] is { } figure ? [new Measurement<double>(figure)] : [];

        async Task<IEnumerable<double>> Values() => (await SeriesOf(page)).Where(s => s.Name == "shared").Select(s => s.Value);
    }

    [Fact]
    public async Task Page_OfASeriesThatPrometheusNetRefuses_LeavesItOutAndCountsIt()
    {
        var registry = Metrics.NewCustomRegistry();
        Metrics.WithCustomRegistry(registry).CreateCounter("taken", "Of the runner.").Inc(7);
        using var meter = new Meter("refused");
        meter.CreateObservableGauge("taken", () => 1.0);
        meter.CreateObservableGauge("labelled", () => new Measurement<double>(2.0, new KeyValuePair<string, object?>("__reserved", "x")));
        meter.CreateObservableGauge("good", () => 3.0);
        using var page = new PrometheusNetPage(meter, registry);

        var series = await SeriesOf(page);

        series.Select(s => (s.Name, s.Value)).Should().BeEquivalentTo(
            [("taken", 7.0), ("good", 3.0), ("stragglerguard_exposition_dropped_series_total", 2.0)]);
    }

    [Fact]
    public async Task Page_OfOneInstrumentWithTwoSetsOfLabels_ShowsBoth()
    {
        using var meter = new Meter("mixed");
        meter.CreateObservableGauge("mixed", () => new[]
        {
            new Measurement<double>(1, new KeyValuePair<string, object?>("a", "x")),
            new Measurement<double>(2, new KeyValuePair<string, object?>("a", "x"), new KeyValuePair<string, object?>("b", "y")),
            new Measurement<double>(3),
        });
        using var page = new PrometheusNetPage(meter);

        (await SeriesOf(page)).Where(s => s.Name == "mixed").Select(s => (s.Labels.Count, s.Value))
            .Should().BeEquivalentTo([(1, 1.0), (2, 2.0), (0, 3.0)]);
    }

    private static void Count(GuardInstruments instruments, string reason, int times)
    {
        for (var i = 0; i < times; i++)
        {
            instruments.CountRefused(reason);
        }
    }

    /// <summary>The series that bear no job.</summary>
    private static IEnumerable<string> Shared(IEnumerable<ParsedSeries> page) => page
        .Where(s => s.Name is "stragglerguard_fabric_refused_total" or "stragglerguard_guardian_deciding")
        .Select(s => FormattableString.Invariant($"{(s.Labels.Count > 0 ? s.Labels[0].Value : "deciding")} {s.Value}"));

    private protected override OwnedPage CreatePage(Meter meter, int maxSeries = 10_000)
    {
        var page = new PrometheusNetPage(meter, registry: null, maxSeries);
        return new OwnedPage(page, page);
    }
}
