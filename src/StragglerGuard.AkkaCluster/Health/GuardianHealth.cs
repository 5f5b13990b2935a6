using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Hosting;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Health;

/// <summary>
/// Whether this process does its part as a guardian. Healthy: it decides, or stands by for one that does, and all guardians are there.
/// Degraded: it does, but the next loss may be one too many, or it is on its way. Unhealthy: it can't, and somebody should look.
/// </summary>
internal sealed class GuardianHealth(HostedGuardian guardian, StragglerGuardOptions options) : IHealthCheck
{
    /// <summary>The check's name in the host.</summary>
    public const string Name = "stragglerguard-guardian";

    /// <summary>Joining takes some seconds, and after a partition as long as that lasts.</summary>
    private static readonly TimeSpan JoiningMax = TimeSpan.FromSeconds(30);

    /// <summary>So long before its end somebody is told of a certificate: restarting a guardian takes the renewed one.</summary>
    private static readonly TimeSpan ExpiresSoon = TimeSpan.FromDays(7);

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(guardian.Node is { } node
            ? WithCertificate(
                Judge(node.Standing, node.InStanding, node.Trouble, node.Members, options.Cluster.GuardianEndpoints), node.CertificateExpires,
                TimeProvider.System.GetUtcNow())
            : HealthCheckResult.Unhealthy("the guardian has not started, or has left"));

    /// <summary>A judgement with what is to be said of the certificate.</summary>
    internal static HealthCheckResult WithCertificate(HealthCheckResult judged, DateTimeOffset? expires, DateTimeOffset nowUtc) =>
        expires is not { } end || end - nowUtc > ExpiresSoon ? judged
        : new HealthCheckResult(
            judged.Status < HealthStatus.Degraded ? judged.Status : HealthStatus.Degraded,
            string.Create(CultureInfo.InvariantCulture, $"{judged.Description}; its certificate {(end > nowUtc ? "expires" : "expired")} at {end.UtcDateTime:u}"));

    /// <summary>The judgement, from what is known.</summary>
    /// <param name="standing">Where the process stands.</param>
    /// <param name="since">For how long.</param>
    /// <param name="trouble">What keeps it from deciding or from writing; null where nothing does.</param>
    /// <param name="members">The guardians of its cluster.</param>
    /// <param name="all">Those that there should be.</param>
    internal static HealthCheckResult Judge(
        GuardianStanding standing, TimeSpan since, string? trouble, IReadOnlyList<GuardianMember> members, IReadOnlyList<ClusterEndpoint> all)
    {
        switch (standing)
        {
            case GuardianStanding.Left:
                return HealthCheckResult.Unhealthy("it has left the other guardians");
            case GuardianStanding.Joining when since > JoiningMax:
                return HealthCheckResult.Unhealthy(FormattableString.Invariant($"it has looked for the other guardians for {since.TotalSeconds:0} s"));
            case GuardianStanding.Joining:
                return HealthCheckResult.Degraded("it looks for the other guardians");
            case GuardianStanding.Claiming or GuardianStanding.Deciding when trouble is not null:
                return HealthCheckResult.Unhealthy($"nothing is decided: {trouble}");
            case GuardianStanding.Claiming:
                return HealthCheckResult.Degraded("it takes the ledger over");
        }

        GuardianMember? oldest = members.FirstOrDefault(member => member.IsOldest);
        if (standing == GuardianStanding.StandingBy && oldest is null or { IsSelf: true })
        {
            // For a moment where the one before has just gone; where it lasts there is no guardian although nobody is missing.
            return HealthCheckResult.Degraded(oldest is null ? "it stands by; nobody decides" : "it is the one that is to decide, and does not yet");
        }

        string here = standing == GuardianStanding.Deciding ? "it decides" : $"it stands by; {oldest} decides";
        List<string> silent = [.. members.Where(member => !member.IsReachable).Select(member => member.ToString())];
        List<string> missing = [.. all.Where(guardian => !members.Any(member => member.Is(guardian)))
            .Select(guardian => $"{EndpointProblems.Shown(guardian.Host)}:{guardian.Port}")];
        string gone = string.Join("; ", [
            .. silent.Count > 0 ? [$"can't be reached: {string.Join(", ", silent)}"] : (string[])[],
            .. missing.Count > 0 ? [$"not there: {string.Join(", ", missing)}"] : (string[])[],
        ]);
        return gone.Length == 0 ? HealthCheckResult.Healthy(here) : HealthCheckResult.Degraded($"{here}; {gone}");
    }
}
