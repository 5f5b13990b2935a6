using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Transports;

/// <summary>A job goes on in another group: the old one ends in good order, and nothing of it stays behind.</summary>
public abstract class GroupRenewalTests<TGroups>
    where TGroups : IGroupFactory, new()
{
    private static readonly TransportOptions Options = new() { Timeout = TimeSpan.FromMinutes(10) };
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(30);

    [Fact]
    public void Generations_OneAfterAnother_LeaveNeitherThreadsNorSocketsBehind()
    {
        const int Workers = 4;
        const int Generations = 20;
        RunGeneration(Workers, generation: 0);
        var before = ProcessResources.CountAtRest();

        // One member is out in every other generation and comes back in the next.
        var transports = Array.Empty<ITransport>();
        var generation = 0;
        using var boundary = new Barrier(
            Workers,
            _ => transports = [.. new TGroups().Create(MembersOf(++generation), Options, generation)]);
        var outcomes = RankThreads.Observe(Workers, worker =>
        {
            for (var i = 1; i <= Generations; i++)
            {
                boundary.SignalAndWait(Promptly).Should().BeTrue();
                var mine = transports;
                if (worker < MembersOf(i))
                {
                    using var transport = mine[worker];
                    Train(transport);
                }
            }
        });
        outcomes.Should().OnlyContain(o => o == null);
        ProcessResources.ShouldComeBackTo(before);

        static int MembersOf(int generation) => generation % 2 == 0 ? Workers : Workers - 1;
    }

    [Fact]
    public void Generations_ThatEndInAnAbort_LeaveNeitherThreadsNorSocketsBehind()
    {
        RunGeneration(3, generation: 0);
        var before = ProcessResources.CountAtRest();
        for (var generation = 1; generation <= 20; generation++)
        {
            var transports = new TGroups().Create(3, Options, generation);
            var outcomes = RankThreads.Observe(3, rank =>
            {
                using var transport = transports[rank];
                using var device = new CpuDevice();
                using var gradients = device.Allocate<float>(3000);
                using var communicator = new Communicator(transport, device);
                using var reducer = new PartialReducer<float>(communicator, gradients.All, 1);
                for (var step = 0; ; step++)
                {
                    reducer.BeginStep(1, new double[1]);
                    if (rank == 1 && step == 2)
                    {
                        transport.Abort("hung");
                    }

                    reducer.Finish(new double[1]);
                }
            });
            outcomes.Should().AllBeOfType<RankLostException>();
        }

        ProcessResources.ShouldComeBackTo(before);
    }

    [Fact]
    public void Ranks_ThatCloseOneAfterAnother_TakeNobodyForLost()
    {
        for (var first = 0; first < 3; first++)
        {
            var transports = new TGroups().Create(3, Options);
            var closed = Enumerable.Range(0, 3).Select(_ => new ManualResetEventSlim()).ToArray();
            var outcomes = RankThreads.Observe(3, rank =>
            {
                // Each waits until the one before it is gone; the last has the group to itself.
                var turn = (rank - first + 3) % 3;
                using (var transport = transports[rank])
                {
                    Train(transport);
                    if (turn > 0)
                    {
                        closed[turn - 1].Wait(Promptly).Should().BeTrue();
                    }

                    transport.Aborted.IsCancellationRequested.Should().BeFalse("rank {0} closes as number {1}", rank, turn);
                }

                transports[rank].Aborted.IsCancellationRequested.Should().BeFalse();
                closed[turn].Set();
            });
            outcomes.Should().OnlyContain(o => o == null);
            Array.ForEach(closed, c => c.Dispose());
        }
    }

    [Fact]
    public void Resources_WhileAGroupLives_AreMore()
    {
        // What the tests above would see if a group stayed behind.
        var before = ProcessResources.CountAtRest();
        var during = 0;
        RankThreads.Run(new TGroups().Create(2, Options), transport =>
        {
            using var device = new CpuDevice();
            using var gradients = device.Allocate<float>(1);
            using var communicator = new Communicator(transport, device);
            using var reducer = new PartialReducer<float>(communicator, gradients.All, 1);
            communicator.Barrier();
            Interlocked.Exchange(ref during, ProcessResources.Count().Threads);
            communicator.Barrier();
        });
        during.Should().BeGreaterThanOrEqualTo(before.Threads + (ProcessResources.CanCount ? 2 : 0));
    }

    private static void RunGeneration(int worldSize, int generation) =>
        RankThreads.Run(new TGroups().Create(worldSize, Options, generation), Train);

    private static void Train(ITransport transport)
    {
        using var device = new CpuDevice();
        using var gradients = device.Allocate<float>(3000);
        using var communicator = new Communicator(transport, device);
        using (var reducer = new PartialReducer<float>(communicator, gradients.All, 1))
        {
            for (var step = 0; step < 3; step++)
            {
                reducer.BeginStep(1, new double[1]);
                reducer.Finish(new double[1]);
            }
        }

        communicator.Broadcast(gradients.All, new Rank(0));
    }
}

public sealed class InProcessGroupRenewalTests : GroupRenewalTests<InProcessGroups>;

public sealed class TcpGroupRenewalTests : GroupRenewalTests<TcpGroups>;
