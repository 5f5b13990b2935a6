using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StragglerGuard.Actuators.InJob;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.Hosting;
using StragglerGuard.Telemetry;

namespace StragglerGuard.AkkaCluster.Hosting;

/// <summary>
/// A <see cref="GuardianNode"/> that starts and stops with its host, which takes care of SIGTERM, and says in the host's log what it does.
/// </summary>
public sealed partial class HostedGuardian : IHostedService, IAsyncDisposable
{
    private readonly StragglerGuardOptions _options;
    private readonly IJobMembership? _membership;
    private readonly ILogger<HostedGuardian> _log;
    private volatile GuardianNode? _node;
    private MetricsEndpoint? _metrics;

    internal HostedGuardian(StragglerGuardOptions options, IJobMembership? membership, ILogger<HostedGuardian> log) =>
        (_options, _membership, _log) = (options, membership, log);

    /// <summary>The guardian; null before the host has started and after it has stopped.</summary>
    public GuardianNode? Node => _node;

    /// <summary>Where the metrics page is; null where the options name no port.</summary>
    public MetricsEndpoint? Metrics => _metrics;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">An option is out of its range, missing or contradicts another; the message names every such option.</exception>
    /// <exception cref="EndpointUnavailableException">A port is taken or an address is not this machine's.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        GuardianNode node = await GuardianNode.StartAsync(_options, _membership).ConfigureAwait(false);
        node.StandingChanged += SayStanding;
        node.Complained += SayComplaint;
        node.EngineWarned += SayWarning;
        _node = node;
        SayStanding(node.Standing);
        _metrics = await node.ServeMetricsAsync().ConfigureAwait(false);
    }

    /// <summary>Leaves in order, within <see cref="GuardianNode.EndLimit"/>, or less where the host waits no longer.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => HostPatience.WaitAsync(DisposeAsync().AsTask(), cancellationToken);

    /// <summary>Leaves in order, where the host has not had it do so.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (Interlocked.Exchange(ref _metrics, null) is { } metrics)
            {
                await metrics.DisposeAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            if (Interlocked.Exchange(ref _node, null) is { } node)
            {
                await node.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Guardian: {Standing}")]
    private partial void SayStanding(GuardianStanding standing);

    [LoggerMessage(2, LogLevel.Warning, "Guardian: {Complaint}")]
    private partial void SayComplaint(string complaint);

    [LoggerMessage(3, LogLevel.Debug, "{Warning}")]
    private partial void SayWarning(string warning);
}
