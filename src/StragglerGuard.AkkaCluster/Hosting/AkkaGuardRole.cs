namespace StragglerGuard.AkkaCluster.Hosting;

/// <summary>What a process is to a guard.</summary>
public enum AkkaGuardRole
{
    /// <summary>One of the guardians: <see cref="Guardians.GuardianNode"/>.</summary>
    Guardian = 0,

    /// <summary>A node whose ranks report to the guardian: <see cref="Fabric.IAgentFabric"/>.</summary>
    Agent = 1,
}
