using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Timing;

/// <summary>
/// Estimates the exit skew, the noise floor of every lag: how far apart the ranks leave a collective that they leave "together".
/// </summary>
/// <remarks>
/// After a first barrier the ranks enter a second one together up to their exit skew, so the durations of the second differ by no more than the
/// skews of two exits. One probe's skew is the spread (largest − smallest) of its durations over all ranks; the estimate is the median over the last probes,
/// so that one preempted rank in one probe does not move it. A probe that lacks a rank is never used. Needs 2 ranks or more to mean anything.
/// </remarks>
public sealed class ExitSkewEstimator
{
    private const int OpenProbes = 8;

    private readonly long[] _durationsNs;
    private readonly bool[] _present;
    private readonly long[] _probeStep;
    private readonly int[] _probePresent;
    private readonly double[] _skewsNs;
    private readonly double[] _scratch;
    private int _skewCount;
    private int _nextSkew;
    private long _newestClosedStep = -1;

    /// <summary>Begins with no estimate.</summary>
    /// <param name="ranks">Ranks of the membership, 1 or more.</param>
    /// <param name="generation">The membership; probes of any other are refused.</param>
    /// <param name="window">Probes that the median is taken over, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1.</exception>
    public ExitSkewEstimator(int ranks, Generation generation, int window = 5)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
        Ranks = ranks;
        Generation = generation;
        _durationsNs = new long[ranks * OpenProbes];
        _present = new bool[ranks * OpenProbes];
        _probeStep = new long[OpenProbes];
        _probePresent = new int[OpenProbes];
        Array.Fill(_probeStep, -1);
        _skewsNs = new double[window];
        _scratch = new double[window];
    }

    /// <summary>Ranks of the membership.</summary>
    public int Ranks { get; }

    /// <summary>The membership.</summary>
    public Generation Generation { get; }

    /// <summary>The estimate.</summary>
    /// <value>ns, 0 or more; null until a first probe is complete.</value>
    public long? SkewNs { get; private set; }

    /// <summary>Probes that every rank reported.</summary>
    public long CompleteProbes { get; private set; }

    /// <summary>Probes given up because a rank's record did not come while eight later ones began.</summary>
    public long IncompleteProbes { get; private set; }

    /// <summary>Offers one rank's record of a probe (<see cref="TimingKind.SkewProbe"/>); the records of one probe share their step.</summary>
    /// <returns>What became of it.</returns>
    public FrameAdmission Add(in StepTiming timing)
    {
        FrameAdmission judged = TimingValidation.Judge(in timing, Generation, Ranks, TimingKind.SkewProbe);
        if (judged != FrameAdmission.Accepted)
        {
            return judged;
        }

        int slot = Array.IndexOf(_probeStep, timing.Step);
        if (slot < 0)
        {
            if (timing.Step <= _newestClosedStep)
            {
                return FrameAdmission.Late;
            }

            slot = OpenProbe(timing.Step);
            if (slot < 0)
            {
                return FrameAdmission.Late;
            }
        }

        int entry = (slot * Ranks) + timing.Rank.Value;
        if (_present[entry])
        {
            return FrameAdmission.Duplicate;
        }

        _present[entry] = true;
        _durationsNs[entry] = timing.CollectiveNs;
        if (++_probePresent[slot] == Ranks)
        {
            Close(slot);
        }

        return FrameAdmission.Accepted;
    }

    // Takes an unused slot, else gives up the oldest probe, unless the new one is older still.
    private int OpenProbe(long step)
    {
        int oldest = 0;
        for (int slot = 1; slot < OpenProbes; slot++)
        {
            if (_probeStep[slot] < _probeStep[oldest])
            {
                oldest = slot;
            }
        }

        if (step < _probeStep[oldest])
        {
            return -1;
        }

        if (_probeStep[oldest] >= 0)
        {
            IncompleteProbes++;
        }

        _probeStep[oldest] = step;
        _probePresent[oldest] = 0;
        Array.Clear(_present, oldest * Ranks, Ranks);
        return oldest;
    }

    private void Close(int slot)
    {
        ReadOnlySpan<long> durationsNs = _durationsNs.AsSpan(slot * Ranks, Ranks);
        long shortest = long.MaxValue;
        long longest = 0;
        foreach (long durationNs in durationsNs)
        {
            shortest = Math.Min(shortest, durationNs);
            longest = Math.Max(longest, durationNs);
        }

        _skewsNs[_nextSkew] = longest - shortest;
        _nextSkew = (_nextSkew + 1) % _skewsNs.Length;
        _skewCount = Math.Min(_skewCount + 1, _skewsNs.Length);
        _skewsNs.AsSpan(0, _skewCount).CopyTo(_scratch);
        SkewNs = (long)Math.Round(OrderStatistics.Median(_scratch.AsSpan(0, _skewCount)));
        _newestClosedStep = Math.Max(_newestClosedStep, _probeStep[slot]);
        _probeStep[slot] = -1;
        CompleteProbes++;
    }
}
