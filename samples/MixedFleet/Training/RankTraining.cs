using System.Globalization;
using System.Runtime.ExceptionServices;
using MixedFleet.Checkpoints;
using MixedFleet.Groups;
using MixedFleet.Model;
using MixedFleet.Pacing;
using StragglerGuard.Agent;
using StragglerGuard.Collectives;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;

namespace MixedFleet.Training;

/// <summary>A step is over on one rank.</summary>
/// <param name="slot">Whose.</param>
/// <param name="number">The slot's number among the members: the lowest member has 0.</param>
/// <param name="step">The step.</param>
/// <param name="loss">Mean cross-entropy of what was computed, nats per byte.</param>
/// <param name="computed">Which micro-batches this rank has put into the step's gradient.</param>
internal delegate void StepTaken(int slot, int number, long step, double loss, ReadOnlySpan<long> computed);

/// <summary>The training of one rank of the fleet, the same whether the rank is a thread or a process, through all generations of the job.</summary>
/// <remarks>
/// A generation: the members meet, come to one state, and take steps until the run is over, or a plan of the next generation is in force, or
/// a member is lost. A slot that the next plan leaves out stands by; it may come back. The gradient is divided by the weight of what is in
/// it, and the learning rate stays as it is, whether all members are in a step or some.
/// </remarks>
internal sealed class RankTraining
{
    /// <summary>How long a failed group waits for the guardian to say who goes on.</summary>
    private static readonly TimeSpan PlanLimit = TimeSpan.FromSeconds(10);

    /// <summary>How long the members of a later generation may take to meet.</summary>
    private static readonly TimeSpan MeetLimit = TimeSpan.FromSeconds(20);

    private const int StandbyTrialMicroBatches = 3;

    /// <summary>Between two trials of a worker that stands by: often enough to be seen getting well, rare enough to be no load.</summary>
    private static readonly TimeSpan StandbyTrialPause = TimeSpan.FromMilliseconds(200);

    private readonly RunSettings _settings;
    private readonly int _slot;
    private readonly IRankGroups _groups;
    private readonly PaceEmulator _pace;
    private readonly StepTaken _onStep;
    private readonly Action<string> _complain;
    private readonly StepLog _log;
    private RankResult? _result;

    /// <summary>Prepares a rank.</summary>
    /// <param name="settings">The run.</param>
    /// <param name="slot">Its place in the fleet.</param>
    /// <param name="groups">How it meets the others.</param>
    /// <param name="stretch">The factor on all emulated paces.</param>
    /// <param name="onStep">Called after every step; must be quick.</param>
    /// <param name="complain">Called, on another thread, with a line where a checkpoint could not be written.</param>
    public RankTraining(
        RunSettings settings, int slot, IRankGroups groups, double stretch, StepTaken onStep, Action<string> complain)
    {
        _settings = settings;
        _slot = slot;
        _groups = groups;
        _pace = new PaceEmulator(settings.Fleet.Ranks[slot].PaceSeconds * stretch);
        _onStep = onStep;
        _complain = complain;
        _log = new StepLog(settings.Phases);
    }

    private DeviceClass DeviceClass => new(_settings.Fleet.Ranks[_slot].DeviceClass);

    /// <summary>
    /// Trains to the last step, then checks the gradient of the last uneven deal, or of an example where there was none. A slot that is in
    /// no group then brings home what it has.
    /// </summary>
    /// <exception cref="CollectiveException">A member is lost, and the job does not go on without it.</exception>
    /// <exception cref="GroupNotMetException">The members of the next generation did not come together.</exception>
    public RankResult Run()
    {
        using IComputeDevice device = _settings.Devices.Open(_slot, Worker());
        using var replica = new TrainedReplica(_settings, device);
        JobPlan? plan = _settings.StartPlan;
        TimeSpan? meetLimit = null;
        bool isNew = true;
        while (plan is not null)
        {
            if (plan.NumberOf(_slot) < 0)
            {
                plan = StandBy(replica, plan.Generation);
                (isNew, meetLimit) = (true, null);
            }
            else
            {
                plan = TrainGeneration(replica, plan, meetLimit, isNew);
                (isNew, meetLimit) = (false, MeetLimit);
            }
        }

        return _result ?? Result(replica, [], double.NaN);
    }

