using Akka.Actor;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Collectives;
using StragglerGuard.Core;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>The way down: knows the agents that say hello, and hands each plan to those of the nodes that it is for. Whoever is silent is forgotten.</summary>
/// <remarks>
/// A plan that is lost on its way is offered again by the guardian until it is in force. Agents aren't watched: a watch would cost a
/// heartbeat to each of thousands of machines, and a plan that is told to one that is gone costs nothing.
/// </remarks>
internal sealed class CoordinatorActor : ReceiveActor, IWithTimers
{
    /// <summary>A hello comes every ten seconds at the latest; behind a backlog of reports it may take a while to be read.</summary>
    private const long SilentNs = 120_000_000_000;

    private static readonly TimeSpan LookForSilent = TimeSpan.FromSeconds(5);

    private readonly AgentBook _agents = new();

    public CoordinatorActor(GuardianPost post)
    {
        Receive<AgentHello>(hello =>
        {
            if (_agents.Hear(hello.ReplyTo, hello.Node, MonotonicClock.NowNs()))
            {
                post.ShowAgents(_agents.Count);
            }
            else
            {
                post.Instruments.CountRefused("too many agents");
            }
        });
        Receive<AgentGoodbye>(goodbye =>
        {
            _agents.Remove(goodbye.ReplyTo);
            post.ShowAgents(_agents.Count);
        });
        Receive<ToEveryAgent>(order =>
        {
            foreach (IActorRef agent in _agents.All)
            {
                agent.Tell(order.Message, Context.Parent);
            }
        });
        Receive<ToNodes>(order =>
        {
            foreach (NodeId node in order.Nodes)
            {
                foreach (IActorRef agent in _agents.Of(node))
                {
                    agent.Tell(order.Plan, Context.Parent);
                }
            }
        });
        Receive<ForgetSilent>(_ =>
        {
            _agents.ForgetSilent(MonotonicClock.NowNs(), SilentNs);
            post.ShowAgents(_agents.Count);
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartPeriodicTimer(nameof(ForgetSilent), ForgetSilent.Instance, LookForSilent);

    /// <summary>
    /// The order to hand a message to all agents. No message of the fabric is one by itself: it can't be given from another process, nor by an
    /// agent that gives this actor's address for its own.
    /// </summary>
    /// <param name="Message">What they are told.</param>
    internal sealed record ToEveryAgent(IFabricMessage Message) : INoSerializationVerificationNeeded;

    /// <summary>The order to hand a plan to the agents of some nodes; as little a message of the fabric as the other.</summary>
    /// <param name="Plan">What they are told.</param>
    /// <param name="Nodes">Whose agents; nobody changes it.</param>
    internal sealed record ToNodes(PlanOffered Plan, IReadOnlySet<NodeId> Nodes) : INoSerializationVerificationNeeded;

    private sealed class ForgetSilent
    {
        public static readonly ForgetSilent Instance = new();
    }
}
