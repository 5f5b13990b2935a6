using System.Runtime.ExceptionServices;
using MixedFleet.Launch;
using MixedFleet.Training;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Ranks;
using StragglerGuard.Fabric;

namespace MixedFleet.Cluster.Actors;

/// <summary>The rank is an actor with a thread of its own, in the system that takes its agent's reports to the guardians.</summary>
internal sealed class ActorEngine : IRankEngine
{
    private readonly AkkaAgentFabric _fabric;

    private ActorEngine(AkkaAgentFabric fabric) => _fabric = fabric;

    public IAgentFabric Fabric => _fabric;

    /// <summary>Starts the system.</summary>
    /// <param name="run">The run.</param>
    /// <param name="guardians">All of them.</param>
    public static ActorEngine Start(RunSettings run, string guardians) =>
        new(AkkaAgentFabric.Connect(ClusterOptions.ForClient(run.Options, guardians)));

    public RankResult Run(RankTraining training)
    {
        RankCrew crew = _fabric.RunRanks([new TrainingWork(training)]);
        if (crew.EndOf(0).GetAwaiter().GetResult().Cause is { } cause)
        {
            ExceptionDispatchInfo.Throw(cause);
        }

        return training.Result;
    }

    public void Dispose() => _fabric.DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>A step of the training for every message; the training releases what it holds when it is over.</summary>
    private sealed class TrainingWork(RankTraining training) : IRankWork
    {
        public bool Advance() => training.Advance();
    }
}
