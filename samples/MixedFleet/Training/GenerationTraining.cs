using System.Runtime.ExceptionServices;
using MixedFleet.Checkpoints;
using MixedFleet.Model;
using StragglerGuard.Agent;
using StragglerGuard.Collectives;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;

namespace MixedFleet.Training;

/// <summary>A member's part in one generation of the job, step by step.</summary>
/// <remarks>
/// The members come to one state, and take steps until the run is over, or a plan of the next generation is in force, or a member is lost.
/// Used by one thread.
/// </remarks>
internal sealed class GenerationTraining : IDisposable
{
    /// <summary>How long a failed group waits for the guardian to say who goes on.</summary>
    private static readonly TimeSpan PlanLimit = TimeSpan.FromSeconds(10);

    private readonly RankPlace _place;
    private readonly TrainedReplica _replica;
    private readonly JobPlan _begun;
    private readonly bool _isNew;
    private readonly ITransport _transport;
    private Communicator? _communicator;
    private RankGuard? _guard;
    private CheckpointWriter? _checkpoints;
    private StepReducer<float>? _reducer;
    private int[] _even = [];
    private int[] _uneven = [];
    private PaceTrial? _trial;
    private string? _failure;

    /// <summary>Takes part.</summary>
    /// <param name="place">Whose part.</param>
    /// <param name="replica">What it trains.</param>
    /// <param name="plan">That the generation begins with.</param>
    /// <param name="transport">Of the group that has met; disposed with this.</param>
    /// <param name="isNew">Whether the slot was in no group before.</param>
    public GenerationTraining(RankPlace place, TrainedReplica replica, JobPlan plan, ITransport transport, bool isNew)
    {
        _place = place;
        _replica = replica;
        _begun = plan;
        _transport = transport;
        _isNew = isNew;
    }

    /// <summary>The plan of the next generation, with or without a share for this slot; null until there is one, and where the run is over.</summary>
    public JobPlan? Next { get; private set; }

    /// <summary>Where the run is over: the members of its last generation, this slot among them. None before.</summary>
    public int[] FinalMembers { get; private set; } = [];

    /// <summary>See <see cref="RankResult.GradientMaxRelativeError"/>; NaN before the run is over.</summary>
    public double GradientMaxRelativeError { get; private set; } = double.NaN;

    private bool IsRunOver => _replica.Queue.Step >= _place.Settings.Phases.Steps;

    /// <summary>Does the next step, or what comes before the first or after the last.</summary>
    /// <returns>Whether the generation goes on.</returns>
    /// <exception cref="CollectiveException">A member is lost, and the job does not go on without it.</exception>
    public bool Advance()
    {
        try
        {
            if (_guard is null)
            {
                Join();
            }
            else if (_reducer is null)
            {
                Begin(_communicator!, _guard);
            }
            else if (!IsRunOver && !_guard.MustRegroup)
            {
                Step(_communicator!, _guard, _reducer);
            }
            else
            {
                End(_communicator!, _guard, _reducer);
                return false;
            }

            return true;
        }
        catch (CollectiveException lost) when (_guard is not null && MayGoOnWithout(lost))
        {
            _reducer?.Dispose();
            _checkpoints?.Dispose();

            // The connections stay open until the others have seen who was lost, or they would blame this rank.
            _guard.Report(lost);
            Next = AwaitPlanAfter(lost, _guard);
            return false;
        }
        catch (Exception failed) when (failed is not CollectiveException)
        {
            _failure = failed.Message;
            throw;
        }
    }

    public void Dispose()
    {
        _reducer?.Dispose();
        _checkpoints?.Dispose();
        _guard?.Dispose();
        _communicator?.Dispose();
        if (_failure is not null)
        {
            _transport.Abort(_failure);
        }

        _transport.Dispose();
    }

    private void Join()
    {
        _communicator = new Communicator(_transport, _replica.Device);
        long first = _replica.Align(_communicator, _begun);
        _guard = _place.Groups.Agent.Join(EnrollmentIn(_begun, _communicator), _communicator, _begun, first);
    }

    private void Begin(Communicator communicator, RankGuard guard)
    {
        communicator.Barrier();
        _place.Log.Begin(new GenerationJoined(_begun.Generation.Value, _begun.Epoch.Value, guard.NextStep), _isNew);
        _checkpoints = OpenCheckpoints(guard);
        _even = EvenDeal.Of(_place.Settings.MicroBatches, communicator.WorldSize);
        _uneven = GradientCheck.ExampleOfUneven(_even);
        _trial = new PaceTrial(_replica.Accumulator, _place.Pace);
        _reducer = guard.Reducer(_replica.Model.Gradients.All, sums: 1);
    }

