using Akka.Actor;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Collectives;
using StragglerGuard.Core;

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

    private readonly Dictionary<NodeId, KnownAgent> _agents = [];

    public CoordinatorActor(GuardianPost post)
    {
        Receive<AgentHello>(hello =>
        {
            if (_agents.Count < AgentsMax || _agents.ContainsKey(hello.Node))
            {
                _agents[hello.Node] = new KnownAgent(hello.ReplyTo, MonotonicClock.NowNs());
                post.ShowAgents(_agents.Count);
            }
            else
            {
                post.Instruments.CountRefused("too many agents");
            }
        });
        Receive<AgentGoodbye>(goodbye =>
        {
            _agents.Remove(goodbye.Node);
            post.ShowAgents(_agents.Count);
        });
        Receive<PlanOffered>(plan =>
        {
            foreach (KnownAgent agent in _agents.Values)
            {
                agent.ReplyTo.Tell(plan, Context.Parent);
            }
        });
        Receive<GuardianFarewell>(farewell =>
        {
            foreach (KnownAgent agent in _agents.Values)
            {
                agent.ReplyTo.Tell(farewell, Context.Parent);
            }
        });
        Receive<ForgetSilent>(_ =>
        {
            long nowNs = MonotonicClock.NowNs();
            foreach (NodeId silent in _agents.Where(agent => nowNs - agent.Value.HeardNs > SilentNs).Select(agent => agent.Key).ToList())
            {
                _agents.Remove(silent);
            }

            post.ShowAgents(_agents.Count);
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartPeriodicTimer(nameof(ForgetSilent), ForgetSilent.Instance, LookForSilent);

    private readonly record struct KnownAgent(IActorRef ReplyTo, long HeardNs);

    private sealed class ForgetSilent
    {
        public static readonly ForgetSilent Instance = new();
    }
}
