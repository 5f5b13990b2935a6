using StragglerGuard.Collectives;

namespace MixedFleet.Training;

/// <summary>What a rank notes of its steps.</summary>
internal sealed class StepLog
{
    private const int LossWindowSteps = 10;

    private readonly int _first;
    private readonly double[] _seconds;
    private readonly int[] _microBatches;
    private readonly Queue<double> _lastLosses = new(LossWindowSteps + 1);
    private readonly List<GenerationJoined> _generations = [];
    private long _beforeNs;

    /// <summary>Begins an empty log.</summary>
    public StepLog(RunPhases phases)
    {
        _first = phases.First;
        _seconds = new double[phases.Steps - phases.First];
        _microBatches = new int[_seconds.Length];
        Array.Fill(_seconds, double.NaN);
    }

    /// <summary>The generations joined.</summary>
    public GenerationJoined[] Generations => [.. _generations];

    public double[] Seconds => _seconds;

    public int[] MicroBatches => _microBatches;

    public double LossFirst { get; private set; } = double.NaN;

    public double LossLast => _lastLosses.Count == 0 ? double.NaN : _lastLosses.Average();

    /// <summary>Notes a generation; its forming counts as part of its first step, for whoever was in the one before.</summary>
    /// <param name="joined">Which.</param>
    /// <param name="isNew">Whether the rank was in no group before.</param>
    public void Begin(GenerationJoined joined, bool isNew)
    {
        _generations.Add(joined);
        _beforeNs = isNew ? MonotonicClock.NowNs() : _beforeNs;
    }

    /// <summary>Notes a step.</summary>
    /// <param name="step">Its number in the job.</param>
    /// <param name="loss">Mean, nats per byte.</param>
    /// <param name="microBatches">In its gradient.</param>
    public void Add(long step, double loss, int microBatches)
    {
        LossFirst = double.IsNaN(LossFirst) ? loss : LossFirst;
        _lastLosses.Enqueue(loss);
        if (_lastLosses.Count > LossWindowSteps)
        {
            _lastLosses.Dequeue();
        }

        long nowNs = MonotonicClock.NowNs();
        _seconds[step - _first] = (nowNs - _beforeNs) * 1e-9;
        _microBatches[step - _first] = microBatches;
        _beforeNs = nowNs;
    }
}
