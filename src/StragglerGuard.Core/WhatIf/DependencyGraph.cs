using System.Runtime.InteropServices;

namespace StragglerGuard.Core.WhatIf;

/// <summary>
/// What waits for what in one step of one replica, as nodes in an order in which they can be evaluated. A node is one operation, or the operations that
/// finish together: the two ends of a transfer, a collective of several stages.
/// </summary>
internal sealed class DependencyGraph
{
    private DependencyGraph(int[] dependencyStarts, int[] dependencies, int[] memberStarts, int[] members, bool[] waitsForReplicas)
    {
        DependencyStarts = dependencyStarts;
        Dependencies = dependencies;
        MemberStarts = memberStarts;
        Members = members;
        WaitsForReplicas = waitsForReplicas;
    }

    public int NodeCount => WaitsForReplicas.Length;

    /// <summary>Node n depends on the operations <see cref="Dependencies"/>[this[n] … this[n + 1] − 1].</summary>
    public int[] DependencyStarts { get; }

    public int[] Dependencies { get; }

    /// <summary>Node n is made of the operations <see cref="Members"/>[this[n] … this[n + 1] − 1].</summary>
    public int[] MemberStarts { get; }

    public int[] Members { get; }

    /// <summary>By node: whether it ends only when all replicas have come to it.</summary>
    public bool[] WaitsForReplicas { get; }

    public ReadOnlySpan<int> DependenciesOf(int node) => Dependencies.AsSpan(DependencyStarts[node]..DependencyStarts[node + 1]);

    public ReadOnlySpan<int> MembersOf(int node) => Members.AsSpan(MemberStarts[node]..MemberStarts[node + 1]);

    /// <summary>Puts groups of operations into an order in which each comes after all that it depends on.</summary>
    /// <param name="waits">By operation: the operations that it waits for.</param>
    /// <param name="groupOf">By operation: its group, 0 … <paramref name="groups"/> − 1.</param>
    /// <param name="groups">How many groups there are.</param>
    /// <param name="waitsForReplicas">By group.</param>
    /// <returns>The graph, or null where operations wait for each other in a circle.</returns>
    public static DependencyGraph? Order(List<int>[] waits, int[] groupOf, int groups, bool[] waitsForReplicas)
    {
        var members = new List<int>[groups];
        var dependencies = new SortedSet<int>[groups];
        var followers = new List<int>[groups];
        int[] open = new int[groups];
        for (int group = 0; group < groups; group++)
        {
            members[group] = [];
            dependencies[group] = [];
            followers[group] = [];
        }

        for (int operation = 0; operation < groupOf.Length; operation++)
        {
            members[groupOf[operation]].Add(operation);
            dependencies[groupOf[operation]].UnionWith(waits[operation]);
        }

        for (int group = 0; group < groups; group++)
        {
            foreach (int before in dependencies[group].Select(operation => groupOf[operation]).Distinct())
            {
                followers[before].Add(group);
                open[group]++;
            }
        }

        var order = new List<int>(groups);
        for (int group = 0; group < groups; group++)
        {
            if (open[group] == 0)
            {
                order.Add(group);
            }
        }

        for (int i = 0; i < order.Count; i++)
        {
            foreach (int follower in followers[order[i]])
            {
                if (--open[follower] == 0)
                {
                    order.Add(follower);
                }
            }
        }

        return order.Count < groups ? null : Flatten(order, dependencies, members, waitsForReplicas);
    }

    private static DependencyGraph Flatten(
        List<int> order, SortedSet<int>[] dependencies, List<int>[] members, bool[] waitsForReplicas)
    {
        int[] dependencyStarts = new int[order.Count + 1];
        int[] memberStarts = new int[order.Count + 1];
        bool[] waits = new bool[order.Count];
        var allDependencies = new List<int>();
        var allMembers = new List<int>();
        for (int node = 0; node < order.Count; node++)
        {
            allDependencies.AddRange(dependencies[order[node]]);
            allMembers.AddRange(members[order[node]]);
            dependencyStarts[node + 1] = allDependencies.Count;
            memberStarts[node + 1] = allMembers.Count;
            waits[node] = waitsForReplicas[order[node]];
        }

        return new DependencyGraph(
            dependencyStarts,
            CollectionsMarshal.AsSpan(allDependencies).ToArray(),
            memberStarts,
            CollectionsMarshal.AsSpan(allMembers).ToArray(),
            waits);
    }
}
