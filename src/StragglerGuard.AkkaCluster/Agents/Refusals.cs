using StragglerGuard.AkkaCluster.Messages;

namespace StragglerGuard.AkkaCluster.Agents;

/// <summary>Messages that came and can't be read, and connections and frames that were refused.</summary>
internal sealed class Refusals
{
    private long _count;
    private volatile string? _last;

    public long Total => Interlocked.Read(ref _count);

    /// <summary>Why the last one was refused; null while none was.</summary>
    public string? Last => _last;

    public void Count(Unreadable unreadable) => Count(nameof(Unreadable), $"{unreadable.Manifest}: {unreadable.Reason}");

    /// <summary>Counts what was refused before it was a message, too.</summary>
    /// <param name="kind">In a word.</param>
    /// <param name="reason">In a sentence.</param>
    public void Count(string kind, string reason)
    {
        _last = reason;
        Interlocked.Increment(ref _count);
    }
}
