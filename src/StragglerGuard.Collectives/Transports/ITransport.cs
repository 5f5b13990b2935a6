using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>Moves bytes between the ranks of one group, and notices when one of them is gone or late.</summary>
/// <remarks>
/// Used by one thread at a time, except <see cref="Abort"/>, <see cref="Aborted"/>, <see cref="GiveUpOn"/> and the control words
/// (<see cref="Signal"/>, <see cref="WaitSignal"/>), which go beside the collectives: a rank can be spoken to while its thread
/// computes. Messages between two ranks arrive in the order sent and must be received in the length sent; so do control words
/// among themselves. Every moving call throws <see cref="CollectiveException"/> once the group has ended, and allocates nothing
/// otherwise. <see cref="IDisposable.Dispose"/> at a point where all ranks have done the same collectives ends a group in good
/// order, whoever closes first: nobody is taken for lost, and the next generation can be formed at once.
/// </remarks>
public interface ITransport : IDisposable
{
    /// <summary>Who we are.</summary>
    Rank Rank { get; }

    /// <summary>How many ranks there are.</summary>
    int WorldSize { get; }

    /// <summary>Cancelled as soon as the group has ended, also while this rank computes.</summary>
    CancellationToken Aborted { get; }

    /// <summary>How long a wait for other ranks may stand still before it is given up.</summary>
    /// <value>More than zero.</value>
    TimeSpan StandstillMax { get; }

    /// <summary>Announces that this rank has come to a collective. All moving calls lie between this and <see cref="Leave"/>.</summary>
    /// <exception cref="CollectiveException">The group has ended.</exception>
    void Enter(CollectiveStamp stamp);

    /// <summary>The collective is done.</summary>
    void Leave();

    /// <summary>
    /// Sends a message. Up to <see cref="TransportLimits.EagerBytesMax"/> bytes are on their way when the call returns, provided that
    /// the peer has taken the message before; a longer one may wait until the peer receives it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not another rank of the group.</exception>
    void Send(Rank to, ReadOnlySpan<byte> message);

    /// <summary>Receives a message of exactly this length.</summary>
    void Receive(Rank from, Span<byte> message);

    /// <summary>Sends one message and receives another at the same time: a ring of ranks that all do this can't block itself.</summary>
    void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, Span<byte> received);

    /// <summary>As the other <c>Exchange</c>, with the received message handed on in chunks while the rest is under way.</summary>
    /// <param name="to">Receiver of <paramref name="message"/>.</param>
    /// <param name="message">May not be written to before the call returns.</param>
    /// <param name="from">Sender of the other message.</param>
    /// <param name="receivedBytes">Its length.</param>
    /// <param name="receiver">Is called once for each chunk, in order, on this thread.</param>
    void Exchange(Rank to, ReadOnlySpan<byte> message, Rank from, int receivedBytes, IChunkReceiver receiver);

    /// <summary>Ends the group for all ranks in this rank's name. May be called from any thread.</summary>
    /// <param name="reason">What the others will read; up to about 900 bytes of it.</param>
    void Abort(string reason);

    /// <summary>Ends the group for all ranks because others did not come in time. May be called from any thread.</summary>
    /// <param name="late">Who did not come, ascending; not empty.</param>
    /// <param name="reason">What is said of them, for example <c>did not come to all-reduce #418 within 30 s</c>.</param>
    void GiveUpOn(IReadOnlyList<Rank> late, string reason);

    /// <summary>Sends a control word. Never waits for the receiver, and may be called from any thread.</summary>
    /// <param name="to">Any rank; this one too.</param>
    /// <param name="word">Its meaning is the caller's affair.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not a rank of the group.</exception>
    /// <exception cref="CollectiveException">The group has ended.</exception>
    void Signal(Rank to, long word);

    /// <summary>Waits for the next control word from any rank. May be called from any thread, by one at a time.</summary>
    /// <param name="neededSequence">
    /// The collective that the wait prepares: a rank that has left without having done it ends the group. −1 where nothing is needed of
    /// anyone.
    /// </param>
    /// <param name="patience">How long at most; zero only looks, <see cref="Timeout.InfiniteTimeSpan"/> waits for ever.</param>
    /// <param name="signal">The word.</param>
    /// <returns>False when none came in time.</returns>
    /// <exception cref="CollectiveException">The group has ended.</exception>
    bool WaitSignal(long neededSequence, TimeSpan patience, out RankSignal signal);
}

/// <summary>Takes a message in chunks.</summary>
public interface IChunkReceiver
{
    /// <summary>The next chunk.</summary>
    /// <param name="chunk">Valid during the call only; its length is a multiple of 64 except for the last one.</param>
    /// <param name="offset">Position of the chunk in the message, in bytes.</param>
    void Receive(ReadOnlySpan<byte> chunk, int offset);
}

/// <summary>What every transport grants.</summary>
public static class TransportLimits
{
    /// <summary>Longest message that is sent without waiting for its receiver, in bytes.</summary>
    public const int EagerBytesMax = 8 * 1024;
}
