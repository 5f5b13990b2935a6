using Akka.Actor;
using StragglerGuard.Core;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>The agents that a guardian can tell something, by where they are reached and by node. On a node there may be an agent of each of its
/// processes.</summary>
internal sealed class AgentBook
{
    /// <summary>More are not known at once: names cost memory, and anybody who may speak to a guardian can make some up.</summary>
    private const int AgentsMax = 65_536;

    private readonly Dictionary<IActorRef, (NodeId Node, long HeardNs)> _agents = [];
    private readonly Dictionary<NodeId, List<IActorRef>> _ofNodes = [];

    /// <summary>How many there are.</summary>
    public int Count => _agents.Count;

    /// <summary>All of them.</summary>
    public IReadOnlyCollection<IActorRef> All => _agents.Keys;

    /// <summary>Those of a node.</summary>
    public IReadOnlyList<IActorRef> Of(NodeId node) => _ofNodes.TryGetValue(node, out List<IActorRef>? agents) ? agents : [];

    /// <summary>An agent says hello.</summary>
    /// <param name="agent">Where it is reached.</param>
    /// <param name="node">Its node.</param>
    /// <param name="nowNs">ns, of the clock of <see cref="ForgetSilent"/>.</param>
    /// <returns>False where there are too many to know another one.</returns>
    public bool Hear(IActorRef agent, NodeId node, long nowNs)
    {
        if (_agents.TryGetValue(agent, out (NodeId Node, long HeardNs) known))
        {
            if (known.Node != node)
            {
                RemoveFrom(known.Node, agent);
                AddTo(node, agent);
            }
        }
        else if (_agents.Count < AgentsMax)
        {
            AddTo(node, agent);
        }
        else
        {
            return false;
        }

        _agents[agent] = (node, nowNs);
        return true;
    }

    /// <summary>An agent is gone.</summary>
    public void Remove(IActorRef agent)
    {
        if (_agents.Remove(agent, out (NodeId Node, long HeardNs) known))
        {
            RemoveFrom(known.Node, agent);
        }
    }

    /// <summary>Forgets those that said nothing for too long.</summary>
    public void ForgetSilent(long nowNs, long silentNs)
    {
        foreach (IActorRef silent in _agents.Where(agent => nowNs - agent.Value.HeardNs > silentNs).Select(agent => agent.Key).ToList())
        {
            Remove(silent);
        }
    }

    private void AddTo(NodeId node, IActorRef agent)
    {
        if (!_ofNodes.TryGetValue(node, out List<IActorRef>? agents))
        {
            _ofNodes.Add(node, agents = new List<IActorRef>(1));
        }

        agents.Add(agent);
    }

    private void RemoveFrom(NodeId node, IActorRef agent)
    {
        List<IActorRef> agents = _ofNodes[node];
        agents.Remove(agent);
        if (agents.Count == 0)
        {
            _ofNodes.Remove(node);
        }
    }
}
