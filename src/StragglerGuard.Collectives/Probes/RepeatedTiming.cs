using StragglerGuard.Core.Probing;

namespace StragglerGuard.Collectives.Probes;

/// <summary>Does one thing again and again for a bounded time, first to warm up, then to be counted.</summary>
/// <param name="nowNs">A monotonic clock.</param>
internal sealed class RepeatedTiming(Func<long> nowNs)
{
    /// <summary>So many repeats that a median is steady, and so few that a fast thing leaves time for the next.</summary>
    private const int RepeatsMax = 1001;

    private readonly double[] _samples = new double[RepeatsMax];

    /// <summary>Repeats until the time is over, at least once to warm up and <see cref="ProbeFigure.RepeatsMin"/> times to be counted.</summary>
    /// <param name="limitNs">For both together; a quarter is for the warm-up, which also lets the runtime compile what runs often.</param>
    /// <param name="timeOnceNs">Does it once; ns that it took.</param>
    /// <param name="toFigure">From ns of one repeat to the figure's unit.</param>
    public ProbeFigure Measure(long limitNs, Func<long> timeOnceNs, Func<double, double> toFigure)
    {
        var startNs = nowNs();
        do
        {
            timeOnceNs();
        }
        while (nowNs() - startNs < limitNs / 4);

        var count = 0;
        while (count < RepeatsMax && (count < ProbeFigure.RepeatsMin || nowNs() - startNs < limitNs))
        {
            // Less than the clock can tell is one tick of it.
            _samples[count++] = toFigure(Math.Max(timeOnceNs(), 1));
        }

        return ProbeFigure.Of(_samples.AsSpan(0, count));
    }
}
