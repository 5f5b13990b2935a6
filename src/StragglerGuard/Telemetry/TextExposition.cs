using System.Buffers;
using System.Diagnostics.Metrics;

namespace StragglerGuard.Telemetry;

/// <summary>
/// Makes the metrics page of one meter: Prometheus text format 0.0.4, UTF-8, in the order in which the instruments were created and
/// report. Any thread may ask; pages are made one at a time.
/// </summary>
/// <remarks>
/// Only observable instruments are shown, which is what <see cref="GuardInstruments"/> has. A hard cap bounds the number of series: what
/// goes beyond is left out, last first, and counted in <c>stragglerguard_exposition_dropped_series_total</c>, which is always there.
/// </remarks>
public sealed class TextExposition : IMetricsPage, IDisposable
{
    /// <summary>The content type of the page.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    internal const string DroppedSeriesName = "stragglerguard_exposition_dropped_series_total";
    internal const string DroppedSeriesHelp = "Series left off this page because it had too many, summed over all pages.";

    private readonly Lock _gate = new();
    private readonly MeterListener _listener = new();
    private readonly List<MetricFamily> _families = [];
    private readonly MetricFamily _dropped = new(DroppedSeriesName, MetricFamily.Counter, DroppedSeriesHelp);

    private readonly int _maxSeries;
    private int _room;
    private long _droppedSeries;

    /// <summary>Begins to listen to a meter.</summary>
    /// <param name="meter">The meter; instruments that it gets later are shown too.</param>
    /// <param name="maxSeries">The most series on a page, 1 or more; the page's own counter is not among them.</param>
    public TextExposition(Meter meter, int maxSeries = 10_000)
    {
        ArgumentNullException.ThrowIfNull(meter);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSeries, 1);
        _maxSeries = maxSeries;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, meter) && instrument.IsObservable)
            {
                var family = MetricFamily.Of(instrument);
                lock (_gate)
                {
                    _families.Add(family);
                }

                listener.EnableMeasurementEvents(instrument, family);
            }
        };
        _listener.MeasurementsCompleted = (_, family) =>
        {
            lock (_gate)
            {
                _families.Remove((MetricFamily)family!);
            }
        };
        _listener.SetMeasurementEventCallback<double>((_, value, tags, family) => Add(family, value, tags));
        _listener.SetMeasurementEventCallback<float>((_, value, tags, family) => Add(family, value, tags));
        _listener.SetMeasurementEventCallback<decimal>((_, value, tags, family) => Add(family, (double)value, tags));
        _listener.SetMeasurementEventCallback<long>((_, value, tags, family) => Add(family, value, tags));
        _listener.SetMeasurementEventCallback<int>((_, value, tags, family) => Add(family, value, tags));
        _listener.SetMeasurementEventCallback<short>((_, value, tags, family) => Add(family, value, tags));
        _listener.SetMeasurementEventCallback<byte>((_, value, tags, family) => Add(family, value, tags));
        _listener.Start();
    }

    /// <summary>Series left off so far, over all pages.</summary>
    public long DroppedSeries => Interlocked.Read(ref _droppedSeries);

    /// <summary>Asks all instruments and writes the page.</summary>
    /// <param name="output">Where to; UTF-8.</param>
    public void Write(IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        lock (_gate)
        {
            _room = _maxSeries;
            foreach (var family in _families)
            {
                family.Clear();
            }

            _listener.RecordObservableInstruments();
            foreach (var family in _families)
            {
                family.WriteTo(output);
            }

            _dropped.Clear();
            _dropped.Add(DroppedSeries, []);
            _dropped.WriteTo(output);
        }
    }

    /// <inheritdoc/>
    string IMetricsPage.ContentType => ContentType;

    /// <inheritdoc/>
    ValueTask IMetricsPage.WriteAsync(IBufferWriter<byte> output, CancellationToken cancellation)
    {
        Write(output);
        return ValueTask.CompletedTask;
    }

    /// <summary>Stops listening.</summary>
    public void Dispose() => _listener.Dispose();

    private void Add(object? family, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        // Comes from Write alone, under the gate: what other listeners ask the instruments is answered to them.
        if (_room == 0)
        {
            Interlocked.Increment(ref _droppedSeries);
            return;
        }

        _room--;
        ((MetricFamily)family!).Add(value, tags);
    }
}