    /// <summary>Takes part in one generation.</summary>
    /// <returns>The plan of the next one, with or without a share for this slot; null where the run is over.</returns>
    private JobPlan? TrainGeneration(TrainedReplica replica, JobPlan plan, TimeSpan? meetLimit, bool isNew)
    {
        ITransport transport;
        try
        {
            transport = _groups.Meet(plan, meetLimit);
        }
        catch (OperationCanceledException)
        {
            return null; // The others reached the end while it was on its way back, or the job is lost.
        }

        try
        {
            using var communicator = new Communicator(transport, replica.Device);
            long first = replica.Align(communicator, plan);
            using RankGuard guard = _groups.Agent.Join(EnrollmentIn(plan, communicator), communicator, plan, first);
            try
            {
                communicator.Barrier();
                _log.Begin(new GenerationJoined(plan.Generation.Value, plan.Epoch.Value, first), isNew);
                return TakeSteps(replica, plan, guard, communicator);
            }
            catch (CollectiveException lost) when (MayGoOnWithout(lost, replica.Queue.Step))
            {
                // The connections stay open until the others have seen who was lost, or they would blame this rank.
                guard.Report(lost);
                return AwaitPlanAfter(lost, guard);
            }
        }
        catch (Exception failed) when (failed is not CollectiveException)
        {
            transport.Abort(failed.Message);
            throw;
        }
        finally
        {
            transport.Dispose();
        }
    }

    /// <summary>Steps until the generation is over.</summary>
    private JobPlan? TakeSteps(TrainedReplica replica, JobPlan begun, RankGuard guard, Communicator communicator)
    {
        using CheckpointWriter? checkpoints = OpenCheckpoints(guard);
        int[] even = EvenDeal.Of(_settings.MicroBatches, communicator.WorldSize);
        int[] uneven = GradientCheck.ExampleOfUneven(even);
        var trial = new PaceTrial(replica.Accumulator, _pace);
        using (StepReducer<float> reducer = guard.Reducer(replica.Model.Gradients.All, sums: 1))
        {
            while (replica.Queue.Step < _settings.Phases.Steps && !guard.MustRegroup)
            {
                MicroBatchDeal deal = guard.Plan.Deal;
                uneven = deal.MicroBatches.SequenceEqual(even) ? uneven : deal.MicroBatches.ToArray();
                if (guard.MustTry
                    && trial.SecondsPerMicroBatch(1, FactorAt(guard.NextStep), communicator.Aborted) is { } seconds)
                {
                    guard.Tried(seconds);
                }

                TakeStep(replica, guard, reducer, communicator.Aborted);
                checkpoints?.StepDone(guard.Plan, replica.Queue, replica.Model, replica.Optimizer);
            }
        }

        if (replica.Queue.Step < _settings.Phases.Steps)
        {
            // The next writer may be another process: it begins when this one's last file is on the disk.
            checkpoints?.Dispose();
            communicator.Barrier();
            return guard.Plan;
        }

        guard.Complete();
        checkpoints?.Finish(guard.Plan, replica.Queue, replica.Model, replica.Optimizer);
        double error = replica.CheckGradient(communicator, uneven);
        _result = Result(replica, begun.MemberSlots.ToArray(), error);
        return null;
    }

