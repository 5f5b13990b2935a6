using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StragglerGuard.Actuators.InJob;
using StragglerGuard.AkkaCluster.Health;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Hosting;

/// <summary>Puts a guard over Akka.NET into a generic host.</summary>
public static class StragglerGuardAkka
{
    /// <summary>
    /// Adds a guardian (<see cref="HostedGuardian"/>), or what a node's ranks report through (<see cref="Fabric.IAgentFabric"/>), with an actor
    /// system of its own that starts and stops with the host, and its health check.
    /// </summary>
    /// <param name="services">The host's services. An <see cref="IJobMembership"/> among them is used by the in-job actuator.</param>
    /// <param name="options">The options; <see cref="StragglerGuardOptions.Cluster"/> names the guardians.</param>
    /// <param name="role">What this process is.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="ArgumentException">An option is out of its range, missing or contradicts another; the message names every such option.</exception>
    public static IServiceCollection AddStragglerGuardAkka(this IServiceCollection services, StragglerGuardOptions options, AkkaGuardRole role)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        if (role == AkkaGuardRole.Guardian)
        {
            _ = ClusterSettings.ReadOrThrow(options, ClusterRole.Guardian);
            services.AddSingleton(provider => new HostedGuardian(
                options, provider.GetService<IJobMembership>(), provider.GetRequiredService<ILogger<HostedGuardian>>()));
            services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<HostedGuardian>());
            services.AddHealthChecks().Add(new(
                GuardianHealth.Name, provider => new GuardianHealth(provider.GetRequiredService<HostedGuardian>(), options), failureStatus: null, tags: null));
        }

        return services;
    }
}
