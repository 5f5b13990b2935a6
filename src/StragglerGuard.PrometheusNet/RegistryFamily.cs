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
    private readonly SharedSeries _shared;
    private readonly Dictionary<SharedSeries.Series, long> _rounds = [];
    private readonly List<SharedSeries.Series> _silent = [];
    private long _round;

    public RegistryFamily(MetricFactory factory, SharedSeries shared, Instrument instrument)
    {
        _factory = factory;
        _shared = shared;
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

            _rounds[_shared.Show(collector.Counter, collector.Gauge, labels, this, value)] = _round;
            return true;
        }
        catch (Exception refused) when (refused is ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Ends a round: what did not report in it is taken away, unless another page has it too.</summary>
    public void RemoveSilent()
    {
        foreach ((SharedSeries.Series series, long round) in _rounds)
        {
            if (round != _round)
            {
                _silent.Add(series);
            }
        }

        foreach (SharedSeries.Series series in _silent)
        {
            _shared.Withdraw(series, this);
            _rounds.Remove(series);
        }

        _silent.Clear();
        _round++;
    }

    /// <summary>Takes all series away that no other page has.</summary>
    public void RemoveAll()
    {
        foreach (SharedSeries.Series series in _rounds.Keys)
        {
            _shared.Withdraw(series, this);
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
    }
}
