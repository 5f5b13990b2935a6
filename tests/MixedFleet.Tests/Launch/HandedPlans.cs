using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;

namespace MixedFleet.Tests.Launch;

/// <summary>A fabric without a guardian: plans come when the test says so, or when a rank reports that its group has failed.</summary>
internal sealed class HandedPlans(JobId job) : IAgentFabric
{
    private Action<OfferedPlan>? _onOffer;

    /// <summary>Offered to all once a rank reports a failure of generation 0; null where nothing is.</summary>
    public JobPlan? OnFailure { get; init; }

    public IAgentPort OpenAgent(NodeId node, Action<OfferedPlan> onOffer)
    {
        _onOffer = onOffer;
        return new Port(this);
    }

    /// <summary>The plan is with every rank and standby worker of the agent when this returns.</summary>
    /// <param name="plan">Of the present generation or the next.</param>
    /// <param name="voting">The present one.</param>
    public void Offer(JobPlan plan, Generation voting) => _onOffer!(new OfferedPlan(job, voting, plan));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private sealed class Port(HandedPlans fabric) : IAgentPort
    {
        public long ReportsDropped => 0;

        public long GuardiansMet => 0;

        public void Report(NodeReport report)
        {
            if (fabric.OnFailure is { } plan && report.Ranks.Any(rank => rank.Failure is not null))
            {
                fabric.Offer(plan, new Generation(0));
            }
        }

        public ValueTask<bool> FlushAsync(TimeSpan timeout) => ValueTask.FromResult(true);

        public void Dispose()
        {
        }
    }
}
