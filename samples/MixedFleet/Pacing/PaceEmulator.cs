using StragglerGuard.Collectives;

namespace MixedFleet.Pacing;

/// <summary>Makes one rank take as long for its micro-batches as the device that it plays.</summary>
/// <remarks>
/// With a pace, micro-batch j of a step ends no earlier than start + (j + 1) · pace · factor, counted from the step's start: an overrun
/// is caught up by the next micro-batches instead of adding up. Without a pace (true compute), and slowed by a factor, a step's
/// micro-batches end no earlier than factor × the real time that they took. Real work that takes longer than the pace is never cut
/// short: <see cref="PaceStretch"/> keeps that from happening. For one rank's thread.
/// </remarks>
internal sealed class PaceEmulator
{
    private readonly double? _paceNs;
    private double _factor = 1;
    private long _stepStartNs;
    private long _microBatchStartNs;
    private double _realNs;
    private int _completed;

    /// <summary>Describes a rank.</summary>
    /// <param name="paceSeconds">Seconds per micro-batch, stretched already, above 0 and finite; null for true compute.</param>
    public PaceEmulator(double? paceSeconds)
    {
        if (paceSeconds is { } pace)
        {
            ThrowUnlessPositive(pace, nameof(paceSeconds));
        }

        _paceNs = paceSeconds * 1e9;
    }

    /// <summary>Begins a step.</summary>
    /// <param name="computeStartNs">When its computing begins, on the clock of <see cref="MonotonicClock"/>.</param>
    /// <param name="slowdownFactor">Multiplies the pace, or the real time; above 0; at least 1 for true compute.</param>
    public void BeginStep(long computeStartNs, double slowdownFactor)
    {
        ThrowUnlessPositive(slowdownFactor, nameof(slowdownFactor));
        if (_paceNs is null)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(slowdownFactor, 1, nameof(slowdownFactor));
        }

        _factor = slowdownFactor;
        _stepStartNs = computeStartNs;
        _microBatchStartNs = computeStartNs;
        _realNs = 0;
        _completed = 0;
    }

    /// <summary>Ends a micro-batch: waits until its time is over. Allocates nothing.</summary>
    /// <param name="cancellation">Ends the wait early.</param>
    /// <returns>When the micro-batch ended, ns.</returns>
    public long EndMicroBatch(CancellationToken cancellation = default)
    {
        AbsoluteDeadline.WaitUntil(DeadlineOfMicroBatch(MonotonicClock.NowNs()), cancellation);
        long endNs = MonotonicClock.NowNs();
        BeginMicroBatch(endNs);
        return endNs;
    }

    /// <summary>Counts a micro-batch whose real work has just ended.</summary>
    /// <returns>The time before which it may not end; passed already where there is nothing to wait for.</returns>
    internal long DeadlineOfMicroBatch(long workEndNs)
    {
        _completed++;
        _realNs += workEndNs - _microBatchStartNs;
        return _stepStartNs + (long)((_paceNs is { } pace ? _completed * pace : _realNs) * _factor);
    }

    /// <summary>The next micro-batch's real work begins.</summary>
    internal void BeginMicroBatch(long nowNs) => _microBatchStartNs = nowNs;

    private static void ThrowUnlessPositive(double value, string name)
    {
        if (!double.IsFinite(value) || value <= 0)
        {
            throw new ArgumentOutOfRangeException(name, value, "Must be finite and above 0.");
        }
    }
}
