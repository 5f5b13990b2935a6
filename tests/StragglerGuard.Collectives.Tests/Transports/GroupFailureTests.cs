using System.Diagnostics;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Transports;

/// <summary>How a group ends, on every kind of transport: promptly, and with the name of who caused it.</summary>
public abstract class GroupFailureTests<TGroups>
    where TGroups : IGroupFactory, new()
{
    private static readonly TransportOptions Hasty = new()
    {
        Timeout = TimeSpan.FromMilliseconds(300), AnswerGrace = TimeSpan.FromMilliseconds(500),
    };

    // So long that a test which waits for it has failed.
    private static readonly TransportOptions Patient = new() { Timeout = TimeSpan.FromMinutes(10) };

    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(4)]
    [InlineData(100_000)]
    public void RankThatNeverEnters_IsNamedByAllOthers(int length)
    {
        var transports = new TGroups().Create(4, Hasty);
        using var othersDone = new CountdownEvent(3);
        var clock = Stopwatch.StartNew();
        var outcomes = RankThreads.Observe(4, rank =>
        {
            using var transport = transports[rank];
            using var device = new CpuDevice();
            using var communicator = new Communicator(transport, device);
            communicator.Barrier();
            if (rank == 2)
            {
                othersDone.Wait(Promptly).Should().BeTrue();
                communicator.AllReduce(new double[length].AsSpan());
                return;
            }

            try
            {
                communicator.AllReduce(new double[length].AsSpan());
            }
            finally
            {
                othersDone.Signal();
            }
        });
        foreach (var outcome in outcomes)
        {
            outcome.Should().BeOfType<CollectiveTimeoutException>().Which.Ranks.Should().Equal(new Rank(2));
            outcome!.Message.Should().Be("rank 2 did not come to all-reduce #1 within 0.3 s");
        }

        clock.Elapsed.Should().BeLessThan(Promptly);
    }

    [Fact]
    public void RanksThatNeverEnter_AreAllNamed()
    {
        var transports = new TGroups().Create(5, Hasty);
        using var othersDone = new CountdownEvent(3);
        var outcomes = RankThreads.Observe(5, rank =>
        {
            using var transport = transports[rank];
            using var device = new CpuDevice();
            using var communicator = new Communicator(transport, device);
            if (rank is 1 or 4)
            {
                othersDone.Wait(Promptly);
                return;
            }

            try
            {
                communicator.Barrier();
            }
            finally
            {
                othersDone.Signal();
            }
        });
        foreach (var rank in new[] { 0, 2, 3 })
        {
            outcomes[rank].Should().BeOfType<CollectiveTimeoutException>().Which.Ranks.Should().Equal(new Rank(1), new Rank(4));
            outcomes[rank]!.Message.Should().StartWith("ranks 1, 4 did not come to barrier #0");
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(500_000)]
    public void RankThatGivesUp_IsNamedWithItsReasonByAllOthersBlocked(int length)
    {
        var transports = new TGroups().Create(4, Patient);
        var clock = Stopwatch.StartNew();
        var outcomes = RankThreads.Observe(4, rank =>
        {
            using var transport = transports[rank];
            using var device = new CpuDevice();
            using var communicator = new Communicator(transport, device);
            communicator.Barrier();
            if (rank == 1)
            {
                transport.Abort("disk full");
            }

            communicator.AllReduce(new float[length].AsSpan());
        });
        foreach (var outcome in outcomes)
        {
            outcome.Should().BeOfType<RankLostException>().Which.Ranks.Should().Equal(new Rank(1));
            outcome!.Message.Should().StartWith("rank 1 gave up (disk full)");
        }

        clock.Elapsed.Should().BeLessThan(Promptly);
    }

    [Fact]
    public void Abort_WhileOthersCompute_CancelsTheirTokenAndTheNextCall()
    {
        var transports = new TGroups().Create(3, Patient);
        using var allOut = new Barrier(3);
        var outcomes = RankThreads.Observe(3, rank =>
        {
            using var transport = transports[rank];
            using var device = new CpuDevice();
            using var communicator = new Communicator(transport, device);
            communicator.Barrier();
            allOut.SignalAndWait();
            if (rank == 0)
            {
                transport.Abort("out of memory");
                return;
            }

            communicator.Aborted.WaitHandle.WaitOne(Promptly).Should().BeTrue();
            communicator.Barrier();
        });
        outcomes[0].Should().BeNull();
        foreach (var outcome in outcomes[1..])
        {
            outcome.Should().BeOfType<RankLostException>().Which.Ranks.Should().Equal(new Rank(0));
            outcome!.Message.Should().Be("rank 0 gave up (out of memory) after barrier #0");
        }
    }

    [Fact]
    public void RankThatLeavesEarly_IsNamedByThoseWhoNeedIt()
    {
        var transports = new TGroups().Create(3, Patient);
        using var allOut = new Barrier(3);
        var outcomes = RankThreads.Observe(3, rank =>
        {
            using var transport = transports[rank];
            using var device = new CpuDevice();
            using var communicator = new Communicator(transport, device);
            communicator.Barrier();
            allOut.SignalAndWait();
            if (rank != 2)
            {
                communicator.Barrier();
            }
        });
        outcomes[2].Should().BeNull();
        foreach (var outcome in outcomes[..2])
        {
            outcome.Should().BeOfType<RankLostException>().Which.Ranks.Should().Equal(new Rank(2));
            outcome!.Message.Should().MatchRegex("^rank 2 left the group (during barrier #1|after barrier #0)$");
        }
    }

    [Fact]
    public void Ranks_ThatLeaveWhenAllIsDone_EndInPeace()
    {
        for (var round = 0; round < 10; round++)
        {
            var transports = new TGroups().Create(4, Patient);
            var aborted = new bool[4];
            var outcomes = RankThreads.Observe(4, rank =>
            {
                using var device = new CpuDevice();
                using (var transport = transports[rank])
                using (var communicator = new Communicator(transport, device))
                {
                    communicator.AllReduce(new float[5000].AsSpan());
                    communicator.Broadcast(new byte[10], new Rank(1));
                    communicator.Barrier();
                }

                aborted[rank] = transports[rank].Aborted.IsCancellationRequested;
            });
            outcomes.Should().OnlyContain(o => o == null);
            aborted.Should().OnlyContain(a => !a);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(-1)]
    public void Send_ToNoPeer_IsRefused(int to)
    {
        var transports = new TGroups().Create(2, Patient);
        RankThreads.Run(transports, transport =>
        {
            if (transport.Rank.Value == 0)
            {
                transport.Invoking(t => t.Send(new Rank(to), [1]))
                    .Should().Throw<ArgumentOutOfRangeException>().WithMessage("*rank 0*2 ranks*");
            }
        });
    }

    [Fact]
    public void Abort_InMidTransfer_LeavesNoOneBehind()
    {
        // Long vectors are read from the sender's memory in process: it is freed as soon as the sender's call has thrown.
        for (var round = 0; round < 20; round++)
        {
            var transports = new TGroups().Create(3, Patient);
            using var started = new Barrier(3);
            var outcomes = RankThreads.Observe(3, rank =>
            {
                using var transport = transports[rank];
                using var device = new CpuDevice();
                using var communicator = new Communicator(transport, device);
                using var x = device.Allocate<float>(300_000);
                started.SignalAndWait();
                for (var i = 0; ; i++)
                {
                    if (rank == 1 && i == round % 5)
                    {
                        transport.Abort("enough");
                    }

                    communicator.AllReduce(x.All);
                }
            });
            outcomes.Should().AllBeOfType<RankLostException>();
            outcomes.Cast<RankLostException>().Should().OnlyContain(e => e.Ranks.Single() == new Rank(1));
        }
    }
}

public sealed class InProcessGroupFailureTests : GroupFailureTests<InProcessGroups>
{
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Create_WithoutRanks_IsRefused(int worldSize) =>
        FluentActions.Invoking(() => InProcessGroup.Create(worldSize)).Should().Throw<ArgumentOutOfRangeException>();

    [Fact]
    public void Create_OptionsOutOfRange_AreRefusedByName()
    {
        FluentActions.Invoking(() => InProcessGroup.Create(1, new TransportOptions { Timeout = TimeSpan.Zero }))
            .Should().Throw<ArgumentOutOfRangeException>().WithParameterName("Timeout");
        FluentActions.Invoking(() => InProcessGroup.Create(1, new TransportOptions { ChunkBytes = 100 }))
            .Should().Throw<ArgumentOutOfRangeException>().WithParameterName("ChunkBytes");
    }
}

public sealed class TcpGroupFailureTests : GroupFailureTests<TcpGroups>
{
    [Theory]
    [InlineData(1)]
    [InlineData(2_000_000)]
    public void RankThatIsKilled_IsNamedByEverySurvivorAndNobodyElseIs(int length)
    {
        for (var round = 0; round < 8; round++)
        {
            var victim = round % 5;
            var transports = new TcpGroups().Create(5, new TransportOptions { Timeout = TimeSpan.FromMinutes(10) });
            using var entered = new CountdownEvent(4);
            var clock = Stopwatch.StartNew();
            var outcomes = RankThreads.Observe(5, rank =>
            {
                using var device = new CpuDevice();

                // A survivor closes as soon as it has noticed: nobody may take it for the dead one.
                using var transport = transports[rank];
                using var communicator = new Communicator(transport, device);
                communicator.Barrier();
                if (rank == victim)
                {
                    entered.Wait();
                    ((TcpTransport)transport).Sever();
                    return;
                }

                entered.Signal();
                communicator.AllReduce(new float[length].AsSpan());
            });
            outcomes[victim].Should().BeNull();
            foreach (var outcome in outcomes.Where((_, rank) => rank != victim))
            {
                outcome.Should().BeOfType<RankLostException>().Which.Ranks.Should().Equal([new Rank(victim)], "{0}", outcome!.Message);
                outcome!.Message.Should().MatchRegex($"^rank {victim} died \\(.*\\) (during all-reduce #1|after barrier #0)$");
            }

            clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(10));
        }
    }

    [Fact]
    public void RankThatIsKilledWhileOthersCompute_CancelsTheirToken()
    {
        var transports = new TcpGroups().Create(3, new TransportOptions());
        RankThreads.Run(3, rank =>
        {
            using var transport = transports[rank];
            if (rank == 0)
            {
                ((TcpTransport)transport).Sever();
                return;
            }

            transport.Aborted.WaitHandle.WaitOne(TimeSpan.FromSeconds(10)).Should().BeTrue();
            transport.Invoking(t => t.Enter(new CollectiveStamp(CollectiveKind.Barrier, 0)))
                .Should().Throw<RankLostException>().WithMessage("rank 0 died * before the first collective")
                .Which.Ranks.Should().Equal(new Rank(0));
        });
    }
}
