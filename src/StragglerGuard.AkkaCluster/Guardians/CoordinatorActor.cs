using Akka.Actor;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Collectives;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>The way down: knows the agents that say hello, and hands each plan to all of them. Whoever is silent is forgotten.</summary>
/// <remarks>
/// A plan that is lost on its way is offered again by the guardian until it is in force. Agents aren't watched: a watch would cost a
/// heartbeat to each of thousands of machines, and a plan that is told to one that is gone costs nothing.
/// </remarks>
internal sealed class CoordinatorActor : ReceiveActor, IWithTimers
{
    /// <summary>A hello comes every ten seconds at the latest; behind a backlog of reports it may take a while to be read.</summary>
    private const long SilentNs = 120_000_000_000;

    /// <summary>More are not known at once: names cost memory, and anybody who may speak to a guardian can make some up.</summary>
    private const int AgentsMax = 65_536;

    private static readonly TimeSpan LookForSilent = TimeSpan.FromSeconds(5);

    /// <summary>By where they are reached, and when they said hello last, ns: on a node there may be an agent of each of its processes.</summary>
    private readonly Dictionary<IActorRef, long> _agents = [];

    public CoordinatorActor(GuardianPost post)
    {
        Receive<AgentHello>(hello =>
        {
            if (_agents.Count < AgentsMax || _agents.ContainsKey(hello.ReplyTo))
            {
                _agents[hello.ReplyTo] = MonotonicClock.NowNs();
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
            foreach (IActorRef agent in _agents.Keys)
            {
                agent.Tell(order.Message, Context.Parent);
            }
        });
        Receive<ForgetSilent>(_ =>
        {
            long nowNs = MonotonicClock.NowNs();
            foreach (IActorRef silent in _agents.Where(agent => nowNs - agent.Value > SilentNs).Select(agent => agent.Key).ToList())
            {
                _agents.Remove(silent);
            }

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

    private sealed class ForgetSilent
    {
        public static readonly ForgetSilent Instance = new();
    }
}
