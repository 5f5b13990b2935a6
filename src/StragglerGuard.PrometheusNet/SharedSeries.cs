using System.Runtime.CompilerServices;
using Prometheus;

namespace StragglerGuard.PrometheusNet;

/// <summary>
/// The series of one registry, with what each page says of them: a registry has one series of a name and its labels, whoever asks, and two
/// guards share those that bear no job.
/// </summary>
/// <remarks>
/// Of a counter the sum is shown, which goes on where a page leaves or begins anew while another is in it; of a gauge the greatest figure. A series
/// goes when its last page leaves it.
/// </remarks>
internal sealed class SharedSeries
{
    private static readonly ConditionalWeakTable<CollectorRegistry, SharedSeries> s_ofRegistries = [];

    private readonly Lock _gate = new();
    private readonly Dictionary<ChildBase, Series> _series = [];

    /// <summary>The one book of a registry.</summary>
    public static SharedSeries Of(CollectorRegistry registry) => s_ofRegistries.GetOrCreateValue(registry);

    /// <summary>A page's figure for a series, which is created where it is new.</summary>
    /// <param name="counter">Where it belongs, or null.</param>
    /// <param name="gauge">Where it belongs, or null: one of both is given.</param>
    /// <param name="labels">Values, in the collector's order.</param>
    /// <param name="owner">Who says so.</param>
    /// <param name="value">The figure.</param>
    public Series Show(Counter? counter, Gauge? gauge, string[] labels, object owner, double value)
    {
        lock (_gate)
        {
            ChildBase child = counter is not null ? counter.WithLabels(labels) : gauge!.WithLabels(labels);
            if (!_series.TryGetValue(child, out Series? series))
            {
                _series[child] = series = new Series(counter, child, labels);
            }

            series.Take(owner, value);
            Write(series);
            return series;
        }
    }

    /// <summary>A page has no figure for a series any more.</summary>
    public void Withdraw(Series series, object owner)
    {
        lock (_gate)
        {
            if (series.Leave(owner))
            {
                Write(series);
            }
            else if (_series.Remove(series.Child))
            {
                series.Child.Remove();
            }
        }
    }

    private void Write(Series series)
    {
        double value = series.Value;
        if (series.Child is Gauge.Child gauge)
        {
            gauge.Set(value);
            return;
        }

        var shown = (Counter.Child)series.Child;
        if (series.BeganAnew && value < shown.Value)
        {
            // A counter may begin anew, and prometheus-net's can't: another takes its place.
            _series.Remove(shown);
            shown.Remove();
            series.Child = shown = series.Counter!.WithLabels(series.Labels);
            _series[shown] = series;
        }

        series.BeganAnew = false;
        shown.IncTo(value);
    }

    /// <summary>One series and its pages' figures.</summary>
    internal sealed class Series(Counter? counter, ChildBase child, string[] labels)
    {
        private readonly List<(object Owner, double Value)> _shares = new(1);
        private double _departed;

        public Counter? Counter => counter;

        public string[] Labels => labels;

        /// <summary>What the registry keeps it in now.</summary>
        public ChildBase Child { get; set; } = child;

        /// <summary>Whether a fall of the sum is meant. True of a new one: the registry may have had one of that name before.</summary>
        public bool BeganAnew { get; set; } = true;

        public double Value
        {
            get
            {
                double value = counter is null ? _shares[0].Value : _departed;
                foreach ((object _, double share) in _shares)
                {
                    value = counter is null ? double.MaxNumber(value, share) : value + share;
                }

                return value;
            }
        }

        public void Take(object owner, double value)
        {
            int at = _shares.FindIndex(share => ReferenceEquals(share.Owner, owner));
            if (at < 0)
            {
                _shares.Add((owner, value));
                return;
            }

            if (value < _shares[at].Value)
            {
                if (_shares.Count == 1)
                {
                    (_departed, BeganAnew) = (0, true);
                }
                else
                {
                    _departed += _shares[at].Value;
                }
            }

            _shares[at] = (owner, value);
        }

        /// <returns>Whether others stay.</returns>
        public bool Leave(object owner)
        {
            int at = _shares.FindIndex(share => ReferenceEquals(share.Owner, owner));
            if (at >= 0)
            {
                _departed += _shares[at].Value;
                _shares.RemoveAt(at);
            }

            return _shares.Count > 0;
        }
    }
}
