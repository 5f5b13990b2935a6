using Microsoft.Extensions.Diagnostics.HealthChecks;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Hosting;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Health;

/// <summary>
/// Whether a guardian takes the reports of this process in. Of several agents the worst off counts; one that has nothing to report is well
/// where a guardian answers it.
/// </summary>
internal sealed class AgentHealth(HostedAgents agents, StragglerGuardOptions options) : IHealthCheck
{
    /// <summary>The check's name in the host.</summary>
    public const string Name = "stragglerguard-agent";

    /// <summary>A takeover takes up to ten seconds; a receipt is asked for every two, or with every report where those are rarer.</summary>
    private const double SilentSeconds = 15;

    /// <summary>So long the guardians are down, or can't be reached from here.</summary>
    private const double LostSeconds = 120;

    /// <summary>An agent that has nothing to report says hello this often, and one hello or its answer may get lost.</summary>
    private const double UnansweredSeconds = 2 * ReportWindow.KeepingNs * 1e-9;

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Judge(agents.Fabric.Standings(), agents.Fabric.ReportsDropped, options.Agent.IntervalMs * 1e-3));

    /// <summary>The judgement, from what is known.</summary>
    /// <param name="standings">Of the agents that haven't ended.</param>
    /// <param name="dropped">Reports that never were sent.</param>
    /// <param name="intervalSeconds">How often agents report, s.</param>
    internal static HealthCheckResult Judge(IReadOnlyList<AgentStanding> standings, long dropped, double intervalSeconds)
    {
        (HealthStatus status, string words) = standings.Count == 0
            ? (HealthStatus.Healthy, "there is no agent")
            : standings.Select(agent => Judge(agent, intervalSeconds)).MinBy(judged => judged.Status);
        return new HealthCheckResult(status, dropped == 0 ? words : FormattableString.Invariant($"{words}; {dropped} reports were dropped so far"));
    }

    private static (HealthStatus Status, string Words) Judge(AgentStanding agent, double intervalSeconds)
    {
        if (agent.Unacknowledged is { TotalSeconds: var waiting } && waiting > SilentSeconds + (2 * intervalSeconds))
        {
            string lack = FormattableString.Invariant($"{agent.Node} has reported for {waiting:0} s, and ")
                + (agent.Guardian is null ? "no guardian has answered" : $"guardian {agent.Guardian} has acknowledged none of it");
            return waiting > LostSeconds + (2 * intervalSeconds)
                ? (HealthStatus.Unhealthy, $"{lack}: reports are lost, the newest are kept")
                : (HealthStatus.Degraded, $"{lack}: nobody takes reports in now");
        }

        if (agent.SinceWelcome is not { TotalSeconds: var since })
        {
            return (HealthStatus.Degraded, $"no guardian has answered {agent.Node} yet");
        }

        string last = FormattableString.Invariant($"guardian {agent.Guardian} answered {agent.Node} {since:0} s ago");
        return agent.Unacknowledged is not null || since <= UnansweredSeconds ? (HealthStatus.Healthy, last)
            : since <= LostSeconds ? (HealthStatus.Degraded, $"{last}: none does now")
            : (HealthStatus.Unhealthy, $"{last}: none can be reached");
    }
}
