using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>The control words that have come to one rank and have not been taken yet, in the order in which they came.</summary>
internal sealed class SignalBox
{
    private readonly object _gate = new();
    private RankSignal[] _signals = new RankSignal[16];
    private int _first;
    private int _count;
    private int _events;

    /// <summary>Counts what makes a wait pointless; to be read before one looks whether there is a reason not to wait.</summary>
    public int Events => Volatile.Read(ref _events);

    /// <summary>Adds a word. Allocates when more are waiting than ever before.</summary>
    public void Post(Rank from, long word)
    {
        lock (_gate)
        {
            if (_count == _signals.Length)
            {
                Grow();
            }

            _signals[(_first + _count++) % _signals.Length] = new RankSignal(from, word);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Takes the oldest word.</summary>
    /// <param name="seenEvents">The caller has looked at all events up to here: a later one means that there is no wait.</param>
    /// <param name="waitMs">How long at most; 0 only looks, −1 waits for ever.</param>
    /// <param name="signal">The word.</param>
    /// <returns>False when time is up, or something else has happened that the caller should look at.</returns>
    public bool TryTake(int seenEvents, int waitMs, out RankSignal signal)
    {
        lock (_gate)
        {
            if (_count == 0 && waitMs != 0 && _events == seenEvents)
            {
                Monitor.Wait(_gate, waitMs);
            }

            if (_count == 0)
            {
                signal = default;
                return false;
            }

            signal = _signals[_first];
            _first = (_first + 1) % _signals.Length;
            _count--;
            return true;
        }
    }

    /// <summary>Lets waiters look again.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            _events++;
            Monitor.PulseAll(_gate);
        }
    }

    private void Grow()
    {
        var larger = new RankSignal[2 * _signals.Length];
        for (var i = 0; i < _count; i++)
        {
            larger[i] = _signals[(_first + i) % _signals.Length];
        }

        _signals = larger;
        _first = 0;
    }
}
