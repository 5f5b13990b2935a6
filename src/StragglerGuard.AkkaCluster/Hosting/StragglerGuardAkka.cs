using Akka.Actor;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StragglerGuard.Actuators.InJob;
using StragglerGuard.AkkaCluster.Health;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Hosting;

/// <summary>Puts a guard over Akka.NET into a generic host, or into an actor system that is there already.</summary>
public static class StragglerGuardAkka
{
    /// <summary>
    /// Adds a guardian (<see cref="HostedGuardian"/>), or what a node's ranks report through (<see cref="IAgentFabric"/>), with an actor
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
        else
        {
            _ = ClusterSettings.ReadOrThrow(
                options, options.Cluster.Agents == AgentMembership.Members ? ClusterRole.AgentMember : ClusterRole.AgentClient);
            services.AddSingleton(provider => new HostedAgents(options, provider.GetRequiredService<ILogger<HostedAgents>>()));
            services.AddSingleton<IAgentFabric>(provider => provider.GetRequiredService<HostedAgents>());
            services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<HostedAgents>());
            services.AddHealthChecks().Add(new(
                AgentHealth.Name, provider => new AgentHealth(provider.GetRequiredService<HostedAgents>(), options), failureStatus: null, tags: null));
        }

        return services;
    }

    /// <summary>
    /// Has an actor system that the runner already has carry a guard: its agents report through it, and where it is a member of a cluster with
    /// the role <c>guardian</c> it is one of the guardians, too.
    /// </summary>
    /// <param name="system">
    /// A cluster's member, or a system with remoting, whose agents then are clients of the guardians that the options name. Its own settings win:
    /// failure detection, split-brain resolver, TLS and serializers are as its owner chose; messages of the guard use one serializer of its own.
    /// </param>
    /// <param name="options">
    /// The options. Of <see cref="StragglerGuardOptions.Cluster"/> only the guardians are used, and those by clients. Where several members have
    /// the role, <c>ledger.location</c> must name one ledger that all of them reach: a ledger in memory is each one's own.
    /// </param>
    /// <param name="membership">What the training runner offers for <see cref="Actuators.ActuatorChoice.InJob"/>; null where that is not used.</param>
    /// <returns>What is to be disposed before the system ends. A system that is put out of its cluster is its owner's to start anew.</returns>
    /// <exception cref="ArgumentException">An option is out of its range, or the system can't reach others; the message says which and why.</exception>
    public static EmbeddedAkkaGuard WithStragglerGuard(this ActorSystem system, StragglerGuardOptions options, IJobMembership? membership = null)
    {
        ArgumentNullException.ThrowIfNull(system);
        GuardParts.Check(options, membership);
        return EmbeddedAkkaGuard.Start(system, options, membership);
    }
}
