using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Agents;

public sealed class AkkaFabricTests : FabricTests
{
    protected override FabricUnderTest Create() => new LoopbackFabric();
}
