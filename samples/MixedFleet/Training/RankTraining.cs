using System.Globalization;
using MixedFleet.Groups;
using MixedFleet.Pacing;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Training;

/// <summary>
/// The training of one rank of the fleet, the same whether the rank is a thread, a process or an actor, through all generations of the job.
/// </summary>
/// <remarks>
/// A generation: its members meet and take steps together, see <see cref="GenerationTraining"/>. A slot that the next plan leaves out stands
/// by; it may come back. The gradient is divided by the weight of what is in it, and the learning rate stays as it is, whether all members
/// are in a step or some. Used by one thread.
/// </remarks>
internal sealed class RankTraining : IDisposable
{
    /// <summary>How long the members of a later generation may take to meet.</summary>
    private static readonly TimeSpan MeetLimit = TimeSpan.FromSeconds(20);

    private readonly RankPlace _place;
    private IComputeDevice? _device;
    private TrainedReplica? _replica;
    private GenerationTraining? _generation;
    private StandbyWait? _standby;
    private JobPlan? _plan;
    private TimeSpan? _meetLimit;
    private bool _isNew = true;
    private bool _isOver;
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
        _place = new RankPlace(settings, slot, groups, new PaceEmulator(settings.Fleet.Ranks[slot].PaceSeconds * stretch), onStep, complain);
        _plan = settings.StartPlan;
    }

    /// <summary>What the rank brings home: of a slot that is in no group at the end, what it has.</summary>
    /// <exception cref="InvalidOperationException">The training is not over.</exception>
    public RankResult Result => _result ?? throw new InvalidOperationException("the training is not over");

    /// <summary>Trains to the end.</summary>
    /// <exception cref="CollectiveException">A member is lost, and the job does not go on without it.</exception>
    /// <exception cref="GroupNotMetException">The members of the next generation did not come together.</exception>
    public RankResult Run()
    {
        while (Advance())
        {
        }

        return Result;
    }

    /// <summary>
    /// Does the next step, or the next part of what comes between steps: get ready, meet the members of a generation, join them, stand by for a
    /// moment, or leave, after the last step with the gradient of the last uneven deal checked, or of an example where there was none.
    /// </summary>
    /// <returns>Whether there is more to do: false once, and whenever it is called after that.</returns>
    /// <remarks>It blocks as the job's collectives do. When it returns false or throws, all that it held is released.</remarks>
    /// <exception cref="CollectiveException">A member is lost, and the job does not go on without it.</exception>
    /// <exception cref="GroupNotMetException">The members of the next generation did not come together.</exception>
    public bool Advance()
    {
        if (_isOver)
        {
            return false;
        }

        try
        {
            if (_replica is null)
            {
                _device = _place.Settings.Devices.Open(_place.Slot, _place.Worker);
                _replica = new TrainedReplica(_place.Settings, _device);
            }
            else if (_generation is not null)
            {
                AdvanceIn(_generation, _replica);
            }
            else if (_standby is not null)
            {
                AdvanceIn(_standby);
            }
            else if (_plan is not null)
            {
                Enter(_plan, _replica);
            }
            else
            {
                _result ??= ResultOf(_replica, [], double.NaN);
                Dispose();
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        return !_isOver;
    }

    /// <summary>Ends the training where it is; where a generation is under way, the others see that this rank has left.</summary>
    public void Dispose()
    {
        _isOver = true;
        LeaveGeneration();
        LeaveStandby();
        _replica?.Dispose();
        _device?.Dispose();
    }

    private void Enter(JobPlan plan, TrainedReplica replica)
    {
        if (plan.NumberOf(_place.Slot) < 0)
        {
            _standby = new StandbyWait(_place, replica, plan.Generation);
            return;
        }

        try
        {
            _generation = new GenerationTraining(_place, replica, plan, _place.Groups.Meet(plan, _meetLimit), _isNew);
        }
        catch (OperationCanceledException)
        {
            _plan = null; // The others reached the end while it was on its way back, or the job is lost.
        }
    }

    private void AdvanceIn(GenerationTraining generation, TrainedReplica replica)
    {
        if (generation.Advance())
        {
            return;
        }

        _plan = generation.Next;
        (_isNew, _meetLimit) = (false, MeetLimit);
        if (generation.FinalMembers is { Length: > 0 } members)
        {
            _result = ResultOf(replica, members, generation.GradientMaxRelativeError);
        }

        LeaveGeneration();
    }

    private void AdvanceIn(StandbyWait standby)
    {
        if (!standby.Advance())
        {
            _plan = standby.Next;
            (_isNew, _meetLimit) = (true, null);
            LeaveStandby();
        }
    }

    private void LeaveGeneration()
    {
        _generation?.Dispose();
        _generation = null;
    }

    private void LeaveStandby()
    {
        _standby?.Dispose();
        _standby = null;
    }

    private RankResult ResultOf(TrainedReplica replica, int[] members, double gradientError) => new(
        _place.Slot, Environment.ProcessId, members, _place.Log.LossFirst, _place.Log.LossLast,
        replica.Model.WeightBits().ToString("x16", CultureInfo.InvariantCulture), gradientError, _place.Log.Seconds, _place.Log.MicroBatches,
        replica.Queue.Waiting.Length, _place.Log.Generations);
}
