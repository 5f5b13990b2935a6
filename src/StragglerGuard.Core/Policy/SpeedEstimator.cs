using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Policy;

/// <summary>How long each rank takes for a unit of work, from its recent steps.</summary>
/// <remarks>
/// <para>The median of a rank's last <see cref="WindowSamples"/> samples of compute time over units of work: up to half of them may be
/// spikes without harm. A change of speed would reach a median late, so a verdict's onset, or a recovery's, calls
/// <see cref="Restart"/>. A rank that did no work in a step gives no sample; its last samples stand.</para>
/// <para>A speed that drifts would be followed half a window late: a unit that costs 1 % more at every step, by 7.5 %. So where the samples rise or fall
/// together, by Mann's test (1945; S = Σ sign(x_j − x_i) over i &lt; j, at <see cref="DriftSigmas"/> standard deviations of S under no trend: one window in two
/// thousand by chance), the estimate is the line's value at the newest sample: slope = median of the differences between the halves of the window
/// (Theil's incomplete method, 1950), level = median of the samples moved along it to the newest. It never leaves the range of the newest
/// <see cref="ReachSamples"/> samples, so a jump in mid-window does not overshoot. The lag is never above half a window. Where the
/// drift over a whole window is 8 times the noise of a sample or more it is below half a step; at 5 times every other window shows the drift.</para>
/// <para>A rank's samples are also kept sorted, and S with them, so that a new one costs one pass over the window, and an estimate that nothing has
/// touched is only read. Feeding allocates nothing. One instance serves one generation of one job, and one caller at a time.</para>
/// </remarks>
public sealed class SpeedEstimator
{
    /// <summary>Samples kept a rank, and frames kept.</summary>
    public const int WindowSamples = 16;

    /// <summary>With fewer samples than this the speed is unknown.</summary>
    public const int EvidenceMin = 4;

    /// <summary>How many standard deviations from no trend make a drift.</summary>
    internal const double DriftSigmas = 3.5;

    /// <summary>Samples between whose extremes a drifting estimate lies.</summary>
    internal const int ReachSamples = 5;

    private static readonly int[] s_driftMin = DriftThresholds();

    private readonly long[] _sampleSteps;
    private readonly double[] _samples;
    private readonly double[] _sorted;
    private readonly int[] _sampleCounts;
    private readonly int[] _trends;
    private readonly double[] _estimates;
    private readonly bool[] _stale;
    private readonly long[] _frameSteps = new long[WindowSamples];
    private readonly double[] _frames;
    private int _frameCount;
    private int _frameNext;

