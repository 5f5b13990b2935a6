using System.Buffers;
using System.Diagnostics.Metrics;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using StragglerGuard.Core;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Tests.Telemetry;

/// <summary>What every page of metrics must show, whoever makes it; one subclass for each.</summary>
public abstract class MetricsPageTests
{
    private const string Dropped = "stragglerguard_exposition_dropped_series_total";

    [Fact]
    public async Task Page_OfTheExampleJob_HoldsTheSeriesOfTheGoldenPage()
    {
        using var instruments = new GuardInstruments();
        using var page = CreatePage(instruments.Meter);
        instruments.Track(ExamplePage.Snapshot());
        var golden = ExpositionParser.Parse(File.ReadAllText(ExamplePage.GoldenFile));

        var first = await SeriesOf(page);
        var second = await SeriesOf(page);

        Lines(first).Should().BeEquivalentTo(Lines(golden));
        Lines(second).Should().BeEquivalentTo(Lines(golden), "a second look changes nothing");
        page.ContentType.Should().Be("text/plain; version=0.0.4; charset=utf-8");
    }

    [Fact]
    public async Task Page_WithNothingTracked_HoldsOnlyTheCounterOfDroppedSeries()
    {
        using var instruments = new GuardInstruments();
        using var page = CreatePage(instruments.Meter);

        (await SeriesOf(page)).Should().ContainSingle().Which.Should().BeEquivalentTo(new { Name = Dropped, Type = "counter", Value = 0.0 });
    }

    [Fact]
    public async Task Page_OfNumbersAtTheEdge_ReadsBackTheSame()
    {
        using var meter = new Meter("edge");
        double[] values = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 1e-300, double.MaxValue, 0.1, 1.0 / 3, 123456789012345680];
        meter.CreateObservableGauge("edge", () => values.Select((value, i) => new Measurement<double>(value, new KeyValuePair<string, object?>("i", i))));
        using var page = CreatePage(meter);

