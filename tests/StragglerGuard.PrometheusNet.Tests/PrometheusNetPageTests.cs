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

    private protected override OwnedPage CreatePage(Meter meter, int maxSeries = 10_000)
    {
        var page = new PrometheusNetPage(meter, registry: null, maxSeries);
        return new OwnedPage(page, page);
    }
}
