namespace MixedFleet.Cluster.Actors;

/// <summary>Lines that are said whether somebody listens yet or not: the first who listens hears all of them.</summary>
internal sealed class SpokenLines
{
    private readonly Lock _gate = new();
    private readonly List<string> _unheard = [];
    private Action<string>? _listeners;

    /// <summary>Says a line.</summary>
    public void Say(string line)
    {
        lock (_gate)
        {
            if (_listeners is null)
            {
                _unheard.Add(line);
            }
            else
            {
                _listeners(line);
            }
        }
    }

    /// <summary>Listens from now on.</summary>
    public void Add(Action<string>? listener)
    {
        lock (_gate)
        {
            _listeners += listener;
            _unheard.ForEach(line => listener?.Invoke(line));
            _unheard.Clear();
        }
    }

    /// <summary>Listens no more.</summary>
    public void Remove(Action<string>? listener)
    {
        lock (_gate)
        {
            _listeners -= listener;
        }
    }
}