    private void Step(Communicator communicator, RankGuard guard, StepReducer<float> reducer)
    {
        MicroBatchDeal deal = guard.Plan.Deal;
        _uneven = deal.MicroBatches.SequenceEqual(_even) ? _uneven : deal.MicroBatches.ToArray();
        if (guard.MustTry && _trial!.SecondsPerMicroBatch(1, _place.FactorAt(guard.NextStep), communicator.Aborted) is { } seconds)
        {
            guard.Tried(seconds);
        }

        TakeStep(guard, reducer, communicator.Aborted);
        _checkpoints?.StepDone(guard.Plan, _replica.Queue, _replica.Model, _replica.Optimizer);
    }

    private void TakeStep(RankGuard guard, StepReducer<float> reducer, CancellationToken aborted)
    {
        JobPlan plan = guard.Plan;
        MicroBatchRange work = reducer.BeginStep();
        ReadOnlySpan<long> batch = _replica.Queue.BeginStep(work.Step);
        _place.Pace.BeginStep(MonotonicClock.NowNs(), _place.FactorAt(work.Step));
        _replica.Accumulator.Begin();
        int done = 0;
        while (done < work.Count && reducer.GoOn())
        {
            _replica.Accumulator.Add(batch[work.First + done]);
            _place.Pace.EndMicroBatch(aborted);
            done++;
        }

        Span<double> loss = [_replica.Accumulator.LossSum];
        double weight = reducer.Finish(_replica.Accumulator.Weight, done, loss);
        _replica.Model.Apply(_replica.Optimizer, (float)(1 / weight));
        double mean = loss[0] / weight;
        int number = plan.NumberOf(_place.Slot);
        _place.OnStep(_place.Slot, number, work.Step, mean, batch.Slice(work.First, reducer.Done[number]));
        int inGradient = 0;
        foreach (int count in reducer.Done)
        {
            inGradient += count;
        }

        _place.Log.Add(work.Step, mean, inGradient);

        // What a rank left out, at the deadline or because the step went on without it, is done in a later step.
        _replica.Queue.Complete(work.Step, plan.Deal, reducer.Done);
    }

    private void End(Communicator communicator, RankGuard guard, StepReducer<float> reducer)
    {
        reducer.Dispose();
        if (!IsRunOver)
        {
            // The next writer may be another process: it begins when this one's last file is on the disk.
            _checkpoints?.Dispose();
            communicator.Barrier();
            Next = guard.Plan;
            return;
        }

        guard.Complete();
        _checkpoints?.Finish(guard.Plan, _replica.Queue, _replica.Model, _replica.Optimizer);
        GradientMaxRelativeError = _replica.CheckGradient(communicator, _uneven);
        FinalMembers = _begun.MemberSlots.ToArray();
    }

    /// <summary>Only a member that is lost is left behind: ranks that contradict each other are a mistake in the program.</summary>
    private bool MayGoOnWithout(CollectiveException lost) =>
        lost is RankLostException or CollectiveTimeoutException && _place.Settings.MayRegroup
        && _replica.Queue.Step >= _place.Settings.Phases.Observed && !_place.Groups.Over.IsCancellationRequested;

    private JobPlan AwaitPlanAfter(CollectiveException lost, RankGuard guard)
    {
        JobPlan? next = null;
        try
        {
            next = guard.AwaitNextGeneration(PlanLimit, _place.Groups.Over);
        }
        catch (OperationCanceledException)
        {
            // The job is over: the loss is what there is to tell.
        }

        if (next is null)
        {
            ExceptionDispatchInfo.Throw(lost);
        }

        return next;
    }

    private RankEnrollment EnrollmentIn(JobPlan plan, Communicator communicator) =>
        RankEnrollment.DataParallel(
            _place.Settings.Job, _place.Groups.Node, _place.DeviceClass, communicator, _place.Settings.MicroBatches) with
        {
            Generation = plan.Generation,
            Worker = _place.Worker,
            Slot = _place.Slot,
            Slots = plan.Slots,
            Abilities = RankAbilities.Rebalance | RankAbilities.Deadline | RankAbilities.Backup | RankAbilities.Regroup
                | RankAbilities.Trial,
        };

    /// <summary>The lowest member writes: all members hold the same.</summary>
    private CheckpointWriter? OpenCheckpoints(RankGuard guard) =>
        guard.Enrollment.Rank.Value == 0 && _place.Settings.CheckpointPath is { } path
            ? new CheckpointWriter(
                path, _place.Settings.CheckpointEvery, _place.Settings.Identity, RunSettings.ModelShape.ParameterCount, _place.Complain)
            : null;
}
