using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;

namespace StragglerGuard.Agent;

/// <summary>
/// The guard of a worker that is in no group: one that was evicted, or a spare. It tells the guardian how fast the worker is, and waits for
/// a plan that takes it into the job.
/// </summary>
/// <remarks>Of a plan that takes it in the worker hears before the members have voted for it: it goes to meet them, and waits there.</remarks>
public sealed class StandbyGuard : IDisposable
{
    private readonly NodeAgent _agent;
    private readonly MembershipWatch _taken;
    private StandbyReport _report;

    internal StandbyGuard(NodeAgent agent, StandbyReport report, int leftGeneration)
    {
        _agent = agent;
        _report = report;
        _taken = new MembershipWatch(plan =>
            plan.Slots == report.Slots && plan.Generation.Value > leftGeneration && plan.NumberOf(report.Slot) >= 0);
    }

    internal StandbyReport Report => Volatile.Read(ref _report);

    /// <summary>Tells how long a micro-batch of the job takes the worker now.</summary>
    /// <param name="secondsPerUnit">s, finite, above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public void Tried(double secondsPerUnit)
    {
        if (!(secondsPerUnit > 0 && double.IsFinite(secondsPerUnit)))
        {
            throw new ArgumentOutOfRangeException(nameof(secondsPerUnit), secondsPerUnit, "A finite number above 0.");
        }

        Volatile.Write(ref _report, _report with { SecondsPerUnit = secondsPerUnit });
        _agent.Hurry();
    }

    /// <summary>Waits to be taken into the job.</summary>
    /// <param name="within">How long.</param>
    /// <param name="cancelled">Ends the wait.</param>
    /// <returns>A plan with a share for the worker; null where none came in time.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public JobPlan? AwaitPlan(TimeSpan within, CancellationToken cancelled) => _taken.Wait(within, cancelled);

    /// <summary>Waits no longer.</summary>
    public void Dispose() => _agent.Leave(this);

    internal void Hear(JobPlan plan) => _taken.Hear(plan);
}
