using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Detection;

/// <summary>What the ranks' devices said of their clocks in the last few readings: one alone may fall between two kernels.</summary>
/// <remarks>Takes no memory while nobody reads devices.</remarks>
internal sealed class DeviceClocks(RankCohort[] cohorts, double[] scratch)
{
    /// <summary>So few that a clock which fell with the rank's speed is known by the time that the rank is found.</summary>
    private const int ReadingsKept = 3;

    private const double MostShare = 0.5;

    private float[]? _slowdown;
    private float[]? _throttled;
    private byte[]? _next;

    /// <summary>Takes a reading; an empty one in the place of one that did not come.</summary>
    public void Note(int rank, in DeviceReading reading)
    {
        if (_slowdown is null || _throttled is null || _next is null)
        {
            if (!reading.IsKnown)
            {
                return;
            }

            _slowdown = new float[cohorts.Length * ReadingsKept];
            _throttled = new float[cohorts.Length * ReadingsKept];
            _next = new byte[cohorts.Length];
            Array.Fill(_slowdown, float.NaN);
            Array.Fill(_throttled, float.NaN);
        }

        int at = (rank * ReadingsKept) + _next[rank];
        _slowdown[at] = (float)(reading.LogSlowdown ?? double.NaN);
        _throttled[at] = reading.IsThrottled is { } throttled ? (throttled ? 1 : 0) : float.NaN;
        _next[rank] = (byte)((_next[rank] + 1) % ReadingsKept);
    }

    /// <summary>See <see cref="CauseEvidence.ClockSlowdown"/>.</summary>
    public double? SlowdownOf(int rank) => Median(_slowdown, rank);

    /// <summary>See <see cref="CauseEvidence.IsThrottled"/>.</summary>
    public bool? IsThrottled(int rank) => Median(_throttled, rank) is { } share ? share >= MostShare : null;

    /// <summary>See <see cref="CauseEvidence.PeerClockSlowdown"/>.</summary>
    public double? PeerSlowdownOf(int rank) => PeerMedian(_slowdown, rank);

    /// <summary>See <see cref="CauseEvidence.ArePeersThrottled"/>.</summary>
    public bool ArePeersThrottled(int rank) => PeerMedian(_throttled, rank) >= MostShare;

    private static double? Median(float[]? levels, int rank)
    {
        if (levels is null)
        {
            return null;
        }

        Span<double> known = stackalloc double[ReadingsKept];
        int count = 0;
        foreach (float level in levels.AsSpan(rank * ReadingsKept, ReadingsKept))
        {
            if (!float.IsNaN(level))
            {
                known[count++] = level;
            }
        }

        return count > 0 ? OrderStatistics.Median(known[..count]) : null;
    }

    private double? PeerMedian(float[]? levels, int rank)
    {
        int count = 0;
        for (int other = 0; other < cohorts.Length && levels is not null; other++)
        {
            if (other != rank && cohorts[other] == cohorts[rank] && Median(levels, other) is { } level)
            {
                scratch[count++] = level;
            }
        }

        return count > 0 ? OrderStatistics.Median(scratch.AsSpan(0, count)) : null;
    }
}
