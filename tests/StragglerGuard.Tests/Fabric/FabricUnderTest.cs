using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Fabric;

/// <summary>Both halves of a fabric, of which the guardian's may come later and go again.</summary>
public abstract class FabricUnderTest : IAsyncDisposable
{
    public abstract IAgentFabric Agents { get; }

    /// <summary>Reports that wait at the agents' side, or wherever the way is jammed, while there is no guardian.</summary>
    public abstract int ReportsPending { get; }

    public abstract Task<IGuardianFabric> ServeGuardianAsync();

    public abstract ValueTask DisposeAsync();
}
