using Microsoft.Extensions.Diagnostics.HealthChecks;
using StragglerGuard.AkkaCluster.Hosting;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Health;

/// <summary>Whether a guardian takes the reports of this process in.</summary>
internal sealed class AgentHealth(HostedAgents agents, StragglerGuardOptions options) : IHealthCheck
{
    /// <summary>The check's name in the host.</summary>
    public const string Name = "stragglerguard-agent";

    /// <summary>A takeover takes up to ten seconds; a receipt is asked for every two, or with every report where those are rarer.</summary>
    private const double SilentSeconds = 15;

    /// <summary>So long the guardians are down, or can't be reached from here.</summary>
    private const double LostSeconds = 120;

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Judge(agents.Fabric.SinceReceipt, agents.Fabric.Guardian, options.Agent.IntervalMs * 1e-3));

    /// <summary>The judgement, from what is known.</summary>
    /// <param name="sinceReceipt">How long ago a guardian last acknowledged a report; null where none ever did.</param>
    /// <param name="guardian">Which; null where none ever answered.</param>
    /// <param name="intervalSeconds">How often agents report, s.</param>
    internal static HealthCheckResult Judge(TimeSpan? sinceReceipt, string? guardian, double intervalSeconds)
    {
        if (sinceReceipt is not { } since)
        {
            return HealthCheckResult.Degraded(guardian is null
                ? "no guardian has answered yet"
                : $"guardian {guardian} has answered; no report has been acknowledged yet");
        }

        string age = FormattableString.Invariant($"guardian {guardian} acknowledged a report {since.TotalSeconds:0} s ago");
        return since.TotalSeconds > LostSeconds + (2 * intervalSeconds) ? HealthCheckResult.Unhealthy($"{age}: reports are lost, the newest are kept")
            : since.TotalSeconds > SilentSeconds + (2 * intervalSeconds) ? HealthCheckResult.Degraded($"{age}: nobody takes reports in now")
            : HealthCheckResult.Healthy(age);
    }
}
