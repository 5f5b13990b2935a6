using System.Globalization;
using StragglerGuard.Agent;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.Core;
using StragglerGuard.Hosting;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>One node's agent, in a process of its own: with nothing to report, or with ranks that take a step a second.</summary>
internal static class AgentChild
{
    /// <summary>The first word of the child's command line.</summary>
    public const string Word = "--agent";

    /// <summary>Runs until its parent has no more to ask.</summary>
    /// <param name="port">The guardian's.</param>
    /// <param name="ranks">Of the node; 0 for none.</param>
    public static async Task<int> ServeAsync(int port, int ranks)
    {
        AkkaAgentFabric fabric = AkkaAgentFabric.Connect(GuardianChild.ClientOptionsOf(port));
        await using (fabric.ConfigureAwait(false))
        {
            var node = new NodeId("idle-node");
            using var agent = new NodeAgent(fabric, node, new AgentSection());
            using LeisurelyRanks? job = ranks > 0 ? new LeisurelyRanks(agent, node, ranks) : null;
            await ChildProcess.ServeAsync(() => string.Create(
                CultureInfo.InvariantCulture,
                $"{(job is null ? "" : $"step {job.Step} of {ranks} ranks, ")}heap {GC.GetTotalMemory(false) / 1e6:0.0} MB, "
                + $"{ThreadPool.ThreadCount} threads of the pool, {GC.CollectionCount(0)} collections"));
        }

        return 0;
    }
}
