using System.Numerics;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Tests.Transports;
using StragglerGuard.Collectives.Transports;

namespace StragglerGuard.Ilgpu.Tests;

/// <summary>All-reduces whose sums are formed on the accelerators of one node, against the same on the host's processor.</summary>
public sealed class DeviceRingTests
{
    private const int Seed = 515_041;

    // Chunks so small that a part is several.
    private static readonly CommunicatorOptions Chunky = new() { SmallBytesMax = 64, DeviceChunkBytes = 1024 };
    private static readonly int[] Lengths = [0, 1, 17, 256, 1009, 3001];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void AllReduce_OnSimulatorsThatReachEachOther_EqualsTheHosts(int size)
    {
        Check<float>(size, _ => Machine.Open(IlgpuBackends.Simulator), isClose: (x, y) => x == y);
        Check<double>(size, _ => Machine.Open(IlgpuBackends.Simulator), isClose: (x, y) => x == y);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void AllReduce_OnSimulatorsThatDont_GoesThroughPageLockedMemoryAndEqualsTheHosts(int size)
    {
        using var apart = new SimulatorsApart(size);
        apart.Open(0).CanRead(apart.Open(1)).Should().BeFalse("each has a platform of its own");

        Check<float>(size, apart.Open, isClose: (x, y) => x == y);
        Check<double>(size, apart.Open, isClose: (x, y) => x == y);
    }

    /// <summary>ILGPU's accelerators tell each other of their end under their own lock: two in there at the same time wait for ever.</summary>
    [Fact]
    public void Devices_ThatReadEachOther_CanBeClosedAtTheSameTime()
    {
        using var bothEnding = new Barrier(2);
        IlgpuDevice[] devices = [Machine.Open(IlgpuBackends.Simulator), Machine.Open(IlgpuBackends.Simulator)];
        foreach (IlgpuDevice device in devices)
        {
            // Before those of the peers. Where the ends come one after the other, as they should, nobody comes to meet the first.
            device.Accelerator.Disposed += (_, _) => bothEnding.SignalAndWait(TimeSpan.FromMilliseconds(200));
        }

        devices[0].CanRead(devices[1]).Should().BeTrue();
        devices[1].CanRead(devices[0]).Should().BeTrue();

        RankThreads.Run(2, rank => devices[rank].Dispose());
    }

    [DeviceTheory(IlgpuBackends.Cuda)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void AllReduce_OnGpusRoundRobin_EqualsTheHosts(int size) => CheckGpus(IlgpuBackends.Cuda, size);

    [DeviceTheory(IlgpuBackends.OpenCL)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void AllReduce_OnOpenCLRoundRobin_EqualsTheHosts(int size) => CheckGpus(IlgpuBackends.OpenCL, size);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SteadyState_AllReduceOnSimulators_AllocatesNothingButTheSimulatorsLaunches(bool reach)
    {
        using var apart = new SimulatorsApart(3);

        // 2 steps of one part in three chunks each: a launch is an addition.
        const int Launches = 2 * 3;
        BytesPerAllReduce(3, 2000, rank => reach ? Machine.Open(IlgpuBackends.Simulator) : apart.Open(rank))
            .Should().BeLessThanOrEqualTo(Launches * SimulatorDeviceTests.AllocatedBytesPerLaunch);
    }

    [DeviceFact(IlgpuBackends.Cuda)]
    public void SteadyState_AllReduceOnGpus_AllocatesNothing() => BytesPerAllReduce(3, 2000, rank => Gpu(IlgpuBackends.Cuda, rank)).Should().Be(0);

    private static void CheckGpus(IlgpuBackends backend, int size)
    {
        Check<float>(size, rank => Gpu(backend, rank), isClose: (x, y) => Math.Abs(x - y) <= 1e-6f * size);
        Check<double>(size, rank => Gpu(backend, rank), isClose: (x, y) => Math.Abs(x - y) <= 1e-15 * size);
    }

    private static IlgpuDevice Gpu(IlgpuBackends backend, int rank)
    {
        var gpus = Machine.Platform.Devices.Where(device => device.Backend == backend).ToList();
        return Machine.Platform.CreateDevice(gpus[rank % gpus.Count]);
    }

    private static double BytesPerAllReduce(int size, int length, Func<int, IlgpuDevice> open)
    {
        const int Rounds = 20;
        var most = 0L;
        OnRanks(size, open, (communicator, device) =>
        {
            using var x = device.Allocate<float>(length);
            for (var i = 0; i < 20; i++)
            {
                communicator.AllReduce(x.All);
            }

            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < Rounds; i++)
            {
                communicator.AllReduce(x.All);
            }

            InterlockedMax(ref most, GC.GetAllocatedBytesForCurrentThread() - before);
        });
        return (double)most / Rounds;
    }

    private static void InterlockedMax(ref long most, long value)
    {
        for (var seen = Volatile.Read(ref most); value > seen; seen = Volatile.Read(ref most))
        {
            if (Interlocked.CompareExchange(ref most, value, seen) == seen)
            {
                return;
            }
        }
    }

    private static void Check<T>(int size, Func<int, IComputeDevice> open, Func<T, T, bool> isClose)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var expected = Results<T>(size, _ => new CpuDevice());
        var actual = Results<T>(size, open);
        for (var i = 0; i < Lengths.Length; i++)
        {
            actual[0][i].Zip(expected[0][i], isClose).Should().NotContain(false, "{0} elements, {1} ranks, seed {2}", Lengths[i], size, Seed);
            for (var rank = 1; rank < size; rank++)
            {
                actual[rank][i].Should().Equal(actual[0][i], "every rank has the same bits: rank {0}, {1} elements", rank, Lengths[i]);
            }
        }
    }

    private static T[][][] Results<T>(int size, Func<int, IComputeDevice> open)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var results = new T[size][][];
        OnRanks(size, open, (communicator, device) =>
        {
            int rank = communicator.Rank.Value;
            results[rank] = new T[Lengths.Length][];
            for (var i = 0; i < Lengths.Length; i++)
            {
                var random = new Random(Seed + (rank * 100_003) + Lengths[i]);
                using var x = device.Allocate<T>(Lengths[i] + 3);
                x.Upload([.. Enumerable.Range(0, Lengths[i]).Select(_ => T.CreateChecked((random.NextDouble() * 2) - 1))], 2);
                communicator.AllReduce(x.Slice(2, Lengths[i]));
                results[rank][i] = new T[Lengths[i]];
                x.Download(results[rank][i], 2);
            }
        });
        return results;
    }

    private static void OnRanks(int size, Func<int, IComputeDevice> open, Action<Communicator, IComputeDevice> body) =>
        RankThreads.Run(InProcessGroup.Create(size).Transports, transport =>
        {
            using var device = open(transport.Rank.Value);
            using var communicator = new Communicator(transport, device, Chunky);
            body(communicator, device);
        });

    /// <summary>Simulators that can't read each other's memory.</summary>
    private sealed class SimulatorsApart(int size) : IDisposable
    {
        private readonly IlgpuPlatform[] _platforms = [.. Enumerable.Range(0, size).Select(_ => IlgpuPlatform.Open(IlgpuBackends.Simulator))];

        public IlgpuDevice Open(int rank) => _platforms[rank].CreateDevice(_platforms[rank].Devices[0]);

        public void Dispose() => Array.ForEach(_platforms, platform => platform.Dispose());
    }
}
