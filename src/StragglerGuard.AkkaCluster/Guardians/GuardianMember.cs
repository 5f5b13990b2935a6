using Akka.Cluster;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>A guardian of the cluster as this process sees it.</summary>
/// <param name="Host">Name or address, without brackets.</param>
/// <param name="Port">1 … 65,535.</param>
/// <param name="Status">Joining, Up, Leaving, Exiting or Down, as the cluster says.</param>
/// <param name="IsReachable">Whether it answers.</param>
/// <param name="IsSelf">Whether it is this process.</param>
/// <param name="IsOldest">Whether it is the one that decides, or will as soon as it has the ledger.</param>
public sealed record GuardianMember(string Host, int Port, string Status, bool IsReachable, bool IsSelf, bool IsOldest)
{
    /// <summary>Where it is reached, as it stands in <c>cluster.guardians</c>.</summary>
    public override string ToString() => $"{EndpointProblems.Shown(Host)}:{Port}";

    /// <summary>Whether it is this one of the options.</summary>
    internal bool Is(ClusterEndpoint guardian) => Port == guardian.Port && EndpointProblems.IsSame(Host, guardian.Host);

    /// <summary>The guardians of a cluster, oldest first.</summary>
    internal static IReadOnlyList<GuardianMember> Of(Cluster cluster)
    {
        ClusterEvent.CurrentClusterState state = cluster.State;
        List<Member> guardians = [.. state.Members.Where(member => member.HasRole(GuardNames.GuardianRole)).Order(Member.AgeOrdering)];
        Member? oldest = guardians.Find(member => member.Status is MemberStatus.Up or MemberStatus.Leaving);
        return
        [
            .. guardians.Select(member => new GuardianMember(
                (member.Address.Host ?? "").Trim('[', ']'), member.Address.Port ?? 0, member.Status.ToString(), !state.Unreachable.Contains(member),
                member.UniqueAddress == cluster.SelfUniqueAddress, member == oldest)),
        ];
    }
}
