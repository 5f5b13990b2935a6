using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>Moves bytes between the ranks of one group, and notices when one of them is gone or late.</summary>
/// <remarks>
/// Used by one thread, except <see cref="Abort"/> and <see cref="Aborted"/>. Messages between two ranks arrive in the order sent
/// and must be received in the length sent. Every moving call throws <see cref="CollectiveException"/> once the group has ended,
/// and allocates nothing otherwise.
/// </remarks>
public interface ITransport : IDisposable
{
    /// <summary>Who we are.</summary>
    Rank Rank { get; }

    /// <summary>How many ranks there are.</summary>
    int WorldSize { get; }

    /// <summary>Cancelled as soon as the group has ended, also while this rank computes.</summary>
    CancellationToken Aborted { get; }

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
