using System.Net;
using System.Net.Sockets;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Transports;

public sealed class TcpRendezvousTests
{
    private static readonly TransportOptions Options = new()
    {
        RendezvousTimeout = TimeSpan.FromSeconds(20),
        Timeout = TimeSpan.FromMilliseconds(300),
        AnswerGrace = TimeSpan.FromMilliseconds(300),
    };

    private static readonly TransportOptions Impatient = Options with { RendezvousTimeout = TimeSpan.FromMilliseconds(400) };

    private static TcpIdentity Identity(int rank, string token = "secret") => new(new Rank(rank), token)
    {
        Generation = new Generation(3), EpochInForce = new PlanEpoch(5), PlanHash = 0xABC,
    };

    private static TcpIdentity Other(string field) => new(new Rank(1), "secret")
    {
        Generation = new Generation(field == "generation" ? 4 : 3),
        EpochInForce = new PlanEpoch(field == "epoch in force" ? 6 : 5),
        PlanHash = field == "plan hash" ? 0xDEFu : 0xABCu,
    };

    [Theory]
    [InlineData("generation", "3", "4")]
    [InlineData("epoch in force", "5", "6")]
    [InlineData("plan hash", "0000000000000abc", "0000000000000def")]
    public void Connect_WhenAFieldDiffers_IsRefusedOnBothSidesWithFieldAndValues(string field, string here, string there)
    {
        var (listeners, endpoints) = Listen(2);
        var outcomes = RankThreads.Observe(2, rank =>
            TcpTransport.Connect(listeners[rank], endpoints, rank == 0 ? Identity(0) : Other(field), Options).Dispose());
        CheckRefusal(outcomes[0], 1, field, here, there);
        CheckRefusal(outcomes[1], 0, field, there, here);
    }

    [Fact]
    public void Connect_WhenWorldSizeDiffers_IsRefusedOnBothSides()
    {
        var (listeners, endpoints) = Listen(2);
        var outcomes = RankThreads.Observe(2, rank =>
            TcpTransport.Connect(listeners[rank], rank == 0 ? endpoints : [.. endpoints, endpoints[1]], Identity(rank), Options).Dispose());
        CheckRefusal(outcomes[0], 1, "world size", "2", "3");
        CheckRefusal(outcomes[1], 0, "world size", "3", "2");
    }

    [Fact]
    public void Connect_WithAnotherToken_IsRefusedWithoutShowingTokensAndWithoutStoppingTheJob()
    {
        var (listeners, endpoints) = Listen(2);
        using var strangerRefused = new ManualResetEventSlim();
        RankThreads.Run(3, thread =>
        {
            if (thread == 2)
            {
                // Calls itself rank 1, does not know the secret.
                using var listener = TcpTransport.ListenOnLoopback();
                var refusal = FluentActions.Invoking(() => TcpTransport.Connect(listener, endpoints, Identity(1, "guess"), Options))
                    .Should().Throw<HandshakeException>().Which;
                refusal.Field.Should().Be("job token");
                refusal.Message.Should().NotContain("guess").And.NotContain("secret");
                strangerRefused.Set();
                return;
            }

            if (thread == 1)
            {
                strangerRefused.Wait(TimeSpan.FromSeconds(20)).Should().BeTrue();
            }

            using var transport = TcpTransport.Connect(listeners[thread], endpoints, Identity(thread), Options);
            transport.WorldSize.Should().Be(2);
        });
    }

