using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Probes;

/// <summary>
/// A rank's end of a group in which messages really move but take the time that a test gives them: by a clock of the rank's own, which
/// moves with its messages only.
/// </summary>
/// <param name="inner">Moves the messages.</param>
/// <param name="factorOf">How many times as long as a healthy link's a message from one rank to another takes.</param>
internal sealed class SlowLinkTransport(ITransport inner, Func<Rank, Rank, double> factorOf) : ITransport
{
    /// <summary>Of a healthy link: 10 µs a message, and a byte a ns.</summary>
    public const double MessageNs = 10_000;

    private double _nowNs;

    public Rank Rank => inner.Rank;

    public int WorldSize => inner.WorldSize;

    public CancellationToken Aborted => inner.Aborted;

    public long NowNs() => (long)_nowNs;

    public void Enter(CollectiveStamp stamp) => inner.Enter(stamp);

    public void Leave() => inner.Leave();

    public void Send(Rank to, ReadOnlySpan<byte> message)
    {
        inner.Send(to, message);
        _nowNs += (MessageNs + message.Length) * factorOf(Rank, to);
    }

    public void Receive(Rank from, Span<byte> message)
    {
        inner.Receive(from, message);
        _nowNs += (MessageNs + message.Length) * factorOf(from, Rank);
    }

    public void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, Span<byte> received) => inner.Exchange(to, message, from, received);

    public void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, int receivedBytes, IChunkReceiver receiver) =>
        inner.Exchange(to, message, from, receivedBytes, receiver);

    public TimeSpan StandstillMax => inner.StandstillMax;

    public void GiveUpOn(IReadOnlyList<Rank> late, string reason) => inner.GiveUpOn(late, reason);

    public void Signal(Rank to, long word) => inner.Signal(to, word);

    public bool WaitSignal(long neededSequence, TimeSpan patience, out RankSignal signal) =>
        inner.WaitSignal(neededSequence, patience, out signal);

    public void Abort(string reason) => inner.Abort(reason);

    public void Dispose() => inner.Dispose();
}
