using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Fabric;

public sealed class InProcessFabricTests : FabricTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Fabric_WithoutRoomForAReport_Throws(int pending) =>
        FluentActions.Invoking(() => new InProcessFabric(pending)).Should().Throw<ArgumentOutOfRangeException>();

    [Fact]
    public async Task Report_AfterTheFabricClosed_CountsAsDropped()
    {
        var fabric = new InProcessFabric();
        using var agent = fabric.OpenAgent(new NodeId("node-a"), _ => { });
        await fabric.DisposeAsync();

        agent.Report(Reports.Report(1));

        agent.ReportsDropped.Should().Be(1);
    }

    protected override FabricUnderTest Create() => new OneProcess();

    private sealed class OneProcess : FabricUnderTest
    {
        private readonly InProcessFabric _fabric = new(reportsPending: 128);

        public override IAgentFabric Agents => _fabric;

        public override int ReportsPending => 128;

        public override Task<IGuardianFabric> ServeGuardianAsync() => Task.FromResult<IGuardianFabric>(_fabric);

        public override ValueTask DisposeAsync() => _fabric.DisposeAsync();
    }
}
