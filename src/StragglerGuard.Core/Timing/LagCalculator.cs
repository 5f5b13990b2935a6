namespace StragglerGuard.Core.Timing;

/// <summary>Turns a step frame into lags, without any clock shared between the ranks.</summary>
/// <remarks>
/// Ranks leave a collective together. So with d_j the time that rank j spent inside, lag_i = max_j d_j − d_i is how much later than the
/// first rank i arrived, and min_j d_j is what the transfer itself took: the straggler is the rank that waits <em>least</em>. "Together" holds up
/// to the exit skew (<see cref="ExitSkewEstimator"/>), hence the gate: lags count only where their spread is over <see cref="GateFactor"/> × the skew.
/// </remarks>
public sealed class LagCalculator
{
    /// <summary>How many exit skews the arrivals must be spread over for lags to count.</summary>
    public const int GateFactor = 5;

    /// <summary>Stands in <see cref="LagNs"/> for a rank without a record.</summary>
    public const long Unknown = -1;

    // A bad clock can make a stay of centuries; the sum of a window of steps must not turn negative for it.
    private const long WaitCausedNsMax = long.MaxValue / 1024;

    private readonly long[] _lagNs;

    /// <summary>Prepares for frames of one membership.</summary>
    /// <param name="ranks">Ranks of the membership, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="ranks"/> is below 1.</exception>
    public LagCalculator(int ranks)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        _lagNs = new long[ranks];
        Array.Fill(_lagNs, Unknown);
    }

    /// <summary>Per rank: how much later than the first it arrived in the step computed last, or <see cref="Unknown"/>.</summary>
    /// <value>ns, 0 or more; relative to the first of those present while ranks are missing.</value>
    public ReadOnlySpan<long> LagNs => _lagNs;

    /// <summary>Computes one step. Allocates nothing.</summary>
    /// <param name="frame">The step, with as many ranks as this was made for.</param>
    /// <param name="exitSkewNs">The exit skew, ns, 0 or more; null while unknown.</param>
    /// <exception cref="ArgumentException">The frame has another number of ranks.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The skew is negative.</exception>
    public LagSample Compute(StepFrame frame, long? exitSkewNs)
    {
        ArgumentNullException.ThrowIfNull(frame);
        if (frame.Ranks != _lagNs.Length)
        {
            throw new ArgumentException($"The frame has {frame.Ranks} ranks, this was made for {_lagNs.Length}.", nameof(frame));
        }

        ArgumentOutOfRangeException.ThrowIfNegative(exitSkewNs ?? 0, nameof(exitSkewNs));

        ReadOnlySpan<bool> present = frame.Present;
        ReadOnlySpan<long> insideNs = frame.CollectiveNs;
        long longestNs = 0;
        long shortestNs = long.MaxValue;
        long secondShortestNs = long.MaxValue;
        int lastArriver = -1;
        for (int rank = 0; rank < insideNs.Length; rank++)
        {
            if (!present[rank])
            {
                continue;
            }

            long inside = insideNs[rank];
            longestNs = Math.Max(longestNs, inside);
            if (inside < shortestNs)
            {
                secondShortestNs = shortestNs;
                shortestNs = inside;
                lastArriver = rank;
            }
            else if (inside < secondShortestNs)
            {
                secondShortestNs = inside;
            }
        }

        for (int rank = 0; rank < insideNs.Length; rank++)
        {
            _lagNs[rank] = present[rank] ? longestNs - insideNs[rank] : Unknown;
        }

        if (lastArriver < 0)
        {
            shortestNs = longestNs = 0;
        }

        long spreadNs = longestNs - shortestNs;
        long gapNs = secondShortestNs - shortestNs;
        long? gateNs = exitSkewNs is long skewNs ? SaturatingMultiply(skewNs, GateFactor) : null;
        LagStanding standing = StandingOf(frame, spreadNs, gapNs, gateNs);
        bool counts = standing == LagStanding.Counts;
        return new LagSample
        {
            Step = frame.Step,
            PresentCount = frame.PresentCount,
            Standing = standing,
            TransferNs = shortestNs,
            SpreadNs = spreadNs,
            GateNs = gateNs,
            LastArriver = counts ? new Rank(lastArriver) : null,
            GapNs = counts ? gapNs : 0,
            WaitCausedNs = counts ? Math.Min(SaturatingMultiply(gapNs, frame.Ranks - 1), WaitCausedNsMax) : 0,
        };
    }

    private static LagStanding StandingOf(StepFrame frame, long spreadNs, long gapNs, long? gateNs)
    {
        if (frame.Ranks == 1)
        {
            return LagStanding.SingleRank;
        }

        if (!frame.IsComplete)
        {
            return LagStanding.FrameIncomplete;
        }

        if (gateNs is null)
        {
            return LagStanding.SkewUnknown;
        }

        if (spreadNs <= gateNs)
        {
            return LagStanding.BelowGate;
        }

        return gapNs == 0 ? LagStanding.Tied : LagStanding.Counts;
    }

    private static long SaturatingMultiply(long value, int factor) =>
        value > long.MaxValue / factor ? long.MaxValue : value * factor;
}
