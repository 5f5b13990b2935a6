using System.Diagnostics;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Tests.Transports;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Operations;

/// <summary>How a partially reduced step ends when it can't be closed, and how it does not when it can.</summary>
public abstract class PartialReducerFailureTests<TGroups>
    where TGroups : IGroupFactory, new()
{
    private static readonly TransportOptions Hasty = new()
    {
        Timeout = TimeSpan.FromMilliseconds(300), AnswerGrace = TimeSpan.FromMilliseconds(500),
    };

    // For what must outlast the timeout and then go on: ranks that wake together may still be some way apart.
    private static readonly TransportOptions Brisk = new() { Timeout = TimeSpan.FromMilliseconds(600) };
    private static readonly TimeSpan Long = TimeSpan.FromMilliseconds(800);

    private static readonly TransportOptions Patient = new() { Timeout = TimeSpan.FromMinutes(10) };
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(0, "rank 0 did not come to all-reduce #1 within 0.3 s", 0)]
    [InlineData(0, "rank 3 did not come to all-reduce #1 within 0.3 s", 3)]
    [InlineData(0, "ranks 1, 2 did not come to all-reduce #1 within 0.3 s", 1, 2)]
    [InlineData(1, "ranks 0, 3 did not come to all-reduce #1 within 0.3 s", 0, 3)]
    [InlineData(2, "ranks 1, 2, 3 did not come to all-reduce #1 within 0.3 s", 1, 2, 3)]
    public void Step_WithMoreLateThanBackups_IsGivenUpWithTheirNames(int backups, string message, params int[] late)
    {
        var clock = Stopwatch.StartNew();
        var outcomes = Observe(4, Hasty, (reducer, communicator) =>
        {
            reducer.BeginStep(backups, new double[1]);
            if (late.Contains(communicator.Rank.Value))
            {
                communicator.Aborted.WaitHandle.WaitOne(Promptly).Should().BeTrue();
            }

            reducer.Finish(new double[1]);
        });
        foreach (var outcome in outcomes)
        {
            outcome.Should().BeOfType<CollectiveTimeoutException>().Which.Message.Should().Be(message);
            ((CollectiveException)outcome!).Ranks.Select(r => r.Value).Should().Equal(late);
        }

        clock.Elapsed.Should().BeLessThan(Promptly);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void RankThatComputesLong_AfterTheStepWasClosedWithoutIt_EndsNothing(int late)
    {
        using var closed = new CountdownEvent(2);
        var outcomes = Observe(3, Brisk, (reducer, communicator) =>
        {
            var isLate = communicator.Rank.Value == late;
            reducer.BeginStep(1, new double[1]);
            if (isLate)
            {
                closed.Wait(Promptly).Should().BeTrue();
            }

            // Nobody waits for anyone now, for as long as it takes.
            if (!isLate)
            {
                reducer.Finish(new double[1]).Participants.Should().Be(2);
                closed.Signal();
            }

            communicator.Aborted.WaitHandle.WaitOne(Long).Should().BeFalse();
            if (isLate)
            {
                reducer.Finish(new double[1]).WasIn.Should().BeFalse();
            }

            reducer.BeginStep(0, new double[1]);
            reducer.Finish(new double[1]).Participants.Should().Be(3);
        });
        outcomes.Should().OnlyContain(o => o == null);
    }

    [Fact]
    public void RanksThatAllComputeLong_EndNothing()
    {
        var outcomes = Observe(3, Brisk, (reducer, communicator) =>
        {
            reducer.BeginStep(0, new double[1]);
            communicator.Aborted.WaitHandle.WaitOne(Long).Should().BeFalse();
            reducer.Finish(new double[1]).Participants.Should().Be(3);
        });
        outcomes.Should().OnlyContain(o => o == null);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void RankThatDoesNotComeBackFromAStepItMissed_IsNamedByTheNext(int late)
    {
        var outcomes = Observe(3, Hasty, (reducer, communicator) =>
        {
            reducer.BeginStep(1, new double[1]);
            if (communicator.Rank.Value == late)
            {
                communicator.Aborted.WaitHandle.WaitOne(Promptly).Should().BeTrue();
                return;
            }

            reducer.Finish(new double[1]).Participants.Should().Be(2);
            reducer.BeginStep(1, new double[1]);
            reducer.Finish(new double[1]);
        });
        outcomes[late].Should().BeNull();
        foreach (var outcome in outcomes.Where((_, rank) => rank != late))
        {
            outcome.Should().BeOfType<CollectiveTimeoutException>().Which.Message
                .Should().Be($"rank {late} did not come to all-reduce #3 within 0.3 s");
        }
    }

    [Fact]
    public void RootWithoutCommunicationThread_IsNamed()
    {
        var transports = new TGroups().Create(3, Hasty);
        var outcomes = RankThreads.Observe(3, rank =>
        {
            using var transport = transports[rank];
            using var device = new CpuDevice();
            using var communicator = new Communicator(transport, device);
            if (rank == 0)
            {
                // What the constructor of the others meets it in.
                communicator.Barrier();
                communicator.Aborted.WaitHandle.WaitOne(Promptly).Should().BeTrue();
                return;
            }

            using var gradients = device.Allocate<float>(10);
            using var reducer = new PartialReducer<float>(communicator, gradients.All, 1);
            reducer.BeginStep(1, new double[1]);
            reducer.Finish(new double[1]);
        });
        outcomes[0].Should().BeNull();
        foreach (var outcome in outcomes[1..])
        {
            outcome.Should().BeOfType<CollectiveTimeoutException>().Which.Message
                .Should().Be("rank 0 gave no answer, after 0.3 s of waiting in all-reduce #1");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void RankThatGivesUp_WhileOthersWaitForTheCutOff_IsNamedByAll(int quitter)
    {
        var clock = Stopwatch.StartNew();
        var outcomes = Observe(3, Patient, (reducer, communicator) =>
        {
            reducer.BeginStep(0, new double[1]);
            if (communicator.Rank.Value == quitter)
            {
                communicator.Transport.Abort("disk full");
                SpinUntilClosed(reducer);
            }

            reducer.Finish(new double[1]);
        });
        foreach (var outcome in outcomes)
        {
            outcome.Should().BeOfType<RankLostException>().Which.Ranks.Should().Equal(new Rank(quitter));
            outcome!.Message.Should().StartWith($"rank {quitter} gave up (disk full)");
        }

        clock.Elapsed.Should().BeLessThan(Promptly);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void RankThatGoesAwayInMidStep_IsNamedByAllOthers(int quitter)
    {
        var outcomes = Observe(3, Patient, (reducer, communicator) =>
        {
            reducer.BeginStep(1, new double[1]);
            if (communicator.Rank.Value == quitter)
            {
                return;
            }

            communicator.Aborted.WaitHandle.WaitOne(Promptly).Should().BeTrue();
            reducer.Finish(new double[1]);
        });
        outcomes[quitter].Should().BeNull();
        foreach (var outcome in outcomes.Where((_, rank) => rank != quitter))
        {
            outcome.Should().BeOfType<RankLostException>().Which.Ranks.Should().Equal(new Rank(quitter));
            outcome!.Message.Should().StartWith($"rank {quitter} gave up (left in the middle of a step)");
        }
    }

    [Fact]
    public void RankThatLeftBeforeTheStep_IsNamedByThoseWhoNeedIt()
    {
        using var begun = new CountdownEvent(2);
        var outcomes = Observe(3, Patient, (reducer, communicator) =>
        {
            if (communicator.Rank.Value == 1)
            {
                begun.Wait(Promptly).Should().BeTrue();
                return;
            }

            reducer.BeginStep(0, new double[1]);
            begun.Signal();
            reducer.Finish(new double[1]);
        });
        outcomes[1].Should().BeNull();
        foreach (var outcome in new[] { outcomes[0], outcomes[2] })
        {
            outcome.Should().BeOfType<RankLostException>().Which.Message.Should().StartWith("rank 1 left the group");
        }
    }

    [Fact]
    public void GroupThatEndedBetweenSteps_IsToldOfByTheNext()
    {
        var outcomes = Observe(2, Patient, (reducer, communicator) =>
        {
            reducer.BeginStep(0, new double[1]);
            reducer.Finish(new double[1]);
            if (communicator.Rank.Value == 1)
            {
                communicator.Transport.Abort("enough");
            }

            communicator.Aborted.WaitHandle.WaitOne(Promptly).Should().BeTrue();
            reducer.BeginStep(0, new double[1]);
            SpinUntilClosed(reducer);
            reducer.Finish(new double[1]);
        });
        outcomes.Should().AllBeOfType<RankLostException>();
        outcomes.Cast<RankLostException>().Should().OnlyContain(e => e.Ranks.Single() == new Rank(1));
    }

    [Fact]
    public void ReducerThatOutlivesItsTransport_EndsQuietly()
    {
        var transports = new TGroups().Create(2, Patient);
        RankThreads.Run(2, rank =>
        {
            using var device = new CpuDevice();
            using var gradients = device.Allocate<float>(10);
            using var communicator = new Communicator(transports[rank], device);
            using var reducer = new PartialReducer<float>(communicator, gradients.All, 1);
            reducer.BeginStep(0, new double[1]);
            reducer.Finish(new double[1]);
            transports[rank].Dispose();
        });
        transports.Should().OnlyContain(t => !t.Aborted.IsCancellationRequested);
    }

    /// <summary>As a training loop looks between micro-batches; the test's own limit is that of the rank threads.</summary>
    private static void SpinUntilClosed(PartialReducer<float> reducer)
    {
        while (!reducer.HasClosed)
        {
            Thread.Yield();
        }
    }

    private static Exception?[] Observe(int worldSize, TransportOptions options, Action<PartialReducer<float>, Communicator> body)
    {
        var transports = new TGroups().Create(worldSize, options);
        return RankThreads.Observe(worldSize, rank =>
        {
            using var transport = transports[rank];
            using var device = new CpuDevice();
            using var communicator = new Communicator(transport, device);
            using var gradients = device.Allocate<float>(1000);
            using var reducer = new PartialReducer<float>(communicator, gradients.All, 1);
            body(reducer, communicator);
        });
    }
}

public sealed class InProcessPartialReducerFailureTests : PartialReducerFailureTests<InProcessGroups>;

public sealed class TcpPartialReducerFailureTests : PartialReducerFailureTests<TcpGroups>
{
    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void RankThatIsKilledWhileLate_IsNamedByEverySurvivor(int victim)
    {
        for (var backups = 0; backups <= 1; backups++)
        {
            var transports = new TcpGroups().Create(4, new TransportOptions { Timeout = TimeSpan.FromMinutes(10) });
            var clock = Stopwatch.StartNew();
            var outcomes = RankThreads.Observe(4, rank =>
            {
                using var transport = transports[rank];
                using var device = new CpuDevice();
                using var communicator = new Communicator(transport, device);
                using var gradients = device.Allocate<float>(1000);
                using var reducer = new PartialReducer<float>(communicator, gradients.All, 1);
                for (var step = 0; ; step++)
                {
                    reducer.BeginStep(backups, new double[1]);
                    if (rank == victim && step == 3)
                    {
                        ((TcpTransport)transport).Sever();
                        return;
                    }

                    reducer.Finish(new double[1]);
                }
            });
            outcomes[victim].Should().BeNull();
            foreach (var outcome in outcomes.Where((_, rank) => rank != victim))
            {
                outcome.Should().BeOfType<RankLostException>().Which.Ranks.Should().Equal([new Rank(victim)], "{0}", outcome!.Message);
                outcome!.Message.Should().StartWith($"rank {victim} died (");
            }

            clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(10));
        }
    }
}
