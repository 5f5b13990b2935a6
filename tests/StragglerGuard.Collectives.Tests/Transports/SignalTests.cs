using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Transports;

/// <summary>Control words beside the collectives, on every kind of transport.</summary>
public abstract class SignalTests<TGroups>
    where TGroups : IGroupFactory, new()
{
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(10);

    [Fact]
    public void Words_FromAllRanks_ArriveInTheOrderOfEachSender() => RankThreads.Run(new TGroups().Create(4, new TransportOptions()), transport =>
    {
        // Far more than are ever kept without growing, and the extremes of a word.
        const int Count = 500;
        for (var i = 0; i < Count; i++)
        {
            for (var to = 0; to < 4; to++)
            {
                transport.Signal(new Rank(to), i == 0 ? long.MinValue : i == 1 ? long.MaxValue : i);
            }
        }

        var next = new int[4];
        for (var i = 0; i < 4 * Count; i++)
        {
            transport.WaitSignal(-1, Promptly, out var signal).Should().BeTrue();
            var number = next[signal.From.Value]++;
            signal.Word.Should().Be(number == 0 ? long.MinValue : number == 1 ? long.MaxValue : number);
        }

        next.Should().Equal(Count, Count, Count, Count);
        transport.WaitSignal(-1, TimeSpan.Zero, out _).Should().BeFalse();
        transport.WaitSignal(-1, TimeSpan.FromMilliseconds(20), out _).Should().BeFalse();
    });

    [Fact]
    public void Word_ForARankThatComputes_ReachesAnotherOfItsThreads()
    {
        using var heard = new CountdownEvent(1);
        RankThreads.Run(new TGroups().Create(2, new TransportOptions()), transport =>
        {
            if (transport.Rank.Value == 0)
            {
                transport.Signal(new Rank(1), 42);
                heard.Wait(Promptly).Should().BeTrue();
                return;
            }

            var listener = new Thread(() =>
            {
                if (transport.WaitSignal(-1, Timeout.InfiniteTimeSpan, out var signal) && signal == new RankSignal(new Rank(0), 42))
                {
                    heard.Signal();
                }
            });
            listener.Start();
            listener.Join(Promptly).Should().BeTrue();
        });
    }

    [Fact]
    public void Wait_WhenTheGroupEnds_Throws()
    {
        var outcomes = RankThreads.Observe(2, WithTransports(2, transport =>
        {
            if (transport.Rank.Value == 1)
            {
                transport.Abort("enough");
                transport.Signal(new Rank(0), 1);
                return;
            }

            transport.WaitSignal(-1, Timeout.InfiniteTimeSpan, out _);
        }));
        outcomes.Should().AllBeOfType<RankLostException>();
    }

    [Fact]
    public void GiveUpOn_NamesTheLateToEveryone()
    {
        var outcomes = RankThreads.Observe(3, WithTransports(3, transport =>
        {
            if (transport.Rank.Value == 0)
            {
                transport.Invoking(t => t.GiveUpOn([], "slept")).Should().Throw<ArgumentOutOfRangeException>();
                transport.GiveUpOn([new Rank(1), new Rank(2)], "slept");
            }

            transport.WaitSignal(-1, Timeout.InfiniteTimeSpan, out _);
        }));
        outcomes.Should().AllBeOfType<CollectiveTimeoutException>();
        foreach (var outcome in outcomes)
        {
            outcome!.Message.Should().Be("ranks 1, 2 slept");
            ((CollectiveException)outcome).Ranks.Should().Equal(new Rank(1), new Rank(2));
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2)]
    public void Word_ToNobody_IsRefused(int to) => RankThreads.Run(new TGroups().Create(2, new TransportOptions()), transport =>
        transport.Invoking(t => t.Signal(new Rank(to), 1)).Should().Throw<ArgumentOutOfRangeException>());

    private static Action<int> WithTransports(int worldSize, Action<ITransport> body)
    {
        var transports = new TGroups().Create(worldSize, new TransportOptions());
        return rank =>
        {
            using var transport = transports[rank];
            body(transport);
        };
    }
}

public sealed class InProcessSignalTests : SignalTests<InProcessGroups>;

public sealed class TcpSignalTests : SignalTests<TcpGroups>;