    [Fact]
    public void Connect_WhenOnlyAnotherTokenComes_NamesTheRankAndTheRefusal()
    {
        var (listeners, endpoints) = Listen(2);
        var outcomes = RankThreads.Observe(2, rank =>
            TcpTransport.Connect(listeners[rank], endpoints, Identity(rank, rank == 0 ? "secret" : "guess"), Impatient).Dispose());
        outcomes[0].Should().BeOfType<RendezvousException>().Which.Ranks.Should().Equal(new Rank(1));
        outcomes[0]!.Message.Should().Contain("job token");
        outcomes[1].Should().BeOfType<HandshakeException>().Which.Field.Should().Be("job token");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Connect_WhenARankNeverComes_NamesItOnEveryOther(int missing)
    {
        var (listeners, endpoints) = Listen(4);
        var outcomes = RankThreads.Observe(4, rank =>
        {
            if (rank != missing)
            {
                TcpTransport.Connect(listeners[rank], endpoints, Identity(rank), Impatient).Dispose();
            }
        });
        listeners[missing].Dispose();
        foreach (var outcome in outcomes.Where((_, rank) => rank != missing))
        {
            outcome.Should().BeOfType<RendezvousException>().Which.Ranks.Should().Equal(new Rank(missing));
            outcome!.Message.Should().Be($"rank {missing} did not come to the rendezvous within 0.4 s");
        }
    }

    [Fact]
    public void Connect_WhenAPortScannerCalls_IgnoresIt()
    {
        var (listeners, endpoints) = Listen(2);
        using var talker = Call(endpoints[0]);
        talker.Send("GET / HTTP/1.1\r\n\r\n"u8);
        using var silent = Call(endpoints[0]);
        using var gone = Call(endpoints[0]);
        gone.Dispose();
        var forged = TcpHello.From(Identity(1), 2, TcpChannel.Data).ToBytes();
        using var half = Call(endpoints[0]);
        half.Send(forged.AsSpan(0, 20));
        RankThreads.Run(2, rank =>
        {
            using var transport = TcpTransport.Connect(listeners[rank], endpoints, Identity(rank), Options);
            transport.Enter(new CollectiveStamp(CollectiveKind.Barrier, 0));
            Span<byte> received = stackalloc byte[1];
            transport.Exchange(new Rank(1 - rank), [(byte)rank], new Rank(1 - rank), received);
            received[0].Should().Be((byte)(1 - rank));
            transport.Leave();
        });
    }

    [Fact]
    public void Connect_WhenTwoProcessesTakeOneRank_IsRefused()
    {
        var (listeners, endpoints) = Listen(3);
        listeners[2].Dispose();
        var hello = TcpHello.From(Identity(1), 3, TcpChannel.Data).ToBytes();
        using var first = Call(endpoints[0]);
        using var second = Call(endpoints[0]);
        first.Send(hello);
        second.Send(hello);
        FluentActions.Invoking(() => TcpTransport.Connect(listeners[0], endpoints, Identity(0), Options))
            .Should().Throw<HandshakeException>().Which.Field.Should().Be("rank");
        listeners[1].Dispose();
    }

    [Fact]
    public void Connect_WhenThePeerSpeaksAnotherSchema_IsRefusedOnTheCallersSide()
    {
        var (listeners, endpoints) = Listen(2);
        RankThreads.Run(2, rank =>
        {
            if (rank == 0)
            {
                using var peer = listeners[0].Accept();
                var hello = TcpHello.From(Identity(0), 2, TcpChannel.Data) with { Schema = 99 };
                peer.Send(hello.ToBytes());
                return;
            }

            var refusal = FluentActions.Invoking(() => TcpTransport.Connect(listeners[1], endpoints, Identity(1), Options))
                .Should().Throw<HandshakeException>().Which;
            refusal.Message.Should().Be("rank 0 was refused: schema version is 99 there and 1 here");
        });
    }

    [Fact]
    public void Connect_RankWithoutEndpoint_IsRefused()
    {
        var (listeners, endpoints) = Listen(1);
        FluentActions.Invoking(() => TcpTransport.Connect(listeners[0], endpoints, Identity(1)))
            .Should().Throw<ArgumentOutOfRangeException>();
    }

    private static Socket Call(IPEndPoint endpoint)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(endpoint);
        return socket;
    }

    private static (Socket[] Listeners, IPEndPoint[] Endpoints) Listen(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => TcpTransport.ListenOnLoopback()).ToArray();
        return (listeners, [.. listeners.Select(l => (IPEndPoint)l.LocalEndPoint!)]);
    }

    private static void CheckRefusal(Exception? outcome, int peer, string field, string own, string theirs)
    {
        var refusal = outcome.Should().BeOfType<HandshakeException>().Which;
        refusal.Ranks.Should().Equal(new Rank(peer));
        refusal.Field.Should().Be(field);
        refusal.Own.Should().Be(own);
        refusal.Theirs.Should().Be(theirs);
        refusal.Message.Should().Be($"rank {peer} was refused: {field} is {theirs} there and {own} here");
    }
}