    private void TakeStep(TrainedReplica replica, RankGuard guard, StepReducer<float> reducer, CancellationToken aborted)
    {
        JobPlan plan = guard.Plan;
        MicroBatchRange work = reducer.BeginStep();
        ReadOnlySpan<long> batch = replica.Queue.BeginStep(work.Step);
        _pace.BeginStep(MonotonicClock.NowNs(), FactorAt(work.Step));
        replica.Accumulator.Begin();
        int done = 0;
        while (done < work.Count && reducer.GoOn())
        {
            replica.Accumulator.Add(batch[work.First + done]);
            _pace.EndMicroBatch(aborted);
            done++;
        }

        Span<double> loss = [replica.Accumulator.LossSum];
        double weight = reducer.Finish(replica.Accumulator.Weight, done, loss);
        replica.Model.Apply(replica.Optimizer, (float)(1 / weight));
        double mean = loss[0] / weight;
        int number = plan.NumberOf(_slot);
        _onStep(_slot, number, work.Step, mean, batch.Slice(work.First, reducer.Done[number]));
        int inGradient = 0;
        foreach (int count in reducer.Done)
        {
            inGradient += count;
        }

        _log.Add(work.Step, mean, inGradient);

        // What a rank left out, at the deadline or because the step went on without it, is done in a later step.
        replica.Queue.Complete(work.Step, plan.Deal, reducer.Done);
    }

    private double FactorAt(long step) => _settings.Slowdowns.FactorAt(_slot, step) * _settings.Stalls.FactorAt(_slot, step);

    /// <summary>Waits in no group for a plan that takes this slot in, and tells now and then how fast it is.</summary>
    /// <returns>The plan; null where the job has ended.</returns>
    private JobPlan? StandBy(TrainedReplica replica, Generation left)
    {
        _groups.StandBy();
        using StandbyGuard guard = _groups.Agent.StandBy(
            new StandbyReport(_settings.Job, _slot, _settings.WorldSize, Worker(), DeviceClass, SecondsPerUnit: null), left);
        var trial = new PaceTrial(replica.Accumulator, _pace);
        try
        {
            while (true)
            {
                if (trial.SecondsPerMicroBatch(StandbyTrialMicroBatches, FactorAt(Math.Max(0, _groups.LastStep)), _groups.Over) is { } seconds)
                {
                    guard.Tried(seconds);
                }

                if (guard.AwaitPlan(StandbyTrialPause, _groups.Over) is { } plan)
                {
                    return plan;
                }
            }
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>Only a member that is lost is left behind: ranks that contradict each other are a mistake in the program.</summary>
    private bool MayGoOnWithout(CollectiveException lost, long step) =>
        lost is RankLostException or CollectiveTimeoutException && _settings.MayRegroup && step >= _settings.Phases.Observed
        && !_groups.Over.IsCancellationRequested;

    private JobPlan AwaitPlanAfter(CollectiveException lost, RankGuard guard)
    {
        JobPlan? next = null;
        try
        {
            next = guard.AwaitNextGeneration(PlanLimit, _groups.Over);
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
        RankEnrollment.DataParallel(_settings.Job, _groups.Node, DeviceClass, communicator, _settings.MicroBatches) with
        {
            Generation = plan.Generation,
            Worker = Worker(),
            Slot = _slot,
            Slots = plan.Slots,
            Abilities = RankAbilities.Rebalance | RankAbilities.Deadline | RankAbilities.Backup | RankAbilities.Regroup
                | RankAbilities.Trial,
        };

    private WorkerId Worker() => new(_groups.Node, _settings.DeviceOf(_slot));

    /// <summary>The lowest member writes: all members hold the same.</summary>
    private CheckpointWriter? OpenCheckpoints(RankGuard guard) =>
        guard.Enrollment.Rank.Value == 0 && _settings.CheckpointPath is { } path
            ? new CheckpointWriter(path, _settings.CheckpointEvery, _settings.Identity, RunSettings.ModelShape.ParameterCount, _complain)
            : null;

    private RankResult Result(TrainedReplica replica, int[] members, double gradientError) => new(
        _slot, Environment.ProcessId, members, _log.LossFirst, _log.LossLast,
        replica.Model.WeightBits().ToString("x16", CultureInfo.InvariantCulture), gradientError, _log.Seconds, _log.MicroBatches,
        replica.Queue.Waiting.Length, _log.Generations);
}