        (await SeriesOf(page)).Where(series => series.Name == "edge").OrderBy(series => int.Parse(series.Labels[0].Value, null))
            .Select(series => series.Value).Should().Equal(values);
    }

    [Fact]
    public void Page_OfAnyLabelAndHelp_ReadsBackTheSame()
    {
        // Strings rich in what the format escapes; no halves of surrogate pairs, which are no text.
        var character = Gen.Frequency(
            (3, Gen.Elements('\\', '"', '\n', '{', '}', ',', '=', ' ', '#')),
            (2, Gen.Choose(32, 126).Select(c => (char)c)),
            (1, Gen.Elements('é', '中', '\u2028', '\r', '\t', '\0')));
        var text = character.ListOf().Select(characters => new string([.. characters]));
        var property = Prop.ForAll(text.Two().ToArbitrary(), pair =>
        {
            using var meter = new Meter("escaping");
            var tag = new KeyValuePair<string, object?>("label", pair.Item1);
            meter.CreateObservableGauge("escaped", () => new Measurement<double>(1.5, tag, new("second", pair.Item2)), null, pair.Item2);
            using var page = CreatePage(meter);

            var series = SeriesOf(page).GetAwaiter().GetResult().Single(s => s.Name == "escaped");

            // A help of blanks says nothing, and may be left out.
            return (series.Help == pair.Item2 || string.IsNullOrWhiteSpace(series.Help + pair.Item2)) && series.Value == 1.5
                && series.Labels.SequenceEqual([("label", pair.Item1), ("second", pair.Item2)]);
        });

        // The seed is fixed; FsCheck's own message names it together with the failing case.
        Check.One(Config.QuickThrowOnFailure.WithReplay(77_003, 5).WithMaxTest(300), property);
    }

    [Fact]
    public async Task Page_OfNamesThatTheFormatRefuses_ReplacesWhatIsIllegal()
    {
        using var meter = new Meter("names");
        meter.CreateObservableGauge("http.server/duration", () => new Measurement<int>(1, new KeyValuePair<string, object?>("9 lives", null)));
        using var page = CreatePage(meter);

        var series = (await SeriesOf(page)).Single(s => s.Name == "http_server_duration");

        series.Type.Should().Be("gauge");
        series.Labels.Should().Equal(("_9_lives", ""));
    }

    [Fact]
    public async Task Page_BeyondTheCap_LeavesOutTheLastAndCountsThem()
    {
        using var instruments = new GuardInstruments();
        using var capped = CreatePage(instruments.Meter, maxSeries: 30);
        instruments.Track(ExamplePage.Snapshot());
        // The golden page has the order in which series fall to the cap.
        var golden = Lines(ExpositionParser.Parse(File.ReadAllText(ExamplePage.GoldenFile))).ToList();
        var over = golden.Count - 1 - 30;

        var page = await SeriesOf(capped);

        Lines(page).Should().BeEquivalentTo(golden[..30].Append($"counter {Dropped} = {over}"));
        (await SeriesOf(capped)).Single(s => s.Name == Dropped).Value.Should().Be(2 * over, "it is a counter");
    }

    [Fact]
    public async Task Page_OfTwoGuardsInOneProcess_ShowsEachItsOwn()
    {
        using var first = new GuardInstruments();
        using var second = new GuardInstruments();
        using var page = CreatePage(first.Meter);
        first.Track(ExamplePage.Snapshot("one"));
        second.Track(ExamplePage.Snapshot("two"));

        JobsOf(await SeriesOf(page)).Should().Equal("one");
    }

    [Fact]
    public async Task Page_AfterTheMeterIsGone_HoldsNothingOfIt()
    {
        var instruments = new GuardInstruments();
        using var page = CreatePage(instruments.Meter);
        instruments.Track(ExamplePage.Snapshot());
        JobsOf(await SeriesOf(page)).Should().Equal("llm-7b");

        instruments.Dispose();

        (await SeriesOf(page)).Should().ContainSingle().Which.Name.Should().Be(Dropped);
    }

    [Fact]
    public async Task Page_OfAJobThatLeftAndCameAnew_ShowsItsFiguresOfNow()
    {
        using var instruments = new GuardInstruments();
        using var page = CreatePage(instruments.Meter);
        instruments.Track(ExamplePage.Snapshot());
        Counted(await SeriesOf(page)).Should().Be(80_425);

        instruments.Untrack(new JobId("llm-7b"));
        JobsOf(await SeriesOf(page)).Should().BeEmpty();

        var anew = ExamplePage.Snapshot();
        anew.RecordsAccepted = 5;
        instruments.Track(anew);
        Counted(await SeriesOf(page)).Should().Be(5);
        instruments.Untrack(new JobId("llm-7b"));
        var again = ExamplePage.Snapshot();
        again.RecordsAccepted = 3;
        instruments.Track(again);
        Counted(await SeriesOf(page)).Should().Be(3, "a counter that began anew between two looks is lower than it was");
    }

    [Fact]
    public async Task Page_OfAFigureThatBecameUnknown_LosesItsSeries()
    {
        using var instruments = new GuardInstruments();
        using var page = CreatePage(instruments.Meter);
        var snapshot = ExamplePage.Snapshot();
        instruments.Track(snapshot);
        (await SeriesOf(page)).Count(s => s.Name == "stragglerguard_rank_slowdown_ratio").Should().Be(1);

        snapshot.Slowdown[0] = double.NaN;

        (await SeriesOf(page)).Should().NotContain(s => s.Name == "stragglerguard_rank_slowdown_ratio");
    }

    [Fact]
    public async Task Page_FromManyThreads_GivesEachAWholePage()
    {
        using var instruments = new GuardInstruments();
        using var page = CreatePage(instruments.Meter);
        instruments.Track(ExamplePage.Snapshot());
        var expected = await TextOf(page);

        var pages = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            var seen = new List<string>();
            for (var i = 0; i < 50; i++)
            {
                seen.Add(await TextOf(page));
            }

            return seen;
        })));

        pages.SelectMany(seen => seen).Should().OnlyContain(seen => seen == expected);
    }

    [Fact]
    public void Page_WithoutRoom_Throws()
    {
        using var meter = new Meter("room");

        FluentActions.Invoking(() => CreatePage(meter, 0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    private protected static async Task<string> TextOf(IMetricsPage page)
    {
        var text = new ArrayBufferWriter<byte>();
        await page.WriteAsync(text);
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    private protected static async Task<IReadOnlyList<ParsedSeries>> SeriesOf(IMetricsPage page) => ExpositionParser.Parse(await TextOf(page));

    /// <summary>All that a scraper reads of each series, the labels in the order of their names.</summary>
    private protected static IEnumerable<string> Lines(IEnumerable<ParsedSeries> page) => page.Select(series =>
    {
        var labels = string.Join(",", series.Labels.OrderBy(label => label.Name, StringComparer.Ordinal).Select(label => $"{label.Name}={label.Value}"));
        return FormattableString.Invariant($"{series.Type} {series.Name}{(labels.Length == 0 ? "" : "{" + labels + "}")} = {series.Value:R}");
    });

    private protected abstract OwnedPage CreatePage(Meter meter, int maxSeries = 10_000);

    private static double Counted(IEnumerable<ParsedSeries> page) =>
        page.Single(s => s.Name == "stragglerguard_job_records_total" && s.Labels.Contains(("outcome", "accepted"))).Value;

    private static IEnumerable<string> JobsOf(IEnumerable<ParsedSeries> page) =>
        page.SelectMany(s => s.Labels).Where(label => label.Name == "job").Select(label => label.Value).Distinct();

    /// <summary>A page and what is to be disposed with it.</summary>
    private protected sealed class OwnedPage(IMetricsPage page, IDisposable owner) : IMetricsPage, IDisposable
    {
        public string ContentType => page.ContentType;

        public ValueTask WriteAsync(IBufferWriter<byte> output, CancellationToken cancellation = default) => page.WriteAsync(output, cancellation);

        public void Dispose() => owner.Dispose();
    }
}
