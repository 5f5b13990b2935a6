using System.Buffers;
using System.Diagnostics.Metrics;
using Prometheus;
using StragglerGuard.Telemetry;

namespace StragglerGuard.PrometheusNet;

/// <summary>
/// Shows the observable instruments of one meter in a prometheus-net registry, so that whatever exports the registry exports them. Its
/// own page holds the series of <see cref="TextExposition"/>, in another order, beside what else the registry has.
/// </summary>
/// <remarks>
/// prometheus-net's own adapter of meters won't do: it puts the meter's name before each metric, makes gauges of counters, keeps series
/// of jobs that are gone for minutes, and knows no cap. Here the registry is brought up to date before every collection: counters stay
/// counters, names and help are those of the instruments, a series that reports no more is gone from the next page. The cap is that of
/// the built-in page: what goes beyond is left out, last first, and counted in <c>stragglerguard_exposition_dropped_series_total</c>; a
/// series that prometheus-net refuses (a label that begins with two underscores, a name that the registry has as another type) is left
/// out and counted too. Two guards may share a registry where their jobs have different names; of the series without a job, which they have
/// in common, counters are added up and gauges show the greatest (a guardian of the process decides where one of them does). In
/// <see cref="Metrics.DefaultRegistry"/> prometheus-net's adapter shows the same instruments again under its own names, unless
/// <see cref="Metrics.SuppressDefaultMetrics(SuppressDefaultMetricOptions)"/> turns it off.
/// </remarks>
public sealed class PrometheusNetPage : IMetricsPage, IDisposable
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _pages = new(1, 1);
    private readonly MeterListener _listener = new();
    private readonly List<RegistryFamily> _families = [];
    private readonly Counter _dropped;
    private readonly int _maxSeries;
    private int _room;
    private long _droppedSeries;
    private bool _disposed;

    /// <summary>Begins to listen to a meter.</summary>
    /// <param name="meter">The meter, such as that of <see cref="GuardInstruments"/>; instruments that it gets later are shown too.</param>
    /// <param name="registry">Where to; null for a registry of its own.</param>
    /// <param name="maxSeries">The most series of the meter in the registry, 1 or more; the counter of dropped ones is not among them.</param>
    public PrometheusNetPage(Meter meter, CollectorRegistry? registry = null, int maxSeries = 10_000)
    {
        ArgumentNullException.ThrowIfNull(meter);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSeries, 1);
        Registry = registry ?? Metrics.NewCustomRegistry();
        _maxSeries = maxSeries;
        MetricFactory factory = Metrics.WithCustomRegistry(Registry);
        SharedSeries shared = SharedSeries.Of(Registry);
        _dropped = factory.CreateCounter(TextExposition.DroppedSeriesName, TextExposition.DroppedSeriesHelp);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, meter) && instrument.IsObservable)
            {
                var family = new RegistryFamily(factory, shared, instrument);
                lock (_gate)
                {
                    _families.Add(family);
                }

                listener.EnableMeasurementEvents(instrument, family);
            }
        };
        _listener.MeasurementsCompleted = (_, state) =>
        {
            var family = (RegistryFamily)state!;
            lock (_gate)
            {
                _families.Remove(family);
                family.RemoveAll();
            }
        };
        _listener.SetMeasurementEventCallback<double>((_, value, tags, family) => Show(family, value, tags));
        _listener.SetMeasurementEventCallback<float>((_, value, tags, family) => Show(family, value, tags));
        _listener.SetMeasurementEventCallback<decimal>((_, value, tags, family) => Show(family, (double)value, tags));
        _listener.SetMeasurementEventCallback<long>((_, value, tags, family) => Show(family, value, tags));
        _listener.SetMeasurementEventCallback<int>((_, value, tags, family) => Show(family, value, tags));
        _listener.SetMeasurementEventCallback<short>((_, value, tags, family) => Show(family, value, tags));
        _listener.SetMeasurementEventCallback<byte>((_, value, tags, family) => Show(family, value, tags));
        _listener.Start();
        Registry.AddBeforeCollectCallback(Refresh);
    }

    /// <summary>The registry that holds the series.</summary>
    public CollectorRegistry Registry { get; }

    /// <summary>Series left out so far, over all collections.</summary>
    public long DroppedSeries => Interlocked.Read(ref _droppedSeries);

    /// <inheritdoc/>
    public string ContentType => PrometheusConstants.TextContentTypeWithVersionAndEncoding;

    /// <inheritdoc/>
    /// <remarks>The whole registry: what else it holds is on the page too.</remarks>
    public async ValueTask WriteAsync(IBufferWriter<byte> output, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(output);
        ObjectDisposedException.ThrowIf(_disposed, this);

        // One at a time: the collection of one page would otherwise take away series that another is about to write.
        await _pages.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            using var page = new MemoryStream();
            await Registry.CollectAndExportAsTextAsync(page, cancellation).ConfigureAwait(false);
            output.Write(page.GetBuffer().AsSpan(0, (int)page.Length));
        }
        finally
        {
            _pages.Release();
        }
    }

    /// <summary>Stops listening and takes the meter's series out of the registry, save what another page shows too.</summary>
    /// <remarks>
    /// A registry keeps what was once registered: heads without series stay on its page, and the counter of dropped series; and it keeps
    /// this object, idle, for as long as it lives itself.
    /// </remarks>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            foreach (RegistryFamily family in _families)
            {
                family.RemoveAll();
            }

            _families.Clear();
        }

        _listener.Dispose();
    }

    private void Refresh()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _room = _maxSeries;
            long droppedBefore = DroppedSeries;
            try
            {
                _listener.RecordObservableInstruments();
            }
            finally
            {
                foreach (RegistryFamily family in _families)
                {
                    family.RemoveSilent();
                }

                _dropped.Inc(DroppedSeries - droppedBefore);
            }
        }
    }

    private void Show(object? family, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        // Comes from Refresh alone, under the gate: what other listeners ask the instruments is answered to them.
        if (_room > 0 && ((RegistryFamily)family!).TryShow(value, tags))
        {
            _room--;
        }
        else
        {
            Interlocked.Increment(ref _droppedSeries);
        }
    }
}
