using System.Diagnostics.Metrics;
using System.Globalization;
using Prometheus;
using StragglerGuard.Telemetry;

namespace StragglerGuard.PrometheusNet;

/// <summary>One instrument in the registry: its collectors, one for each set of label names, and which series reported last.</summary>
internal sealed class RegistryFamily
{
    private readonly MetricFactory _factory;
    private readonly string _name;
    private readonly string _help;
    private readonly bool _isCounter;
    private readonly List<LabelledCollector> _collectors = [];
    private readonly Dictionary<ChildBase, long> _rounds = [];
    private readonly List<ChildBase> _silent = [];
    private long _round;

    public RegistryFamily(MetricFactory factory, Instrument instrument)
    {
        _factory = factory;
        _name = MetricFamily.NameOf(instrument.Name, allowColon: false);
        // prometheus-net writes help as it is given.
        _help = (instrument.Description ?? "").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        _isCounter = instrument.GetType().GetGenericTypeDefinition() == typeof(ObservableCounter<>);
    }

    /// <summary>Sets a series, which it creates where it is new.</summary>
    /// <returns>Whether prometheus-net takes it.</returns>
    public bool TryShow(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        try
        {
            LabelledCollector collector = CollectorOf(tags);
            var labels = new string[tags.Length];
            for (var i = 0; i < tags.Length; i++)
            {
                labels[i] = Convert.ToString(tags[i].Value, CultureInfo.InvariantCulture) ?? "";
            }

            _rounds[collector.Set(labels, value, _rounds)] = _round;
            return true;
        }
        catch (Exception refused) when (refused is ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Ends a round: what did not report in it is taken away.</summary>
    public void RemoveSilent()
    {
        foreach ((ChildBase series, long round) in _rounds)
        {
            if (round != _round)
            {
                _silent.Add(series);
            }
        }

        foreach (ChildBase series in _silent)
        {
            series.Remove();
            _rounds.Remove(series);
        }

        _silent.Clear();
        _round++;
    }

    /// <summary>Takes all series away.</summary>
    public void RemoveAll()
    {
        foreach (ChildBase series in _rounds.Keys)
        {
            series.Remove();
        }

        _rounds.Clear();
    }

    private LabelledCollector CollectorOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (LabelledCollector known in _collectors)
        {
            if (known.Fits(tags))
            {
                return known;
            }
        }

        var tagNames = new string[tags.Length];
        for (var i = 0; i < tags.Length; i++)
        {
            tagNames[i] = tags[i].Key;
        }

        string[] labelNames = [.. tagNames.Select(name => MetricFamily.NameOf(name, allowColon: false))];
        var collector = new LabelledCollector(
            tagNames,
            _isCounter ? _factory.CreateCounter(_name, _help, labelNames, new CounterConfiguration { SuppressInitialValue = true }) : null,
            _isCounter ? null : _factory.CreateGauge(_name, _help, labelNames, new GaugeConfiguration { SuppressInitialValue = true }));
        _collectors.Add(collector);
        return collector;
    }

    /// <summary>A counter or a gauge with the label names of one kind of measurement.</summary>
    private sealed record LabelledCollector(string[] TagNames, Counter? Counter, Gauge? Gauge)
    {
        public bool Fits(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags.Length != TagNames.Length)
            {
                return false;
            }

            for (var i = 0; i < tags.Length; i++)
            {
                if (tags[i].Key != TagNames[i])
                {
                    return false;
                }
            }

            return true;
        }

        /// <summary>Sets a series and gives what it is kept in; a counter that it puts in another's place leaves the rounds.</summary>
        public ChildBase Set(string[] labels, double value, Dictionary<ChildBase, long> rounds)
        {
            if (Gauge is not null)
            {
                Gauge.Child gauge = Gauge.WithLabels(labels);
                gauge.Set(value);
                return gauge;
            }

            Counter.Child counter = Counter!.WithLabels(labels);
            if (value < counter.Value)
            {
                // It began anew, which a counter may and prometheus-net's can't.
                // Removal goes by the labels: done again by the end of the round, it would hit the new one.
                rounds.Remove(counter);
                counter.Remove();
                counter = Counter.WithLabels(labels);
            }

            counter.IncTo(value);
            return counter;
        }
    }
}
