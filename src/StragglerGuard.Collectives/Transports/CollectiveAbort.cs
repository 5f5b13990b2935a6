using System.Diagnostics.CodeAnalysis;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>Why a group ended.</summary>
internal enum AbortCause : byte
{
    RankLost = 0,
    TimedOut = 1,
    Mismatch = 2,
}

/// <summary>The end of a group as it is told from rank to rank: who caused it and what happened.</summary>
/// <param name="Cause">Kind of the end.</param>
/// <param name="Ranks">Who caused it, ascending.</param>
/// <param name="Reason">A predicate to the ranks, for example <c>died (connection reset)</c>.</param>
internal sealed record CollectiveAbort(AbortCause Cause, Rank[] Ranks, string Reason)
{
    public static CollectiveAbort Died(Rank rank, string how) => new(AbortCause.RankLost, [rank], $"died ({how})");

    public static CollectiveAbort GaveUp(Rank rank, string reason) => new(AbortCause.RankLost, [rank], $"gave up ({reason})");

    public static CollectiveAbort Left(Rank rank) => new(AbortCause.RankLost, [rank], "left the group");

    /// <summary>What is said of ranks that were waited for in vain.</summary>
    public static string DidNotCome(CollectiveStamp stamp, TimeSpan timeout) => $"did not come to {stamp} within {timeout.TotalSeconds:0.###} s";

    /// <summary>What is said of ranks that say no more where they are.</summary>
    public static string GaveNoAnswer(CollectiveStamp stamp, TimeSpan timeout) =>
        $"gave no answer, after {timeout.TotalSeconds:0.###} s of waiting in {stamp}";

    /// <summary>Ranks that were waited for in vain.</summary>
    /// <param name="behind">Ranks that had not entered, or did not answer; may be empty.</param>
    /// <param name="waitedOn">The neighbour that was to send or take data: named only if nobody is behind.</param>
    /// <param name="stamp">What was waited in.</param>
    /// <param name="timeout">How long.</param>
    public static CollectiveAbort TimedOut(List<Rank> behind, Rank waitedOn, CollectiveStamp stamp, TimeSpan timeout) => behind.Count > 0
        ? Late(behind, DidNotCome(stamp, timeout))
        : Late([waitedOn], $"came to {stamp}, but moved no data for {timeout.TotalSeconds:0.###} s");

    /// <summary>Ranks whose connections stand, but who say no more where they are: frozen, or cut off.</summary>
    public static CollectiveAbort Silent(List<Rank> silent, CollectiveStamp stamp, TimeSpan timeout) =>
        Late(silent, GaveNoAnswer(stamp, timeout));

    /// <summary>Ranks that held the others up.</summary>
    public static CollectiveAbort Late(IReadOnlyList<Rank> late, string reason) => new(AbortCause.TimedOut, [.. late], reason);

    public static CollectiveAbort Mismatch(Rank peer, CollectiveStamp theirs, int theirBytes, Rank own, CollectiveStamp mine, int bytes) =>
        new(
            AbortCause.Mismatch,
            [peer],
            $"sent {theirBytes} bytes in {theirs}, where {own} expected {bytes} bytes in {mine}");

    /// <summary>The exception that an observer throws.</summary>
    /// <param name="observer">Where it stands in its own sequence of collectives.</param>
    public CollectiveException ToException(RankProgress observer)
    {
        var message = $"{Names()} {Reason}";
        return Cause switch
        {
            AbortCause.TimedOut => new CollectiveTimeoutException(Ranks, message),
            AbortCause.Mismatch => new CollectiveMismatchException(Ranks, message),
            _ => new RankLostException(Ranks, $"{message} {observer.Describe()}"),
        };
    }

    private string Names() => Ranks.Length == 1
        ? Ranks[0].ToString()
        : $"ranks {string.Join(", ", Ranks.Select(r => r.Value))}";
}

/// <summary>Keeps the first abort of a group and tells of it.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The source holds no timer, and its token outlives the transports that share it.")]
internal sealed class AbortLatch
{
    private readonly CancellationTokenSource _source = new();
    private CollectiveAbort? _abort;

    /// <summary>The abort, once there is one.</summary>
    public CollectiveAbort? Value => Volatile.Read(ref _abort);

    /// <summary>Cancelled with the abort.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>The first one stays.</summary>
    public void Set(CollectiveAbort abort)
    {
        if (Interlocked.CompareExchange(ref _abort, abort, null) is null)
        {
            // Callbacks are strangers: they run elsewhere, so that they can't hold up who tells the others.
            _ = _source.CancelAsync();
        }
    }

    /// <exception cref="CollectiveException">The group has ended.</exception>
    public void ThrowIfSet(RankProgress observer)
    {
        if (Value is { } abort)
        {
            throw abort.ToException(observer);
        }
    }
}

/// <summary>Where a rank stands in the sequence of collectives. Written by the rank's thread, read by any.</summary>
internal sealed class RankProgress
{
    private long _entered = -1;
    private long _completed = -1;
    private int _left;

    /// <summary>The packed stamp entered last; −1 before the first.</summary>
    public long EnteredPacked => Volatile.Read(ref _entered);

    /// <summary>Sequence of the collective left last; −1 before the first.</summary>
    public long CompletedSequence => Volatile.Read(ref _completed);

    /// <summary>Sequence of the collective entered last; −1 before the first.</summary>
    public long EnteredSequence => SequenceOf(EnteredPacked);

    /// <summary>Whether the rank has said goodbye.</summary>
    public bool HasLeft => Volatile.Read(ref _left) != 0;

    /// <summary>What the rank's thread is in; valid inside a collective only.</summary>
    public CollectiveStamp Current => CollectiveStamp.Unpack(EnteredPacked);

    public static long SequenceOf(long packed) => packed < 0 ? -1 : CollectiveStamp.Unpack(packed).Sequence;

    public void Enter(CollectiveStamp stamp) => Volatile.Write(ref _entered, stamp.Packed);

    public void Complete() => Volatile.Write(ref _completed, EnteredSequence);

    public void Leave() => Volatile.Write(ref _left, 1);

    /// <summary>Takes over what a distant rank said on leaving.</summary>
    public void LeaveAfter(long completed)
    {
        Volatile.Write(ref _completed, completed);
        Leave();
    }

    /// <returns>For example <c>during all-reduce #418</c>.</returns>
    public string Describe()
    {
        var entered = EnteredPacked;
        if (entered < 0)
        {
            return "before the first collective";
        }

        var stamp = CollectiveStamp.Unpack(entered);
        return stamp.Sequence > CompletedSequence ? $"during {stamp}" : $"after {stamp}";
    }
}
