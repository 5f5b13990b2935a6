namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>Names that processes of one cluster must agree on.</summary>
internal static class GuardNames
{
    /// <summary>Every actor system of a cluster bears it.</summary>
    public const string System = "stragglerguard";

    /// <summary>The role of the members that may decide.</summary>
    public const string GuardianRole = "guardian";

    /// <summary>The role of the members that never decide.</summary>
    public const string AgentRole = "agent";

    /// <summary>The singleton's manager, an actor below <c>/user</c>.</summary>
    public const string SingletonManager = "stragglerguard";

    /// <summary>The singleton itself, the manager's child.</summary>
    public const string Singleton = "guardian";

    /// <summary>Where clients come in: what finds the singleton wherever it is, an actor below <c>/user</c> of every guardian.</summary>
    public const string SingletonProxy = "stragglerguard-proxy";

    /// <summary>Where agents that are no members send what the singleton is to hear.</summary>
    public const string SingletonProxyPath = "/user/" + SingletonProxy;

    /// <summary>The dispatcher that gives each actor a thread of its own.</summary>
    public const string RankDispatcher = "stragglerguard.rank-dispatcher";
}