    /// <summary>Starts without evidence.</summary>
    /// <param name="ranks">Ranks of the job, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 1 rank.</exception>
    public SpeedEstimator(int ranks)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        Ranks = ranks;
        _sampleSteps = new long[ranks * WindowSamples];
        _samples = new double[ranks * WindowSamples];
        _sorted = new double[ranks * WindowSamples];
        _sampleCounts = new int[ranks];
        _trends = new int[ranks];
        _estimates = new double[ranks];
        _stale = new bool[ranks];
        _frames = new double[ranks * WindowSamples];
    }

    /// <summary>Ranks of the job.</summary>
    public int Ranks { get; }

    /// <summary>How many frames <see cref="CopyFrames"/> gives, complete or not.</summary>
    /// <value>0 … <see cref="WindowSamples"/>.</value>
    public int Frames => _frameCount;

    /// <summary>Takes one step frame. All spans have one entry a rank.</summary>
    /// <param name="step">Newer than every step before; a late frame is refused.</param>
    /// <param name="computeNs">Own work, ns. A value of 0 or less gives no sample.</param>
    /// <param name="workUnits">Units of work done. A value of 0 or less gives no sample.</param>
    /// <param name="present">Whether the rank's record arrived; where not, the other two are not read.</param>
    /// <returns>False if the frame is not newer than the last and was left out.</returns>
    /// <exception cref="ArgumentException">A span has another length than <see cref="Ranks"/>.</exception>
    public bool Observe(long step, ReadOnlySpan<long> computeNs, ReadOnlySpan<int> workUnits, ReadOnlySpan<bool> present)
    {
        if (computeNs.Length != Ranks || workUnits.Length != Ranks || present.Length != Ranks)
        {
            throw new ArgumentException(
                $"A frame has {Ranks} ranks, here are {computeNs.Length} times, {workUnits.Length} work counts, {present.Length} flags.");
        }

        if (_frameCount > 0 && step <= _frameSteps[Slot(_frameCount - 1)])
        {
            return false;
        }

        _frameSteps[_frameNext] = step;
        var frame = _frames.AsSpan(_frameNext * Ranks, Ranks);
        for (var rank = 0; rank < Ranks; rank++)
        {
            if (!present[rank] || workUnits[rank] <= 0 || computeNs[rank] <= 0)
            {
                frame[rank] = double.NaN;
                continue;
            }

            frame[rank] = computeNs[rank] * 1e-9 / workUnits[rank];
            Add(rank, step, frame[rank]);
        }

        _frameNext = (_frameNext + 1) % WindowSamples;
        _frameCount = Math.Min(_frameCount + 1, WindowSamples);
        return true;
    }

    /// <summary>Forgets what a rank did before a step, so that the estimate follows a change at once.</summary>
    /// <param name="rank">The rank whose speed changed.</param>
    /// <param name="fromStep">The first step at the new speed; samples from it on are kept.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    public void Restart(Rank rank, long fromStep)
    {
        var index = Checked(rank);
        var steps = _sampleSteps.AsSpan(index * WindowSamples, WindowSamples);
        var samples = _samples.AsSpan(index * WindowSamples, WindowSamples);
        var held = Evidence(rank);
        var oldest = _sampleCounts[index] - held;
        Span<long> keptSteps = stackalloc long[WindowSamples];
        Span<double> keptSamples = stackalloc double[WindowSamples];
        var kept = 0;
        for (var i = 0; i < held; i++)
        {
            var at = (oldest + i) % WindowSamples;
            if (steps[at] >= fromStep)
            {
                keptSteps[kept] = steps[at];
                keptSamples[kept++] = samples[at];
            }
        }

        _sampleCounts[index] = 0;
        _trends[index] = 0;
        _stale[index] = true;
        for (var i = 0; i < kept; i++)
        {
            Add(index, keptSteps[i], keptSamples[i]);
        }

        for (var i = 0; i < _frameCount; i++)
        {
            var slot = Slot(i);
            if (_frameSteps[slot] < fromStep)
            {
                _frames[(slot * Ranks) + index] = double.NaN;
            }
        }
    }

    /// <summary>How many samples a rank's estimate rests on.</summary>
    /// <param name="rank">The rank.</param>
    /// <returns>0 … <see cref="WindowSamples"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    public int Evidence(Rank rank) => Math.Min(_sampleCounts[Checked(rank)], WindowSamples);

    /// <summary>What a unit of work costs a rank.</summary>
    /// <param name="rank">The rank.</param>
    /// <returns>Seconds, above 0; null while there are fewer than <see cref="EvidenceMin"/> samples.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    public double? SecondsPerUnit(Rank rank)
    {
        return Evidence(rank) < EvidenceMin ? null : Estimate(rank.Value);
    }

    /// <summary>Copies every rank's estimate.</summary>
    /// <param name="destination">One entry a rank: seconds per unit, NaN where unknown.</param>
    /// <exception cref="ArgumentException">The destination has another length than <see cref="Ranks"/>.</exception>
    public void CopyEstimates(Span<double> destination)
    {
        if (destination.Length != Ranks)
        {
            throw new ArgumentException($"There are {Ranks} estimates, and room for {destination.Length}.", nameof(destination));
        }

        for (var rank = 0; rank < Ranks; rank++)
        {
            destination[rank] = _sampleCounts[rank] < EvidenceMin ? double.NaN : Estimate(rank);
        }
    }

    /// <summary>Copies the recent frames, the oldest first, as <see cref="PolicyInput.RecentSecondsPerUnit"/> takes them.</summary>
    /// <param name="destination">
    /// <see cref="Frames"/> × <see cref="Ranks"/> entries or more, a frame a row: seconds per unit, NaN where the rank gave no sample or
    /// it was forgotten.
    /// </param>
    /// <returns>Entries written.</returns>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public int CopyFrames(Span<double> destination)
    {
        if (destination.Length < _frameCount * Ranks)
        {
            throw new ArgumentException($"{_frameCount * Ranks} entries don't fit {destination.Length}.", nameof(destination));
        }

        for (var i = 0; i < _frameCount; i++)
        {
            _frames.AsSpan(Slot(i) * Ranks, Ranks).CopyTo(destination[(i * Ranks)..]);
        }

        return _frameCount * Ranks;
    }

    /// <summary>Where the i-th oldest frame lies.</summary>
    private int Slot(int i) => (_frameNext - _frameCount + i + WindowSamples) % WindowSamples;

    /// <summary>Takes a sample into the ring, into the sorted samples, and into the trend.</summary>
    private void Add(int rank, long step, double sample)
    {
        var slot = _sampleCounts[rank] % WindowSamples;
        var held = Math.Min(_sampleCounts[rank], WindowSamples);
        var sorted = _sorted.AsSpan(rank * WindowSamples, WindowSamples);
        ref var oldest = ref _samples[(rank * WindowSamples) + slot];
        if (held == WindowSamples)
        {
            // The oldest goes: it stood first in each of its pairs.
            var (below, notAbove) = PlaceOf(oldest, sorted);
            _trends[rank] -= held - notAbove - below;
            sorted[(below + 1)..].CopyTo(sorted[below..]);
            held--;
        }

        var (smaller, notLarger) = PlaceOf(sample, sorted[..held]);
        _trends[rank] += smaller - (held - notLarger);
        sorted[smaller..held].CopyTo(sorted[(smaller + 1)..]);
        sorted[smaller] = sample;
        oldest = sample;
        _sampleSteps[(rank * WindowSamples) + slot] = step;
        _stale[rank] = true;

        // Wraps from twice the window to once, so that the count never overflows and full stays full.
        _sampleCounts[rank] = _sampleCounts[rank] + 1 == 2 * WindowSamples ? WindowSamples : _sampleCounts[rank] + 1;
    }

    /// <summary>How many are smaller than a value, and how many not larger.</summary>
    private static (int Smaller, int NotLarger) PlaceOf(double value, ReadOnlySpan<double> values)
    {
        int smaller = 0, notLarger = 0;
        foreach (var other in values)
        {
            smaller += other < value ? 1 : 0;
            notLarger += other <= value ? 1 : 0;
        }

        return (smaller, notLarger);
    }

    private double Estimate(int rank)
    {
        if (_stale[rank])
        {
            var held = Math.Min(_sampleCounts[rank], WindowSamples);
            var sorted = _sorted.AsSpan(rank * WindowSamples, held);
            var middle = held / 2;
            _estimates[rank] = Math.Abs(_trends[rank]) >= s_driftMin[held] ? Newest(rank, held)
                : (held & 1) == 1 ? sorted[middle]
                : 0.5 * (sorted[middle - 1] + sorted[middle]);
            _stale[rank] = false;
        }

        return _estimates[rank];
    }

    /// <summary>Where the line through the samples stands at the newest.</summary>
    private double Newest(int rank, int held)
    {
        Span<double> ordered = stackalloc double[WindowSamples];
        Span<double> scratch = stackalloc double[WindowSamples];
        ordered = ordered[..held];
        var first = _sampleCounts[rank] - held;
        for (var i = 0; i < held; i++)
        {
            ordered[i] = _samples[(rank * WindowSamples) + ((first + i) % WindowSamples)];
        }

        var half = held / 2;
        var apart = held - half;
        for (var i = 0; i < half; i++)
        {
            scratch[i] = ordered[i + apart] - ordered[i];
        }

        var slope = OrderStatistics.Median(scratch[..half]) / apart;
        for (var i = 0; i < held; i++)
        {
            scratch[i] = ordered[i] + (slope * (held - 1 - i));
        }

        var reach = ordered[^ReachSamples..];
        return Math.Clamp(OrderStatistics.Median(scratch[..held]), OrderStatistics.SmallestOf(reach), OrderStatistics.LargestOf(reach));
    }

    /// <summary>By samples held: the least |S| that is a drift. Var S = n(n − 1)(2n + 5)/18 where nothing is.</summary>
    private static int[] DriftThresholds()
    {
        var thresholds = new int[WindowSamples + 1];
        for (var n = 0; n <= WindowSamples; n++)
        {
            // Fewer samples than the reach can't show one.
            thresholds[n] = n < 2 * ReachSamples
                ? int.MaxValue
                : (int)Math.Ceiling(DriftSigmas * Math.Sqrt(n * (n - 1) * ((2 * n) + 5) / 18.0));
        }

        return thresholds;
    }

    private int Checked(Rank rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank.Value, nameof(rank));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank.Value, Ranks, nameof(rank));
        return rank.Value;
    }
}
