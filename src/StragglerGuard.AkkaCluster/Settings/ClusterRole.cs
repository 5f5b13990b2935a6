namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>What a process is to its cluster.</summary>
internal enum ClusterRole
{
    /// <summary>A member that may decide.</summary>
    Guardian = 0,

    /// <summary>Reports to whichever guardian answers; no member.</summary>
    AgentClient = 1,

    /// <summary>A member that reports.</summary>
    AgentMember = 2,

    /// <summary>Asks whoever decides, and gives orders; no member.</summary>
    ControlClient = 3,
}
