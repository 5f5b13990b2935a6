using System.Numerics;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Tests.Devices;
using StragglerGuard.Collectives.Tests.Transports;
using StragglerGuard.Collectives.Transports;

namespace StragglerGuard.Collectives.Tests.Operations;

/// <summary>All-reduces whose sums are formed on the devices, on devices that reach each other and that don't.</summary>
public sealed class DeviceRingTests
{
    private const int Seed = 60_013;
    private static readonly CommunicatorOptions Chunky = new() { SmallBytesMax = 0, DeviceChunkBytes = 256 };

    /// <summary>Devices, and which reach the one before them.</summary>
    public static TheoryData<int, string> Reaches
    {
        get
        {
            var data = new TheoryData<int, string>();
            for (var size = 1; size <= 8; size++)
            {
                foreach (string reach in (string[])["all", "none", "even"])
                {
                    data.Add(size, reach);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Reaches))]
    public void AllReduce_OnDevices_HasTheBitsOfTheRingThroughTheHost(int size, string reach)
    {
        foreach (int length in (int[])[0, 1, size - 1, size, 63, 64, 65, 257, 1009])
        {
            CheckAgainstHost<float>(size, length, reach);
            CheckAgainstHost<double>(size, length, reach);
        }
    }

    [Theory]
    [InlineData("all", 3, 0)]
    [InlineData("none", 0, 3)]
    public void AllReduce_OnDevices_SumsThere(string reach, int additions, int stored)
    {
        var devices = Devices(4, reach);
        OnRanks(4, rank => devices[rank], Chunky with { DeviceChunkBytes = 4096 }, (communicator, device) =>
        {
            using var x = device.Allocate<float>(4000);
            communicator.AllReduce(x.All);
        });

        // Three steps of each half; a part fits into one chunk.
        devices.Should().OnlyContain(device => device.Additions == additions && device.Stored == 2 * stored);
    }

    [Fact]
    public void AllReduce_WhereItIsSwitchedOff_GoesThroughTheHost()
    {
        var devices = Devices(3, "all");
        OnRanks(3, rank => devices[rank], Chunky with { ReducesOnDevices = false }, (communicator, device) =>
        {
            using var x = device.Allocate<float>(100);
            x.Upload(Contribution<float>(communicator.Rank.Value, 100));
            communicator.AllReduce(x.All);
        });

        devices.Should().OnlyContain(device => device.Additions == 0 && device.Stored == 0);
    }

    [Fact]
    public void AllReduce_WhereOneRankHasNoSuchDevice_GoesThroughTheHost()
    {
        var devices = Devices(3, "all");
        var expected = Results<float>(3, 500, _ => new CpuDevice(), Chunky);

        var actual = Results<float>(3, 500, rank => rank == 2 ? new CpuDevice() : devices[rank], Chunky);

        actual.Should().BeEquivalentTo(expected, options => options.WithStrictOrdering());
        devices.Should().OnlyContain(device => device.Additions == 0 && device.Stored == 0);
    }

    [Theory]
    [InlineData("all")]
    [InlineData("none")]
    public void SteadyState_AllReduceOnDevices_AllocatesNothing(string reach)
    {
        var devices = Devices(3, reach);
        OnRanks(3, rank => devices[rank], Chunky, (communicator, device) =>
        {
            using var x = device.Allocate<float>(1000);
            using var y = device.Allocate<double>(1000);
            void Round()
            {
                communicator.AllReduce(x.All);
                communicator.AllReduce(y.Slice(10, 500));
            }

            for (var i = 0; i < 30; i++)
            {
                Round();
            }

            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 20; i++)
            {
                Round();
            }

            (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0, "rank {0}", communicator.Rank.Value);
        });
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void PartialReduction_OnDevices_SumsThereWhereNobodyMayBeMissing(int backups, bool onDevices)
    {
        var devices = Devices(3, "all");
        OnRanks(3, rank => devices[rank], Chunky, (communicator, device) =>
        {
            using var gradients = device.Allocate<float>(100);
            using var reducer = new PartialReducer<float>(communicator, gradients.All, 1);
            gradients.Upload(Contribution<float>(communicator.Rank.Value, 100));
            reducer.BeginStep(backups, [0]);
            reducer.Finish([1]).Participants.Should().BeGreaterThanOrEqualTo(3 - backups);
        });

        devices.Sum(device => device.Additions).Should().Be(onDevices ? 3 * 2 : 0);
    }

    [Fact]
    public void Lengths_ThatDiffer_EndTheGroupWithBothNamed()
    {
        var devices = Devices(2, "all");
        var transports = InProcessGroup.Create(2).Transports;
        var outcomes = RankThreads.Observe(2, rank =>
        {
            using var transport = transports[rank];
            using var communicator = new Communicator(transport, devices[rank], Chunky);
            using var x = devices[rank].Allocate<float>(100 + rank);
            communicator.AllReduce(x.All);
        });

        outcomes.Should().AllBeAssignableTo<CollectiveException>();
        outcomes.OfType<CollectiveMismatchException>().First().Message.Should().Contain("100").And.Contain("101");
    }

    [Fact]
    public void Vector_ThatAnotherDeviceReads_StaysUntilItHasRead()
    {
        using var isReading = new ManualResetEventSlim();
        using var isLeaving = new ManualResetEventSlim();
        using var hasLeft = new ManualResetEventSlim();
        var devices = new NearbyDevice[2];
        devices[0] = new NearbyDevice(_ => true);
        devices[1] = new NearbyDevice(_ => true)
        {
            OnRead = () =>
            {
                isReading.Set();
                isLeaving.Wait(TimeSpan.FromSeconds(30)).Should().BeTrue("the group is ended meanwhile");
                hasLeft.Wait(TimeSpan.FromMilliseconds(20)).Should().BeFalse("rank 1 reads what rank 0 frees next");
            },
        };
        var transports = InProcessGroup.Create(2).Transports;
        var ending = new Thread(() =>
        {
            isReading.Wait();
            transports[0].Abort("enough");
            isLeaving.Set();
        });
        ending.Start();
        var outcomes = RankThreads.Observe(2, rank =>
        {
            using var communicator = new Communicator(transports[rank], devices[rank], Chunky);
            using var x = devices[rank].Allocate<float>(100);
            try
            {
                communicator.AllReduce(x.All);
            }
            finally
            {
                if (rank == 0)
                {
                    hasLeft.Set();
                }
            }
        });
        ending.Join();

        outcomes.Should().AllBeAssignableTo<CollectiveException>();
    }

    private static NearbyDevice[] Devices(int size, string reach)
    {
        var devices = new NearbyDevice[size];
        for (var rank = 0; rank < size; rank++)
        {
            int own = rank;
            devices[rank] = new NearbyDevice(peer => reach switch
            {
                "all" => true,
                "none" => false,
                _ => Array.IndexOf(devices, peer) % 2 == 0 && own != 0,
            });
        }

        return devices;
    }

    private static void CheckAgainstHost<T>(int size, int length, string reach)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var devices = Devices(size, reach);
        var expected = Results<T>(size, length, _ => new CpuDevice(), Chunky);

        var actual = Results<T>(size, length, rank => devices[rank], Chunky);

        for (var rank = 0; rank < size; rank++)
        {
            actual[rank].Should().Equal(expected[0], "rank {0}, {1} elements, seed {2}", rank, length, Seed);
        }
    }

