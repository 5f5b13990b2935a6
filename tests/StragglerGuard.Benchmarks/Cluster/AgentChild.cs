using System.Globalization;
using StragglerGuard.Agent;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.Core;
using StragglerGuard.Hosting;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>One node's agent, in a process of its own, with nothing to report.</summary>
internal static class AgentChild
{
    /// <summary>The first word of the child's command line.</summary>
    public const string Word = "--agent";

    /// <summary>Runs until its parent has no more to ask.</summary>
    public static async Task<int> ServeAsync(int port)
    {
        AkkaAgentFabric fabric = AkkaAgentFabric.Connect(GuardianChild.ClientOptionsOf(port));
        await using (fabric.ConfigureAwait(false))
        {
            using var agent = new NodeAgent(fabric, new NodeId("idle-node"), new AgentSection());
            await ChildProcess.ServeAsync(() => string.Create(
                CultureInfo.InvariantCulture,
                $"heap {GC.GetTotalMemory(false) / 1e6:0.0} MB, {ThreadPool.ThreadCount} threads of the pool, {GC.CollectionCount(0)} collections"));
        }

        return 0;
    }
}
