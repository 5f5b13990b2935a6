using System.Buffers.Binary;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Probing;

namespace StragglerGuard.Collectives.Probes;

/// <summary>What a link's leader asks of the other end.</summary>
internal enum LinkRequest
{
    /// <summary>Answer at once.</summary>
    Answer = 1,

    /// <summary>Answer, take a payload, and answer again.</summary>
    Take = 2,

    /// <summary>Give a payload.</summary>
    Give = 3,

    /// <summary>That was all.</summary>
    End = 4,
}

/// <summary>What was measured on one link.</summary>
internal readonly record struct LinkFigures(ProbeFigure LatencyUs, ProbeFigure ForwardGBPerSecond, ProbeFigure BackwardGBPerSecond);

/// <summary>The end of a link that has the clock and says how long to go on, so that both ends always agree.</summary>
internal sealed class LinkLeader(ITransport transport, Rank peer, byte[] payload, Func<long> nowNs)
{
    internal const int WordBytes = 16;

    private readonly RepeatedTiming _repeated = new(nowNs);
    private readonly byte[] _word = new byte[WordBytes];

    /// <summary>Latency for a fifth of the time, each direction's bandwidth for two fifths.</summary>
    public LinkFigures Measure(long limitNs)
    {
        var latency = _repeated.Measure(limitNs / 5, TimeRoundTrip, elapsedNs => elapsedNs / 2e3);
        var roundTripNs = 2e3 * latency.Median;

        // A payload's time holds one round trip: its own way and that of the answer, or of the request. What is left of it carries the
        // bytes; on a link so fast that little is left, the difference of two noisy times must not make it infinite.
        double Rate(double elapsedNs) => payload.Length / Math.Max(elapsedNs - roundTripNs, elapsedNs / 2);
        var forward = _repeated.Measure(limitNs * 2 / 5, TimeForward, Rate);
        var backward = _repeated.Measure(limitNs * 2 / 5, TimeBackward, Rate);
        Ask(LinkRequest.End);
        return new LinkFigures(latency, forward, backward);
    }

    private long TimeRoundTrip()
    {
        var startNs = nowNs();
        Ask(LinkRequest.Answer);
        transport.Receive(peer, _word);
        return nowNs() - startNs;
    }

    private long TimeForward()
    {
        // The request goes ahead, so that either direction is timed over two messages, as a round trip is.
        Ask(LinkRequest.Take);
        transport.Receive(peer, _word);
        var startNs = nowNs();
        transport.Send(peer, payload);
        transport.Receive(peer, _word);
        return nowNs() - startNs;
    }

    private long TimeBackward()
    {
        var startNs = nowNs();
        Ask(LinkRequest.Give);
        transport.Receive(peer, payload);
        return nowNs() - startNs;
    }

    private void Ask(LinkRequest request)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_word, (long)request);
        transport.Send(peer, _word);
    }
}

/// <summary>The end of a link that does what it is asked.</summary>
internal static class LinkFollower
{
    public static void Serve(ITransport transport, Rank leader, byte[] payload)
    {
        var word = new byte[LinkLeader.WordBytes];
        while (true)
        {
            transport.Receive(leader, word);
            switch ((LinkRequest)BinaryPrimitives.ReadInt64LittleEndian(word))
            {
                case LinkRequest.Answer:
                    transport.Send(leader, word);
                    break;
                case LinkRequest.Take:
                    transport.Send(leader, word);
                    transport.Receive(leader, payload);
                    transport.Send(leader, word);
                    break;
                case LinkRequest.Give:
                    transport.Send(leader, payload);
                    break;
                case LinkRequest.End:
                    return;
                default:
                    throw new InvalidOperationException($"{leader} asked for what this program does not know: ranks run different versions.");
            }
        }
    }
}
