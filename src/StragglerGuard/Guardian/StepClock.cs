using StragglerGuard.Core.Timing;

namespace StragglerGuard.Guardian;

/// <summary>
/// How long steps take from start to start, and how much of it is beyond the own work of the slowest rank. Every difference is taken
/// on one rank's own clock; the median over the ranks stands for the step.
/// </summary>
internal sealed class StepClock(int ranks)
{
    private const int WindowSteps = 64;

    private readonly long[] _startNs = new long[ranks];
    private readonly bool[] _present = new bool[ranks];
    private readonly double[] _scratch = new double[Math.Max(ranks, WindowSteps)];
    private readonly RollingSeconds _steps = new(WindowSteps);
    private readonly RollingSeconds _overheads = new(WindowSteps);
    private double _slowestComputeSeconds;
    private bool _complete;

    /// <summary>The newest step seen; −1 before the first.</summary>
    public long LastStep { get; private set; } = -1;

    /// <summary>How long all steps took whose time is known, s.</summary>
    public double ElapsedSeconds { get; private set; }

    /// <summary>Median wall time of a step over the last 64, s.</summary>
    public double? StepSeconds => _steps.Median(_scratch);

    /// <summary>Median over the last 64 complete steps of wall time less the longest own work, s.</summary>
    public double? OverheadSeconds => _overheads.Median(_scratch);

    /// <summary>A frame's starts end the step before: its time goes to the plan that was in force for it.</summary>
    /// <returns>How long the step before took, s; null where it can't be told.</returns>
    public double? Add(StepFrame frame, PlanHistory plans)
    {
        double? took = frame.Step == LastStep + 1 ? MedianDifference(frame) : null;
        if (took is { } seconds)
        {
            _steps.Add(seconds);
            ElapsedSeconds += seconds;
            plans.StepTook(seconds);
            if (_complete && plans.InForce.Backups == 0)
            {
                _overheads.Add(Math.Max(0, seconds - _slowestComputeSeconds));
            }
        }

        LastStep = frame.Step;
        frame.StartNs.CopyTo(_startNs);
        frame.Present.CopyTo(_present);
        _complete = frame.IsComplete;
        long slowestNs = 0;
        foreach (long computeNs in frame.ComputeNs)
        {
            slowestNs = Math.Max(slowestNs, computeNs);
        }

        _slowestComputeSeconds = slowestNs * 1e-9;
        return took;
    }

    /// <summary>How far the newest frame lies behind the newest records, each on its rank's own clock: the farthest of the ranks,
    /// s.</summary>
    /// <param name="newestStartNs">Per rank, when the step of its newest record began, ns.</param>
    /// <returns>Null before the first frame.</returns>
    public double? SecondsBehind(ReadOnlySpan<long> newestStartNs)
    {
        if (LastStep < 0)
        {
            return null;
        }

        long behindNs = 0;
        for (int rank = 0; rank < ranks; rank++)
        {
            behindNs = _present[rank] ? Math.Max(behindNs, newestStartNs[rank] - _startNs[rank]) : behindNs;
        }

        return behindNs * 1e-9;
    }

    private double? MedianDifference(StepFrame frame)
    {
        int count = 0;
        for (int rank = 0; rank < ranks; rank++)
        {
            if (_present[rank] && frame.IsPresent(rank))
            {
                _scratch[count++] = (frame.StartNs[rank] - _startNs[rank]) * 1e-9;
            }
        }

        return count == 0 ? null : RollingSeconds.MedianOf(_scratch.AsSpan(0, count));
    }
}

/// <summary>The last few of a series of seconds, in a fixed ring.</summary>
internal sealed class RollingSeconds(int window)
{
    private readonly double[] _ring = new double[window];
    private int _next;

    public int Count { get; private set; }

    public void Add(double seconds)
    {
        _ring[_next] = seconds;
        _next = (_next + 1) % _ring.Length;
        Count = Math.Min(Count + 1, _ring.Length);
    }

    /// <summary>Begins anew.</summary>
    public void Clear()
    {
        Count = 0;
        _next = 0;
    }

    /// <param name="scratch">As long as the window at least.</param>
    /// <returns>Null while empty.</returns>
    public double? Median(Span<double> scratch)
    {
        if (Count == 0)
        {
            return null;
        }

        Span<double> values = scratch[..Count];
        _ring.AsSpan(0, Count).CopyTo(values);
        return MedianOf(values);
    }

    /// <value>Null while empty.</value>
    public double? Mean
    {
        get
        {
            double sum = 0;
            for (int i = 0; i < Count; i++)
            {
                sum += _ring[i];
            }

            return Count == 0 ? null : sum / Count;
        }
    }

    /// <summary>Sorts its argument.</summary>
    public static double MedianOf(Span<double> values)
    {
        values.Sort();
        int middle = values.Length / 2;
        return values.Length % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
    }
}
