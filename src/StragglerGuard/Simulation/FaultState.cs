namespace StragglerGuard.Simulation;

/// <summary>What is wrong with the fleet at a step of one schedule.</summary>
internal sealed class FaultState
{
    private readonly IReadOnlyList<ScenarioEvent> _events;
    private readonly double[] _wellSecondsPerUnit;
    private readonly bool[] _holds;
    private readonly bool _isSpared;
    private bool _isFresh = true;

    /// <summary>Begins before the first step.</summary>
    /// <param name="scenario">The faults.</param>
    /// <param name="isSpared">Whether the schedule knows of the events, but is not struck by them.</param>
    public FaultState(Scenario scenario, bool isSpared)
    {
        _events = scenario.Events;
        _isSpared = isSpared;
        _wellSecondsPerUnit = [.. scenario.Classes.SelectMany(members => Enumerable.Repeat(members.SecondsPerMicroBatch, members.Replicas))];
        _holds = new bool[_events.Count];
        SecondsPerUnit = [.. _wellSecondsPerUnit];
        LinkFactor = new double[_wellSecondsPerUnit.Length];
        Array.Fill(LinkFactor, 1);
    }

    /// <summary>Per replica what a micro-batch takes, without noise and stalls, s.</summary>
    public double[] SecondsPerUnit { get; }

    /// <summary>Per replica how many times as long the ring takes by its link, 1 or more.</summary>
    public double[] LinkFactor { get; }

    /// <summary>The stalls that may strike, by their number among the events.</summary>
    public List<int> Stalls { get; } = [];

    /// <summary>The events that hold, struck or spared, by their number.</summary>
    public List<int> Holding { get; } = [];

    /// <summary>Goes on to a step.</summary>
    /// <param name="step">The step.</param>
    /// <param name="seconds">When it begins, s.</param>
    /// <returns>Whether anything is other than at the step before; always at the first.</returns>
    public bool Advance(long step, double seconds)
    {
        bool changed = _isFresh;
        _isFresh = false;
        for (int i = 0; i < _holds.Length; i++)
        {
            bool holds = _events[i].HoldsAt(step, seconds);
            changed |= holds != _holds[i];
            _holds[i] = holds;
        }

        if (changed)
        {
            Collect();
        }

        return changed;
    }

    /// <summary>Whom an event befalls.</summary>
    public static IEnumerable<int> ReplicasOf(ScenarioEvent befalls) =>
        befalls.Replicas.SelectMany(range => Enumerable.Range(range.First, range.Last - range.First + 1));

    private void Collect()
    {
        _wellSecondsPerUnit.CopyTo(SecondsPerUnit, 0);
        Array.Fill(LinkFactor, 1);
        Stalls.Clear();
        Holding.Clear();
        for (int i = 0; i < _holds.Length; i++)
        {
            if (!_holds[i])
            {
                continue;
            }

            Holding.Add(i);
            if (_isSpared)
            {
                continue;
            }

            if (_events[i].Kind == ScenarioEventKind.Stall)
            {
                Stalls.Add(i);
                continue;
            }

            double[] struck = _events[i].Kind == ScenarioEventKind.Compute ? SecondsPerUnit : LinkFactor;
            foreach (int replica in ReplicasOf(_events[i]))
            {
                struck[replica] *= _events[i].Factor;
            }
        }
    }
}
