using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Hosting;

/// <summary>An <see cref="AkkaAgentFabric"/> that ends with its host. It is there before the host starts, so that other services may report through it.</summary>
internal sealed partial class HostedAgents : IAgentFabric, IHostedService
{
    private readonly Lazy<AkkaAgentFabric> _fabric;
    private readonly ILogger<HostedAgents> _log;

    public HostedAgents(StragglerGuardOptions options, ILogger<HostedAgents> log)
    {
        _log = log;
        _fabric = new Lazy<AkkaAgentFabric>(() => AkkaAgentFabric.Connect(options, SayWarning));
    }

    /// <summary>The fabric.</summary>
    public AkkaAgentFabric Fabric => _fabric.Value;

    /// <inheritdoc/>
    public IAgentPort OpenAgent(NodeId node, Action<OfferedPlan> onOffer) => Fabric.OpenAgent(node, onOffer);

    /// <inheritdoc/>
    /// <exception cref="EndpointUnavailableException">The port is taken or the address is not this machine's.</exception>
    public Task StartAsync(CancellationToken cancellationToken) => Task.Run(() => _ = Fabric, cancellationToken);

    /// <summary>Says goodbye, within <see cref="AkkaAgentFabric.EndLimit"/>, or less where the host waits no longer.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => HostPatience.WaitAsync(DisposeAsync().AsTask(), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_fabric.IsValueCreated)
        {
            await Fabric.DisposeAsync().ConfigureAwait(false);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Agents: {Warning}")]
    private partial void SayWarning(string warning);
}
