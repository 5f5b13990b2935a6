using MixedFleet.Training;
using StragglerGuard.Fabric;

namespace MixedFleet.Launch;

/// <summary>What a rank's process has its training driven by, and reaches the guardian through.</summary>
internal interface IRankEngine : IDisposable
{
    /// <summary>The agent's.</summary>
    IAgentFabric Fabric { get; }

    /// <summary>Trains to the end, on one thread, and disposes of the training there.</summary>
    /// <param name="training">Not begun.</param>
    /// <exception cref="Exception">Whatever the training throws.</exception>
    RankResult Run(RankTraining training);
}

/// <summary>The calling thread.</summary>
/// <param name="fabric">Lives as long as the process.</param>
internal sealed class ThreadEngine(IAgentFabric fabric) : IRankEngine
{
    public IAgentFabric Fabric => fabric;

    public RankResult Run(RankTraining training)
    {
        using (training)
        {
            return training.Run();
        }
    }

    public void Dispose()
    {
        // The agent's way goes with the agent.
    }
}
