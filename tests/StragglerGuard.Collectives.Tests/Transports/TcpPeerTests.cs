using System.Net;
using System.Net.Sockets;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Transports;

/// <summary>A real last rank among peers whose two connections the test holds in its own hands.</summary>
public sealed class TcpPeerTests
{
    private static readonly TransportOptions Hasty = new()
    {
        Timeout = TimeSpan.FromMilliseconds(300), AnswerGrace = TimeSpan.FromMilliseconds(300),
    };

    [Fact]
    public void PeerThatStopsAnswering_IsNamedAfterTheGrace() => WithPeers(1, Hasty, (transport, _) =>
    {
        // A frozen process: its connections stand, its system takes bytes, nobody reads them.
        transport.Enter(new CollectiveStamp(CollectiveKind.Broadcast, 0));
        transport.Invoking(t => t.Receive(new Rank(0), new byte[10])).Should().Throw<CollectiveTimeoutException>()
            .WithMessage("rank 0 gave no answer, after 0.3 s of waiting in broadcast #0").Which.Ranks.Should().Equal(new Rank(0));
    });

    [Fact]
    public void PeerThatClosesItsDataFirst_IsNotBlamedForTheDeathItThenReports() => WithPeers(2, new TransportOptions(), (transport, peers) =>
    {
        CollectiveException? thrown = null;
        var blocked = new Thread(() =>
        {
            transport.Enter(new CollectiveStamp(CollectiveKind.AllReduce, 0));
            thrown = Record.Exception(() => transport.Receive(new Rank(1), new byte[100_000])) as CollectiveException;
        });
        blocked.Start();
        peers[1].Data.Dispose();

        // Had our rank drawn its own conclusion, it would say so here.
        peers[0].Control.Poll(TimeSpan.FromMilliseconds(300), SelectMode.SelectRead).Should().BeFalse();
        peers[1].Control.Send(ControlFrame.Abort(CollectiveAbort.Died(new Rank(0), "connection reset")));
        peers[1].Control.Dispose();
        blocked.Join(TimeSpan.FromSeconds(10)).Should().BeTrue();
        thrown.Should().BeOfType<RankLostException>().Which.Ranks.Should().Equal(new Rank(0));
        thrown!.Message.Should().Be("rank 0 died (connection reset) during all-reduce #0");
    });

    [Fact]
    public void Abort_FromOnePeer_IsPassedOnToTheOthers() => WithPeers(2, new TransportOptions(), (transport, peers) =>
    {
        var frame = ControlFrame.Abort(CollectiveAbort.GaveUp(new Rank(1), "disk full"));
        peers[1].Control.Send(frame);
        var passedOn = new byte[frame.Length];
        peers[0].Control.ReceiveTimeout = 10_000;
        ReceiveAll(peers[0].Control, passedOn);
        passedOn.Should().Equal(frame);
        transport.Aborted.WaitHandle.WaitOne(TimeSpan.FromSeconds(10)).Should().BeTrue();
    });

    [Fact]
    public void PeerWhoseDataClosesWithoutAWord_IsNamedAfterTheGrace() => WithPeers(
        1, new TransportOptions { AnswerGrace = TimeSpan.FromMilliseconds(100) }, (transport, peers) =>
        {
            peers[0].Data.Dispose();
            transport.Enter(new CollectiveStamp(CollectiveKind.Barrier, 0));
            transport.Invoking(t => t.Receive(new Rank(0), [])).Should().Throw<RankLostException>()
                .WithMessage("rank 0 died (data connection closed) during barrier #0");
        });

    [Fact]
    public void PeerThatSpeaksNonsense_IsNamed() => WithPeers(1, new TransportOptions(), (transport, peers) =>
    {
        peers[0].Control.Send([200, 200, 200, 200]);
        transport.Aborted.WaitHandle.WaitOne(TimeSpan.FromSeconds(10)).Should().BeTrue();
        transport.Invoking(t => t.Enter(new CollectiveStamp(CollectiveKind.Barrier, 0))).Should().Throw<RankLostException>()
            .WithMessage("rank 0 died (spoke nonsense*").Which.Ranks.Should().Equal(new Rank(0));
    });

    private static void WithPeers(int peerCount, TransportOptions options, Action<TcpTransport, (Socket Data, Socket Control)[]> body)
    {
        var listeners = Enumerable.Range(0, peerCount + 1).Select(_ => TcpTransport.ListenOnLoopback()).ToArray();
        var endpoints = listeners.Select(l => (IPEndPoint)l.LocalEndPoint!).ToArray();
        TcpTransport? transport = null;
        var peers = new (Socket Data, Socket Control)[peerCount];
        RankThreads.Run(peerCount + 1, rank =>
        {
            if (rank == peerCount)
            {
                transport = TcpTransport.Connect(listeners[rank], endpoints, Identity(rank), options);
                return;
            }

            using var listener = listeners[rank];
            for (var i = 0; i < 2; i++)
            {
                var socket = listener.Accept();
                var hello = new byte[TcpHello.Bytes];
                ReceiveAll(socket, hello);
                var channel = TcpHello.Read(hello).Channel;
                socket.Send(TcpHello.From(Identity(rank), peerCount + 1, channel).ToBytes());
                peers[rank] = channel == TcpChannel.Data ? (socket, peers[rank].Control) : (peers[rank].Data, socket);
            }
        });
        try
        {
            body(transport!, peers);
        }
        finally
        {
            foreach (var (data, control) in peers)
            {
                data.Dispose();
                control.Dispose();
            }

            transport!.Dispose();
        }
    }

    private static TcpIdentity Identity(int rank) => new(new Rank(rank), "secret");

    private static void ReceiveAll(Socket socket, byte[] bytes)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var count = socket.Receive(bytes.AsSpan(at));
            count.Should().BeGreaterThan(0);
            at += count;
        }
    }
}
