using System.Numerics;
using System.Runtime.InteropServices;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Probes;
using StragglerGuard.Collectives.Tests.Devices;
using StragglerGuard.Collectives.Tests.Transports;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Operations;

/// <summary>What the collectives compute, on every kind of transport, against the naive sum.</summary>
public abstract class CommunicatorTests<TGroups>
    where TGroups : IGroupFactory, new()
{
    private const int Seed = 4711;

    // Small chunks, so that vectors of a few thousand elements are many.
    private static readonly TransportOptions Chunky = new() { ChunkBytes = 1024 };
    private static readonly CommunicatorOptions Options = new() { SmallBytesMax = 256, BroadcastChunkBytes = 1024 };

    /// <summary>What every rank computes on.</summary>
    protected virtual IComputeDevice CreateDevice() => new CpuDevice();

    /// <summary>Bytes of the collected heap that one collective may take: none, but for what a library in between takes for itself.</summary>
    protected virtual long AllocatedBytesPerCollective => 0;

    [Theory]
    [MemberData(nameof(WorldSizes.OneToNine), MemberType = typeof(WorldSizes))]
    public void AllReduce_AnyLength_IsTheNaiveSumWithTheSameBitsEverywhere(int worldSize)
    {
        CheckAllReduce<float>(worldSize, 1e-6, CreateDevice);
        CheckAllReduce<double>(worldSize, 1e-15, CreateDevice);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void AllReduce_DeviceWithItsOwnMemory_IsTheNaiveSum(int worldSize) =>
        CheckAllReduce<double>(worldSize, 1e-15, () => new DistantDevice());

    [Theory]
    [MemberData(nameof(WorldSizes.OneToNine), MemberType = typeof(WorldSizes))]
    public void ReduceScatterThenAllGather_AnyLength_IsTheSum(int worldSize) =>
        OnRanks(worldSize, CreateDevice, (communicator, device) => CheckScatterGather(communicator, device));

    [Fact]
    public void ReduceScatterThenAllGather_DeviceWithItsOwnMemory_IsTheSum() =>
        OnRanks(3, () => new DistantDevice(), (communicator, device) => CheckScatterGather(communicator, device));

    [Theory]
    [MemberData(nameof(WorldSizes.OneToNine), MemberType = typeof(WorldSizes))]
    public void Broadcast_EveryRoot_ReachesEveryone(int worldSize) =>
        OnRanks(worldSize, CreateDevice, (communicator, device) => CheckBroadcast(communicator, device));

    [Fact]
    public void Broadcast_DeviceWithItsOwnMemory_ReachesEveryone() =>
        OnRanks(3, () => new DistantDevice(), (communicator, device) => CheckBroadcast(communicator, device));

    [Theory]
    [MemberData(nameof(WorldSizes.OneToNine), MemberType = typeof(WorldSizes))]
    public void ControlData_InHostMemory_GoesRound(int worldSize) => OnRanks(worldSize, CreateDevice, (communicator, _) =>
    {
        var rank = communicator.Rank.Value;
        Span<double> ballot = [1, rank, rank * rank, 0.5];
        communicator.AllReduce(ballot);
        var n = worldSize;
        ballot.ToArray().Should().Equal(n, n * (n - 1) / 2, (n - 1) * n * ((2 * n) - 1) / 6, n * 0.5);

        Span<long> all = stackalloc long[n];
        communicator.AllGather(long.MinValue + rank, all);
        all.ToArray().Should().Equal(Enumerable.Range(0, n).Select(r => long.MinValue + r));

        foreach (var length in new[] { 0, 1, 100, 257, 5000 })
        {
            var bytes = new byte[length];
            if (rank == n - 1)
            {
                new Random(Seed).NextBytes(bytes);
            }

            communicator.Broadcast(bytes, new Rank(n - 1));
            var expected = new byte[length];
            new Random(Seed).NextBytes(expected);
            bytes.Should().Equal(expected);
        }
    });

    [Fact]
    public void Barrier_WhenOneRankIsLate_KeepsTheOthersUntilItComes()
    {
        var arrived = 0;
        OnRanks(4, CreateDevice, (communicator, _) =>
        {
            for (var round = 1; round <= 50; round++)
            {
                Interlocked.Increment(ref arrived);
                communicator.Barrier();
                Volatile.Read(ref arrived).Should().BeGreaterThanOrEqualTo(4 * round);
            }
        });
    }

    [Fact]
    public void Timing_OfEveryCall_CountsUpAndEnclosesTheLastArrival()
    {
        var timings = new CollectiveTiming[3, 3];
        OnRanks(3, CreateDevice, (communicator, device) =>
        {
            using var x = device.Allocate<float>(10_000);
            timings[communicator.Rank.Value, 0] = communicator.Barrier();
            timings[communicator.Rank.Value, 1] = communicator.AllReduce(x.All);
            timings[communicator.Rank.Value, 2] = BarrierSkewProbe.Measure(communicator);
        });
        for (var call = 0; call < 3; call++)
        {
            // One process, one clock: nobody leaves before the last has come.
            var lastEnterNs = Enumerable.Range(0, 3).Max(r => timings[r, call].EnterNs);
            for (var rank = 0; rank < 3; rank++)
            {
                timings[rank, call].Sequence.Should().Be(call == 2 ? 3 : call);
                timings[rank, call].ExitNs.Should().BeGreaterThanOrEqualTo(lastEnterNs);
                timings[rank, call].DurationNs.Should().BeGreaterThan(0);
            }
        }
    }

    [Fact]
    public void SteadyState_EveryCollective_AllocatesNothing() => OnRanks(3, CreateDevice, (communicator, device) =>
    {
        using var x = device.Allocate<float>(30_000);
        using var part = device.Allocate<float>(10_000);
        var ballot = new double[4];
        var all = new long[3];
        void Round()
        {
            communicator.AllReduce(x.All);
            communicator.AllReduce(ballot.AsSpan());
            communicator.ReduceScatter(x.All, part.All);
            communicator.AllGather(part.All, x.All);
            communicator.AllGather(3, all);
            communicator.Broadcast(x.All, new Rank(1));
            communicator.Barrier();
        }

        for (var i = 0; i < 30; i++)
        {
            Round();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        const int Rounds = 20;
        for (var i = 0; i < Rounds; i++)
        {
            Round();
        }

        const int Collectives = 7;
        (GC.GetAllocatedBytesForCurrentThread() - before)
            .Should().BeLessThanOrEqualTo(Rounds * Collectives * AllocatedBytesPerCollective, "rank {0}", communicator.Rank.Value);
    });

    [Fact]
    public void Ranks_CallingDifferentThings_AreToldSo()
    {
        var transports = new TGroups().Create(3, Chunky);
        var outcomes = RankThreads.Observe(3, rank =>
        {
            using var transport = transports[rank];
            using var device = CreateDevice();
            using var communicator = new Communicator(transport, device, Options);
            communicator.Barrier();
            if (rank == 1)
            {
                communicator.AllReduce(new double[3].AsSpan());
            }
            else
            {
                communicator.AllReduce(new double[2].AsSpan());
            }
        });
        outcomes.Should().AllBeOfType<CollectiveMismatchException>();
        outcomes[0]!.Message.Should().Contain("24 bytes").And.Contain("16 bytes").And.Contain("all-reduce #1");
    }

    [Fact]
    public void Vector_OfAnotherDevice_IsRefused() => OnRanks(1, CreateDevice, (communicator, _) =>
    {
        using var other = CreateDevice();
        using var x = other.Allocate<float>(3);
        communicator.Invoking(c => c.AllReduce(x.All)).Should().Throw<ArgumentException>().WithMessage("*device*");
    });

    [Fact]
    public void Lengths_ThatDontFit_AreRefused() => OnRanks(1, CreateDevice, (communicator, device) =>
    {
        using var x = device.Allocate<float>(4);
        communicator.Invoking(c => c.AllGather(x.Slice(0, 1), x.Slice(0, 2)))
            .Should().Throw<ArgumentException>().WithMessage("*1 parts of 1*");
        communicator.Invoking(c => c.ReduceScatter(x.Slice(0, 2), x.Slice(2, 1))).Should().Throw<ArgumentException>();
        communicator.Invoking(c => c.Broadcast(x.All, new Rank(1))).Should().Throw<ArgumentOutOfRangeException>();
        communicator.Invoking(c => c.AllGather(1, new long[2])).Should().Throw<ArgumentException>();
    });

    private static int[] Lengths(int worldSize) =>
        [.. new[] { 0, 1, 2, worldSize - 1, worldSize, worldSize + 1, 31, 97, 1009, 4999, 8192 }.Distinct().Order()];

    private static T[] Contribution<T>(int rank, int length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var random = new Random(Seed + (rank * 100_003) + length);
        return [.. Enumerable.Range(0, length).Select(_ => T.CreateChecked((random.NextDouble() * 2) - 1))];
    }

    private static double[] NaiveSum<T>(int worldSize, int length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var sum = new double[length];
        for (var rank = 0; rank < worldSize; rank++)
        {
            var values = Contribution<T>(rank, length);
            for (var i = 0; i < length; i++)
            {
                sum[i] += double.CreateChecked(values[i]);
            }
        }

        return sum;
    }

    private static void ShouldBeClose<T>(T[] actual, double[] expected, double tolerance)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        actual.Length.Should().Be(expected.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Math.Abs(double.CreateChecked(actual[i]) - expected[i])
                .Should().BeLessThanOrEqualTo(tolerance, "element {0}, seed {1}", i, Seed);
        }
    }

    private static void OnRanks(int worldSize, Func<IComputeDevice> createDevice, Action<Communicator, IComputeDevice> body) =>
        RankThreads.Run(new TGroups().Create(worldSize, Chunky), transport =>
        {
            using var device = createDevice();
            using var communicator = new Communicator(transport, device, Options);
            body(communicator, device);
        });

    private static void CheckAllReduce<T>(int worldSize, double epsilon, Func<IComputeDevice> createDevice)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var lengths = Lengths(worldSize);
        var results = new T[worldSize][][];
        OnRanks(worldSize, createDevice, (communicator, device) =>
        {
            var rank = communicator.Rank.Value;
            results[rank] = new T[lengths.Length][];
            for (var i = 0; i < lengths.Length; i++)
            {
                // A slice inside a larger vector: what lies around it must stay.
                using var x = device.Allocate<T>(lengths[i] + 2);
                x.Upload([-T.One, .. Contribution<T>(rank, lengths[i]), -T.One]);
                communicator.AllReduce(x.Slice(1, lengths[i]));
                var all = new T[lengths[i] + 2];
                x.Download(all);
                all[0].Should().Be(-T.One);
                all[^1].Should().Be(-T.One);
                results[rank][i] = all[1..^1];
            }
        });
        for (var i = 0; i < lengths.Length; i++)
        {
            ShouldBeClose(results[0][i], NaiveSum<T>(worldSize, lengths[i]), epsilon * worldSize * worldSize);
            for (var rank = 1; rank < worldSize; rank++)
            {
                MemoryMarshal.AsBytes<T>(results[rank][i]).SequenceEqual(MemoryMarshal.AsBytes<T>(results[0][i]))
                    .Should().BeTrue("length {0} on rank {1} should have the bits of rank 0", lengths[i], rank);
            }
        }
    }

    private static void CheckScatterGather(Communicator communicator, IComputeDevice device)
    {
        var (rank, n) = (communicator.Rank.Value, communicator.WorldSize);
        foreach (var part in new[] { 0, 1, 7, 1500 })
        {
            using var source = device.Allocate<double>(part * n);
            using var own = device.Allocate<double>(part);
            using var gathered = device.Allocate<double>(part * n);
            source.Upload(Contribution<double>(rank, part * n));
            communicator.ReduceScatter(source.All, own.All);
            var expected = NaiveSum<double>(n, part * n);
            var actual = new double[part];
            own.Download(actual);
            ShouldBeClose(actual, expected[(rank * part)..((rank + 1) * part)], 1e-15 * n * n);

            var untouched = new double[part * n];
            source.Download(untouched);
            untouched.Should().Equal(Contribution<double>(rank, part * n));

            communicator.AllGather(own.All, gathered.All);
            var all = new double[part * n];
            gathered.Download(all);
            ShouldBeClose(all, expected, 1e-15 * n * n);
        }
    }

    private static void CheckBroadcast(Communicator communicator, IComputeDevice device)
    {
        for (var root = 0; root < communicator.WorldSize; root++)
        {
            foreach (var length in new[] { 0, 1, 31, 1009, 4999 })
            {
                using var x = device.Allocate<float>(length);
                x.Upload(Contribution<float>(communicator.Rank.Value, length));
                communicator.Broadcast(x.All, new Rank(root));
                var actual = new float[length];
                x.Download(actual);
                actual.Should().Equal(Contribution<float>(root, length));
            }
        }
    }
}

public static class WorldSizes
{
    public static TheoryData<int> OneToNine => new(Enumerable.Range(1, 9));
}
