using StragglerGuard.Agent;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;

namespace MixedFleet.Training;

/// <summary>A slot that is in no group: it waits for a plan that takes it in, and tells now and then how fast it is.</summary>
internal sealed class StandbyWait : IDisposable
{
    private const int TrialMicroBatches = 3;

    /// <summary>Between two trials: often enough to be seen getting well, rare enough to be no load.</summary>
    private static readonly TimeSpan TrialPause = TimeSpan.FromMilliseconds(200);

    private readonly RankPlace _place;
    private readonly StandbyGuard _guard;
    private readonly PaceTrial _trial;

    /// <summary>Begins to wait.</summary>
    /// <param name="place">Whose.</param>
    /// <param name="replica">What trials are made with.</param>
    /// <param name="left">The generation that has no share for the slot.</param>
    public StandbyWait(RankPlace place, TrainedReplica replica, Generation left)
    {
        _place = place;
        place.Groups.StandBy();
        _guard = place.Groups.Agent.StandBy(
            new StandbyReport(
                place.Settings.Job, place.Slot, place.Settings.WorldSize, place.Worker, place.DeviceClass, SecondsPerUnit: null),
            left);
        _trial = new PaceTrial(replica.Accumulator, place.Pace);
    }

    /// <summary>The plan that takes the slot in; null while there is none, and where the job has ended.</summary>
    public JobPlan? Next { get; private set; }

    /// <summary>Makes a trial, and waits a moment.</summary>
    /// <returns>Whether there is still something to wait for.</returns>
    public bool Advance()
    {
        CancellationToken over = _place.Groups.Over;
        try
        {
            if (_trial.SecondsPerMicroBatch(TrialMicroBatches, _place.FactorAt(Math.Max(0, _place.Groups.LastStep)), over) is { } seconds)
            {
                _guard.Tried(seconds);
            }

            Next = _guard.AwaitPlan(TrialPause, over);
            return Next is null;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public void Dispose() => _guard.Dispose();
}