    private static T[][] Results<T>(int size, int length, Func<int, IComputeDevice> open, CommunicatorOptions options)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var results = new T[size][];
        OnRanks(size, open, options, (communicator, device) =>
        {
            int rank = communicator.Rank.Value;

            // A slice inside a larger vector: what lies around it must stay.
            using var x = device.Allocate<T>(length + 2);
            x.Upload([-T.One, .. Contribution<T>(rank, length), -T.One]);
            communicator.AllReduce(x.Slice(1, length));
            var all = new T[length + 2];
            x.Download(all);
            all[0].Should().Be(-T.One);
            all[^1].Should().Be(-T.One);
            results[rank] = all[1..^1];
        });
        return results;
    }

    private static T[] Contribution<T>(int rank, int length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var random = new Random(Seed + (rank * 100_003) + length);
        return [.. Enumerable.Range(0, length).Select(_ => T.CreateChecked((random.NextDouble() * 2) - 1))];
    }

    private static void OnRanks(int size, Func<int, IComputeDevice> open, CommunicatorOptions options, Action<Communicator, IComputeDevice> body) =>
        RankThreads.Run(InProcessGroup.Create(size).Transports, transport =>
        {
            using var device = open(transport.Rank.Value);
            using var communicator = new Communicator(transport, device, options);
            body(communicator, device);
        });
}
