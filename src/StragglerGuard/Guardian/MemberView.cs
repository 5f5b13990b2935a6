using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;

namespace StragglerGuard.Guardian;

/// <summary>What is known of the ranks, as it is of the replicas that the work is dealt to.</summary>
internal sealed class MemberView
{
    private readonly ReplicaNumbers _numbers;
    private readonly int _ranks;
    private readonly double[] _slowest;
    private readonly double[] _frames;

    /// <summary>Joins what the ranks said of themselves.</summary>
    /// <param name="numbers">Whose each rank is.</param>
    /// <param name="ranks">Every rank of the generation.</param>
    /// <param name="members">Replicas of the generation.</param>
    public MemberView(ReplicaNumbers numbers, IReadOnlyList<RankEnrollment> ranks, int members)
    {
        _numbers = numbers;
        _ranks = ranks.Count;
        Members = members;
        _slowest = numbers.IsIdentity ? [] : new double[members];
        _frames = numbers.IsIdentity ? [] : new double[members * SpeedEstimator.WindowSamples];
        var classes = new DeviceClass[members];
        int[] lowest = new int[members];
        int[] highest = [.. Enumerable.Repeat(int.MaxValue, members)];
        Abilities = (RankAbilities)~0;
        foreach (RankEnrollment rank in ranks)
        {
            int number = numbers[rank.Rank.Value];
            lowest[number] = Math.Max(lowest[number], rank.MicroBatchesMin);
            highest[number] = Math.Min(highest[number], rank.MicroBatchesMax);
            classes[number] = rank.DeviceClass;
            Abilities &= rank.Abilities;
        }

        Classes = classes;
        Lowest = lowest;
        Highest = highest;
    }

    /// <summary>Replicas of the generation.</summary>
    public int Members { get; }

    /// <summary>What each computes on: a rank's class.</summary>
    public IReadOnlyList<DeviceClass> Classes { get; }

    /// <summary>The fewest micro-batches that each may be dealt.</summary>
    public ReadOnlyMemory<int> Lowest { get; }

    /// <summary>The most micro-batches that each may be dealt.</summary>
    public ReadOnlyMemory<int> Highest { get; }

    /// <summary>Whether every rank is a replica of its own.</summary>
    public bool IsIdentity => _numbers.IsIdentity;

    /// <summary>What every rank of the job can do.</summary>
    public RankAbilities Abilities { get; }

    /// <summary>Per member the largest of its ranks' values. The memory is overwritten by the next call.</summary>
    /// <param name="ofRanks">One a rank; NaN where unknown.</param>
    public ReadOnlyMemory<double> Slowest(double[] ofRanks)
    {
        if (_numbers.IsIdentity)
        {
            return ofRanks;
        }

        _numbers.Largest(ofRanks, _slowest);
        return _slowest;
    }

    /// <summary>As <see cref="Slowest"/>, for each of several frames, one a row.</summary>
    /// <param name="ofRanks">Frames × ranks.</param>
    public ReadOnlyMemory<double> SlowestInEach(ReadOnlyMemory<double> ofRanks)
    {
        if (_numbers.IsIdentity)
        {
            return ofRanks;
        }

        int frames = ofRanks.Length / _ranks;
        for (int frame = 0; frame < frames; frame++)
        {
            _numbers.Largest(ofRanks.Span.Slice(frame * _ranks, _ranks), _frames.AsSpan(frame * Members, Members));
        }

        return _frames.AsMemory(0, frames * Members);
    }

    /// <summary>What a micro-batch took each member in a step: of its slowest rank, NaN where one of its ranks did none or is unknown.</summary>
    /// <param name="frame">The step.</param>
    /// <param name="destination">One a member; overwritten and returned.</param>
    public double[] SecondsPerUnitOf(StepFrame frame, double[] destination)
    {
        Array.Fill(destination, double.NegativeInfinity);
        for (int rank = 0; rank < _ranks; rank++)
        {
            double own = frame.IsPresent(rank) && frame.WorkUnits[rank] > 0 ? frame.ComputeNs[rank] * 1e-9 / frame.WorkUnits[rank] : double.NaN;
            ref double slowest = ref destination[_numbers[rank]];
            slowest = double.IsNaN(own) || double.IsNaN(slowest) ? double.NaN : Math.Max(slowest, own);
        }

        return destination;
    }

    /// <summary>The members that the flagged ranks belong to.</summary>
    public ReadOnlyMemory<Rank> Flagged(ReadOnlyMemory<Rank> ranks) => _numbers.IsIdentity ? ranks : _numbers.Of(ranks.Span);
}
