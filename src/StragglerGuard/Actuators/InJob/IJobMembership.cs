using StragglerGuard.Core;

namespace StragglerGuard.Actuators.InJob;

/// <summary>What a runner can do with the workers of its job.</summary>
[Flags]
public enum JobMembershipAbilities
{
    /// <summary>Nothing: it only tells who is there.</summary>
    None = 0,

    /// <summary>It can end a worker, a hung one too.</summary>
    EndWorker = 1,

    /// <summary>It can start a worker that is not in the job, as a standby that joins with the next membership.</summary>
    StartWorker = 2,

    /// <summary>It can assign a worker to a pool.</summary>
    AssignPool = 4,
}

/// <summary>One worker as its runner sees it.</summary>
/// <param name="Worker">Which.</param>
/// <param name="IsRunning">Whether it runs: as a member of the job or as a standby.</param>
/// <param name="Reason">Why it doesn't run: what was given to <see cref="IJobMembership.EndAsync"/>, unchanged, or the runner's own words; empty where it runs.</param>
/// <param name="Pool">The pool it is assigned to; null: none.</param>
public sealed record JobWorker(WorkerId Worker, bool IsRunning, string Reason, string? Pool);

/// <summary>
/// What a training runner with a guard inside offers: its workers, and as much control over them as it has. Memberships change by the
/// job's own vote; this is for what a vote can't do, such as ending a worker that hangs.
/// </summary>
/// <remarks>Called from the guard's flow, one call at a time; a call must not wait for the guard.</remarks>
public interface IJobMembership
{
    /// <summary>What this runner can do; what it can't is never asked.</summary>
    JobMembershipAbilities Abilities { get; }

    /// <summary>All workers that the runner knows, those that it ended too.</summary>
    IReadOnlyList<JobWorker> Workers { get; }

    /// <summary>Ends a worker that runs.</summary>
    /// <param name="worker">Which.</param>
    /// <param name="reason">Why; to be shown as <see cref="JobWorker.Reason"/> from then on.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How it went. <see cref="ActuationStatus.Done"/> only where the worker runs no more.</returns>
    ValueTask<ActuationOutcome> EndAsync(WorkerId worker, string reason, CancellationToken cancellationToken);

    /// <summary>Starts a worker that doesn't run, as a standby.</summary>
    /// <param name="worker">Which.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How it went.</returns>
    ValueTask<ActuationOutcome> StartAsync(WorkerId worker, CancellationToken cancellationToken);

    /// <summary>Assigns a worker to a pool.</summary>
    /// <param name="worker">Which.</param>
    /// <param name="pool">Where to.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How it went.</returns>
    ValueTask<ActuationOutcome> AssignAsync(WorkerId worker, string pool, CancellationToken cancellationToken);
}
