using System.Numerics;
using StragglerGuard.Collectives;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;

namespace StragglerGuard.Agent;

/// <summary>
/// The whole reduction of a step, for training loops that can stop early: asks before every micro-batch whether to go on, and reduces
/// ballot, gradients and a few sums together. What it makes possible beyond <see cref="RankGuard.Vote"/>: plans with a deadline, and plans
/// with backup workers, under which a step may go on without this rank.
/// </summary>
/// <remarks>
/// A step: <see cref="BeginStep"/>; before each micro-batch <see cref="GoOn"/>; <see cref="Finish"/>, after which the gradients are the
/// sums over all ranks, to be divided by the weight that it returns. <see cref="Done"/> then says what counts: whatever a rank was dealt
/// and did not do, or came too late with, is to be requeued, by every rank alike. The learning rate stays as it is: the gradient is divided
/// by the weight of what is in it, an unbiased estimate from fewer samples. One thread, the rank's; while a plan has backup workers a
/// communication thread beside it, see <see cref="PartialReducer{T}"/>. Nothing is allocated from the second step on.
/// </remarks>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class StepReducer<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly RankGuard _guard;
    private readonly Communicator _communicator;
    private readonly DeviceSlice<T> _gradients;
    private readonly int _members;
    private readonly int _number;
    private readonly double[] _control;
    private readonly double[] _late;
    private readonly int[] _done;
    private PartialReducer<T>? _partial;
    private bool _hasAsked;

    internal StepReducer(RankGuard guard, Communicator communicator, DeviceSlice<T> gradients, int sums)
    {
        _guard = guard;
        _communicator = communicator;
        _gradients = gradients;
        _members = guard.Plan.Members;
        _number = guard.Plan.NumberOf(guard.Enrollment.Slot);
        _control = new double[Ballot.Length + _members + sums];
        _late = new double[_control.Length];
        _done = new int[_members];
    }

    /// <summary>Micro-batches of the last step that are in its gradient, by the members' numbers; the same on all ranks.</summary>
    /// <value>0 … the member's share; less than that where it stopped at the deadline, 0 where the step went on without it.</value>
    public ReadOnlySpan<int> Done => _done;

    /// <summary>Whether this rank's work is in the gradients of the last step.</summary>
    /// <value>False where the step went on without it; true before the first.</value>
    public bool WasIn { get; private set; } = true;

    /// <summary>As <see cref="RankGuard.BeginStep"/>.</summary>
    /// <exception cref="InvalidOperationException">The generation is over.</exception>
    public MicroBatchRange BeginStep()
    {
        // All ranks switched to this plan by the same vote, so all make or end their partial reducers here.
        int backups = _guard.MustRegroup ? 0 : _guard.Plan.Backups;
        if (backups == 0)
        {
            _partial?.Dispose();
            _partial = null;
        }
        else
        {
            _partial ??= new PartialReducer<T>(_communicator, _gradients, _control.Length);
        }

        _hasAsked = false;
        MicroBatchRange work = _guard.BeginStep();
        if (_partial is not null)
        {
            // What is entered for this rank if it is late: its vote, and no work.
            _guard.BeginBallot(_late, weight: 0);
            _partial.BeginStep(backups, _late);
        }

        return work;
    }

    /// <summary>
    /// Whether to begin another micro-batch. However short a deadline is, it lets the first one of a step be done: a step in which nobody
    /// did anything has no gradient. Reads a clock only under a deadline.
    /// </summary>
    public bool GoOn()
    {
        bool isFirst = !_hasAsked;
        _hasAsked = true;
        return !_communicator.Aborted.IsCancellationRequested && _partial is not { HasClosed: true }
            && (isFirst || _guard.Plan.DeadlineNs == 0 || _guard.OwnNs(MonotonicClock.NowNs()) < _guard.Plan.DeadlineNs);
    }

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
        if (_partial is null)
        {
            _guard.BeginBallot(_control, weight);
        }
        else
        {
            _guard.WriteBallot(_control, weight);
        }

        _guard.EndOwnWork();
        _control[Ballot.Length + _number] = microBatches;
        sums.CopyTo(_control.AsSpan(Ballot.Length + _members));
        CollectiveTiming timing;
        long finishNs;
        if (_partial is not null)
        {
            PartialReduction reduction = _partial.Finish(_control);
            (WasIn, timing, finishNs) = (reduction.WasIn, reduction.Ballot, reduction.FinishNs);
        }
        else
        {
            timing = _communicator.AllReduce(_control.AsSpan());
            _communicator.AllReduce(_gradients);
            (WasIn, finishNs) = (true, timing.EnterNs);
        }

        for (int member = 0; member < _members; member++)
        {
            _done[member] = (int)_control[Ballot.Length + member];
        }

        _control.AsSpan(Ballot.Length + _members).CopyTo(sums);

        // A late rank's ballot was cast while it still computed: its own work ends where it gave up.
        return _guard.Conclude(
            _control, timing, microBatches, WasIn ? weight : 0, workloadFeature, WasIn ? null : _guard.OwnNs(finishNs));
    }

    /// <summary>Ends the communication thread, where there is one. Between steps, on every rank; before the communicator.</summary>
    public void Dispose() => _partial?.Dispose();
}
