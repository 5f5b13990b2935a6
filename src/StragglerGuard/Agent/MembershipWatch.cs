using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Agent;

/// <summary>Waits for a plan of a later generation: the word for a worker that is in no group that could vote.</summary>
internal sealed class MembershipWatch
{
    private readonly TaskCompletionSource<JobPlan> _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Predicate<JobPlan> _concerns;

    /// <param name="concerns">Which plans end the wait.</param>
    public MembershipWatch(Predicate<JobPlan> concerns) => _concerns = concerns;

    /// <summary>Called by the agent for every plan of the job that comes down.</summary>
    public void Hear(JobPlan plan)
    {
        if (_concerns(plan))
        {
            _next.TrySetResult(plan);
        }
    }

    /// <summary>Waits.</summary>
    /// <param name="within">How long.</param>
    /// <param name="cancelled">Ends the wait.</param>
    /// <returns>The plan; null where none came in time.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public JobPlan? Wait(TimeSpan within, CancellationToken cancelled)
    {
        try
        {
            return _next.Task.WaitAsync(within, cancelled).GetAwaiter().GetResult();
        }
        catch (TimeoutException)
        {
            return null;
        }
    }
}
