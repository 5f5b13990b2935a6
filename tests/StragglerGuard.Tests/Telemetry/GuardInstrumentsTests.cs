using System.Diagnostics.Metrics;
using StragglerGuard.Core;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Tests.Telemetry;

public sealed class GuardInstrumentsTests
{
    [Fact]
    public void Instruments_OfTheMeter_AreAllObservableNamedByTheConventionsAndExplained()
    {
        var seen = new List<Instrument>();
        using var instruments = new GuardInstruments();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (ReferenceEquals(instrument.Meter, instruments.Meter))
                {
                    seen.Add(instrument);
                }
            },
        };
        listener.Start();

        instruments.Meter.Name.Should().Be("StragglerGuard");
        seen.Should().HaveCountGreaterThan(15);
        seen.Select(i => i.Name).Should().OnlyHaveUniqueItems();
        foreach (var instrument in seen)
        {
            var isCounter = instrument.GetType().GetGenericTypeDefinition() == typeof(ObservableCounter<>);
            instrument.IsObservable.Should().BeTrue(instrument.Name);
            instrument.Name.Should().MatchRegex("^stragglerguard_(job|rank|guardian|fabric)_[a-z_]+$");
            instrument.Name.EndsWith("_total", StringComparison.Ordinal).Should().Be(isCounter, instrument.Name);
            (instrument.Unit == "s").Should().Be(instrument.Name.Contains("_seconds"), instrument.Name);
            instrument.Description.Should().EndWith(".", instrument.Name);
        }
    }

    [Fact]
    public void Track_OfAJobThatIsShown_Throws()
    {
        using var instruments = new GuardInstruments();
        instruments.Track(ExamplePage.Snapshot());

        FluentActions.Invoking(() => instruments.Track(ExamplePage.Snapshot())).Should().Throw<InvalidOperationException>().WithMessage("*llm-7b*");
    }

    [Fact]
    public void Untrack_OfOneJob_LeavesTheOthers()
    {
        using var instruments = new GuardInstruments();
        using var exposition = new TextExposition(instruments.Meter);
        instruments.Track(ExamplePage.Snapshot("one"));
        instruments.Track(ExamplePage.Snapshot("two"));

        instruments.Untrack(new JobId("one")).Should().BeTrue();

        exposition.Text().Should().Contain("job=\"two\"").And.NotContain("job=\"one\"");
        instruments.Untrack(new JobId("one")).Should().BeFalse();
    }

    [Fact]
    public void Instruments_OfAProcessWithOneGuardian_SayNothingOfSeveral()
    {
        using var instruments = new GuardInstruments();
        using var exposition = new TextExposition(instruments.Meter);

        exposition.Text().Should().NotContain("stragglerguard_guardian_").And.NotContain("stragglerguard_fabric_");

        instruments.ShowDeciding(true);
        exposition.Text().Should().Contain("\nstragglerguard_guardian_deciding 1\n");
        instruments.ShowDeciding(false);
        exposition.Text().Should().Contain("\nstragglerguard_guardian_deciding 0\n");
    }

    [Fact]
    public void CountRefused_OfManyReasons_KeepsTheNumberOfSeriesBounded()
    {
        using var instruments = new GuardInstruments();
        using var exposition = new TextExposition(instruments.Meter);

        for (int i = 0; i < 40; i++)
        {
            instruments.CountRefused($"reason {i}");
            instruments.CountRefused("reason 0");
        }

        var refused = ExpositionParser.Parse(exposition.Text()).Where(series => series.Name == "stragglerguard_fabric_refused_total").ToList();
        refused.Should().HaveCount(17);
        refused.Sum(series => series.Value).Should().Be(80);
        refused.Single(series => series.Labels[0].Value == "reason 0").Value.Should().Be(41);
        refused.Single(series => series.Labels[0].Value == "other").Value.Should().Be(24);
    }

    [Fact]
    public void Snapshot_WithNothingKnown_ShowsNoGaugeAndZeroCounters()
    {
        using var instruments = new GuardInstruments();
        using var exposition = new TextExposition(instruments.Meter);
        instruments.Track(new JobMetricsSnapshot(new JobId("new"), [new RankLabels(new Rank(0), new DeviceClass("CPU"), new NodeId("n"))]));

        var series = ExpositionParser.Parse(exposition.Text());

        series.Where(s => s.Name.StartsWith("stragglerguard_rank_", StringComparison.Ordinal)).Select(s => (s.Name, s.Value))
            .Should().Equal(("stragglerguard_rank_wait_caused_seconds_total", 0.0));
        series.Should().NotContain(s => s.Name == "stragglerguard_job_step_seconds");
        series.Should().NotContain(s => double.IsNaN(s.Value));
        series.Where(s => s.Name == "stragglerguard_job_mode").Select(s => (s.Labels[1].Value, s.Value))
            .Should().Equal(("observe", 1.0), ("advise", 0.0), ("act", 0.0));
    }

    [Fact]
    public void Snapshot_WhenWritten_AllocatesNothingAndShowsOnTheNextPage()
    {
        using var instruments = new GuardInstruments();
        using var exposition = new TextExposition(instruments.Meter);
        var snapshot = ExamplePage.Snapshot();
        instruments.Track(snapshot);
        void Push(long step)
        {
            snapshot.Step = step;
            snapshot.StepSeconds = step * 0.001;
            snapshot.RecordsAccepted = step;
            for (var rank = 0; rank < snapshot.Ranks.Length; rank++)
            {
                snapshot.LagP50Seconds[rank] = step;
                snapshot.Slowdown[rank] = 1;
            }
        }

        Push(1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var step = 2; step <= 1000; step++)
        {
            Push(step);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
        exposition.Text().Should().Contain("stragglerguard_job_step{job=\"llm-7b\"} 1000\n").And.Contain("outcome=\"accepted\"} 1000\n");
    }
}
