using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Recording;

namespace StragglerGuard.Tests.Agent;

public sealed class LargeJobTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(1_001)]
    [InlineData(1_002)]
    [InlineData(20_000)]
    public void Plan_ForAnyNumberOfRanks_FitsTheControlPage(int worldSize)
    {
        var fabric = new HandDelivery();
        using var device = new CpuDevice();
        using var transport = new LonelyEnd(worldSize);
        using var communicator = new Communicator(transport, device, new CommunicatorOptions { SmallBytesMax = 0 });
        using var agent = new NodeAgent(fabric, new NodeId("node"), new AgentSection { IntervalMs = 60_000 });
        using RankGuard guard = agent.Join(
            RankEnrollment.DataParallel(new JobId("job"), new NodeId("node"), new DeviceClass("H100"), communicator, 2 * worldSize),
            communicator);
        int[] deal = EvenDeal.Of(2 * worldSize, worldSize);

        fabric.Deliver(new OfferedPlan(new JobId("job"), new Generation(0), new JobPlan(new PlanEpoch(1), default, deal)));

        guard.RefusedOffers.Should().Be(0);
        var copied = new byte[guard.Ring.Control.Capacity];
        guard.Ring.Control.TryRead(default, copied, out PlanEpoch epoch, out int length).Should().Be(ControlRead.Copied);
        epoch.Should().Be(new PlanEpoch(1));
        JobPlan.TryRead(copied.AsSpan(0, length), out JobPlan? read, out _).Should().BeTrue();
        read!.Shares.ToArray().Should().Equal(deal);
    }

    /// <summary>One end of a group as large as the test wants; nothing is ever moved.</summary>
    private sealed class LonelyEnd(int worldSize) : ITransport
    {
        public Rank Rank => new(0);

        public int WorldSize => worldSize;

        public CancellationToken Aborted => CancellationToken.None;

        public void Enter(CollectiveStamp stamp) => throw new NotSupportedException();

        public void Leave() => throw new NotSupportedException();

        public void Send(Rank to, ReadOnlySpan<byte> message) => throw new NotSupportedException();

        public void Receive(Rank from, Span<byte> message) => throw new NotSupportedException();

        public void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, Span<byte> received) => throw new NotSupportedException();

        public void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, int receivedBytes, IChunkReceiver receiver) =>
            throw new NotSupportedException();

        public void Abort(string reason) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
