using System.Numerics;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;

namespace StragglerGuard.Agent;

/// <summary>
/// The whole reduction of a step, for training loops that can stop early: asks before every micro-batch whether to go on, and reduces
/// ballot, gradients and a few sums together. What it makes possible beyond <see cref="RankGuard.Vote"/>: plans with a deadline.
/// </summary>
/// <remarks>
/// A step: <see cref="BeginStep"/>; before each micro-batch <see cref="GoOn"/>; <see cref="Finish"/>, after which the gradients are the
/// sums over all ranks, to be divided by the weight that it returns. <see cref="Done"/> then says what counts: whatever a rank was dealt
/// and did not do is to be requeued, by every rank alike. One thread, the rank's. Nothing is allocated from the second step on.
/// </remarks>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class StepReducer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly RankGuard _guard;
    private readonly Communicator _communicator;
    private readonly DeviceSlice<T> _gradients;
    private readonly int _members;
    private readonly int _number;
    private readonly double[] _control;
    private readonly int[] _done;

    internal StepReducer(RankGuard guard, Communicator communicator, DeviceSlice<T> gradients, int sums)
    {
        _guard = guard;
        _communicator = communicator;
        _gradients = gradients;
        _members = guard.Plan.Members;
        _number = guard.Plan.NumberOf(guard.Enrollment.Slot);
        _control = new double[Ballot.Length + _members + sums];
        _done = new int[_members];
    }

    /// <summary>Micro-batches of the last step that are in its gradient, by the members' numbers; the same on all ranks.</summary>
    /// <value>0 … the member's share; less than that where it stopped at the deadline.</value>
    public ReadOnlySpan<int> Done => _done;

    /// <summary>As <see cref="RankGuard.BeginStep"/>.</summary>
    /// <exception cref="InvalidOperationException">The generation is over.</exception>
    public MicroBatchRange BeginStep() => _guard.BeginStep();

    /// <summary>Whether to begin another micro-batch; before the first one of a step the answer is yes. Reads a clock only under a deadline.</summary>
    public bool GoOn() => _guard.Plan.DeadlineNs == 0 || _guard.OwnNs() < _guard.Plan.DeadlineNs;

    /// <summary>Ends the step: votes, reduces, records.</summary>
    /// <param name="weight">The denominator of what this rank did: samples or tokens, 0 or more.</param>
    /// <param name="microBatches">How many of its micro-batches it did: the first ones of its share.</param>
    /// <param name="sums">As many as announced; afterwards the sums over all ranks.</param>
    /// <param name="workloadFeature">As for <see cref="RankGuard.Vote"/>.</param>
    /// <returns>Σ weight: divide the sum of the gradients by it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range; nobody was told.</exception>
    /// <exception cref="ArgumentException">Another number of sums than announced.</exception>
    public double Finish(double weight, int microBatches, Span<double> sums, double workloadFeature = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(microBatches);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(microBatches, _guard.Current.Count);
        if (sums.Length != _control.Length - Ballot.Length - _members)
        {
            throw new ArgumentException($"{sums.Length} sums where {_control.Length - Ballot.Length - _members} were announced", nameof(sums));
        }

        Array.Clear(_control);
        _guard.WriteBallot(_control, weight);
        _control[Ballot.Length + _number] = microBatches;
        sums.CopyTo(_control.AsSpan(Ballot.Length + _members));
        CollectiveTiming timing = _communicator.AllReduce(_control.AsSpan());
        _communicator.AllReduce(_gradients);
        for (int member = 0; member < _members; member++)
        {
            _done[member] = (int)_control[Ballot.Length + member];
        }

        _control.AsSpan(Ballot.Length + _members).CopyTo(sums);
        return _guard.Conclude(_control, timing, microBatches, weight, workloadFeature);
    }
}
