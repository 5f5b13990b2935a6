using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Probes;

/// <summary>
/// A transport whose links to some peers are slow by work, not by waiting: while a link is probed each message goes many times, each with
/// an answer. Both ends of such a link must be wrapped.
/// </summary>
internal sealed class SlowLinkTransport(ITransport inner, Func<Rank, Rank, bool> isSlow, int times) : ITransport
{
    private readonly byte[] _answer = new byte[1];
    private bool _isProbing;

    public Rank Rank => inner.Rank;

    public int WorldSize => inner.WorldSize;

    public CancellationToken Aborted => inner.Aborted;

    public void Enter(CollectiveStamp stamp)
    {
        _isProbing = stamp.Kind == CollectiveKind.LinkProbe;
        inner.Enter(stamp);
    }

    public void Leave() => inner.Leave();

    public void Send(Rank to, ReadOnlySpan<byte> message)
    {
        for (var time = 0; time < Extra(to); time++)
        {
            inner.Send(to, message);
            inner.Receive(to, _answer);
        }

        inner.Send(to, message);
    }

    public void Receive(Rank from, Span<byte> message)
    {
        for (var time = 0; time < Extra(from); time++)
        {
            inner.Receive(from, message);
            inner.Send(from, _answer);
        }

        inner.Receive(from, message);
    }

    public void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, Span<byte> received) => inner.Exchange(to, message, from, received);

    public void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, int receivedBytes, IChunkReceiver receiver) =>
        inner.Exchange(to, message, from, receivedBytes, receiver);

    public void Abort(string reason) => inner.Abort(reason);

    public void Dispose() => inner.Dispose();

    private int Extra(Rank peer) => _isProbing && isSlow(Rank, peer) ? times - 1 : 0;
}
