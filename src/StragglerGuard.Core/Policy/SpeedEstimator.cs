using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Policy;

/// <summary>How long each rank takes for a unit of work, from its recent steps.</summary>
/// <remarks>
/// The median of a rank's last <see cref="WindowSamples"/> samples of compute time over units of work: up to half of them may be
/// spikes without harm. A change of speed would reach a median late, so a verdict's onset, or a recovery's, calls
/// <see cref="Restart"/>. A rank that did no work in a step gives no sample; its last samples stand. Feeding allocates nothing.
/// One instance serves one generation of one job, and one caller at a time.
/// </remarks>
public sealed class SpeedEstimator
{
    /// <summary>Samples kept a rank, and frames kept.</summary>
    public const int WindowSamples = 16;

    /// <summary>With fewer samples than this the speed is unknown.</summary>
    public const int EvidenceMin = 4;

    private readonly long[] _sampleSteps;
    private readonly double[] _samples;
    private readonly int[] _sampleCounts;
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
        _sampleCounts = new int[ranks];
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
            var at = (rank * WindowSamples) + (_sampleCounts[rank] % WindowSamples);
            _sampleSteps[at] = step;
            _samples[at] = frame[rank];

            // Wraps from twice the window to once, so that the count never overflows and full stays full.
            _sampleCounts[rank] = _sampleCounts[rank] + 1 == 2 * WindowSamples ? WindowSamples : _sampleCounts[rank] + 1;
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

        keptSteps[..kept].CopyTo(steps);
        keptSamples[..kept].CopyTo(samples);
        _sampleCounts[index] = kept;
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
        var count = Evidence(rank);
        if (count < EvidenceMin)
        {
            return null;
        }

        // A ring that is not full begins at slot 0, and a median asks for no order.
        Span<double> sorted = stackalloc double[WindowSamples];
        sorted = sorted[..count];
        _samples.AsSpan(rank.Value * WindowSamples, count).CopyTo(sorted);
        return OrderStatistics.Median(sorted);
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
            destination[rank] = SecondsPerUnit(new Rank(rank)) ?? double.NaN;
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

    private int Checked(Rank rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank.Value, nameof(rank));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank.Value, Ranks, nameof(rank));
        return rank.Value;
    }
}
