using MixedFleet.Fleet;

namespace MixedFleet.Pacing;

/// <summary>By how much all paces of a fleet are stretched so that this machine can emulate it honestly.</summary>
/// <remarks>
/// An emulated rank really computes and then waits for its pace. If the real work left no slack, ranks would wait for cores, not for
/// their pace, and the emulation would show this machine instead of the fleet. So the real work may take <see cref="CoreShareMax"/> of
/// the cores, and as much of one core for a single rank, which is one thread; else all paces are stretched by one factor, which keeps
/// their ratios.
/// </remarks>
/// <param name="Factor">1 or more; 1 where nothing is stretched.</param>
/// <param name="CoreShare">Share of the cores that the real work would take unstretched, at the fastest paces; 0 or more.</param>
internal readonly record struct PaceStretch(double Factor, double CoreShare)
{
    /// <summary>Share of the cores that real work may take.</summary>
    public const double CoreShareMax = 0.4;

    /// <summary>Finds the factor.</summary>
    /// <param name="realSecondsPerMicroBatch">Measured per rank, above 0.</param>
    /// <param name="paceSeconds">Configured per rank; null where a rank is not emulated, which the bound does not count.</param>
    /// <param name="cores">Of this machine, 1 or more.</param>
    /// <param name="schedule">A rank made faster counts with its fastest pace.</param>
    public static PaceStretch Of(
        IReadOnlyList<double> realSecondsPerMicroBatch, IReadOnlyList<double?> paceSeconds, int cores, SlowdownSchedule schedule)
    {
        ArgumentNullException.ThrowIfNull(realSecondsPerMicroBatch);
        ArgumentNullException.ThrowIfNull(paceSeconds);
        ArgumentNullException.ThrowIfNull(schedule);
        ArgumentOutOfRangeException.ThrowIfNotEqual(realSecondsPerMicroBatch.Count, paceSeconds.Count, nameof(realSecondsPerMicroBatch));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(cores);
        double busyCores = 0;
        double busiestRank = 0;
        for (int rank = 0; rank < paceSeconds.Count; rank++)
        {
            if (paceSeconds[rank] is not { } pace)
            {
                continue;
            }

            ThrowUnlessPositive(realSecondsPerMicroBatch[rank], nameof(realSecondsPerMicroBatch));
            ThrowUnlessPositive(pace, nameof(paceSeconds));
            double busy = realSecondsPerMicroBatch[rank] / (pace * schedule.SmallestFactor(rank));
            busyCores += busy;
            busiestRank = Math.Max(busiestRank, busy);
        }

        double share = busyCores / cores;
        return new PaceStretch(Math.Max(1, Math.Max(share, busiestRank) / CoreShareMax), share);
    }

    private static void ThrowUnlessPositive(double seconds, string name)
    {
        if (!double.IsFinite(seconds) || seconds <= 0)
        {
            throw new ArgumentOutOfRangeException(name, seconds, "Must be finite and above 0.");
        }
    }
}
