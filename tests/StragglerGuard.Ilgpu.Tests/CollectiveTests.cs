using System.Numerics;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Tests.Transports;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Ilgpu.Tests;

/// <summary>Collectives whose tensors are on devices with a memory of their own, against the same on the host's processor.</summary>
public sealed class CollectiveTests
{
    private const int World = 3;
    private const int Length = 3_001;
    private const int Seed = 8_809;

    [Fact]
    public void AllReduce_OnSimulatedDevices_EqualsTheHosts()
    {
        Check<float>((communicator, vector) => communicator.AllReduce(vector.All));
        Check<double>((communicator, vector) => communicator.AllReduce(vector.All));
    }

    [Fact]
    public void ReduceScatterThenAllGather_OnSimulatedDevices_EqualsTheHosts() => Check<double>((communicator, vector) =>
    {
        int part = Length / World;
        using DeviceBuffer<double> own = vector.Device.Allocate<double>(part);
        communicator.ReduceScatter(vector.Slice(0, part * World), own.All);
        vector.Device.Scale(own.All, 0.5);
        communicator.AllGather(own.All, vector.Slice(0, part * World));
    });

    [Fact]
    public void Broadcast_OnSimulatedDevices_EqualsTheHosts() =>
        Check<float>((communicator, vector) => communicator.Broadcast(vector.Slice(1, Length - 1), new Rank(1)));

    [Fact]
    public void AllReduce_WithOneRankOnASimulatedDevice_EqualsTheHosts()
    {
        var expected = Run<float>(_ => new CpuDevice(), (communicator, vector) => communicator.AllReduce(vector.All));

        Run<float>(rank => rank == 1 ? Machine.Open(IlgpuBackends.Simulator) : new CpuDevice(), (communicator, vector) => communicator.AllReduce(vector.All))
            .Should().BeEquivalentTo(expected, options => options.WithStrictOrdering());
    }

    private static void Check<T>(Action<Communicator, DeviceBuffer<T>> collective)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var expected = Run(_ => new CpuDevice(), collective);
        var actual = Run(_ => Machine.Open(IlgpuBackends.Simulator), collective);

        // The sums are the host's in both: the same bits.
        for (var rank = 0; rank < World; rank++)
        {
            actual[rank].Should().Equal(expected[rank], "rank {0}, seed {1}", rank, Seed);
        }
    }

    private static T[][] Run<T>(Func<int, IComputeDevice> open, Action<Communicator, DeviceBuffer<T>> collective)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var results = new T[World][];
        RankThreads.Run(InProcessGroup.Create(World, new TransportOptions { ChunkBytes = 4096 }).Transports, transport =>
        {
            int rank = transport.Rank.Value;
            using IComputeDevice device = open(rank);
            using var communicator = new Communicator(transport, device);
            using DeviceBuffer<T> vector = device.Allocate<T>(Length);
            var random = new Random(Seed + rank);
            vector.Upload([.. Enumerable.Range(0, Length).Select(_ => T.CreateChecked((random.NextDouble() * 2) - 1))]);
            collective(communicator, vector);
            results[rank] = new T[Length];
            vector.Download(results[rank]);
        });
        return results;
    }
}
