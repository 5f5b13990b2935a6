using StragglerGuard.AkkaCluster.Messages;

namespace StragglerGuard.AkkaCluster.Agents;

/// <summary>Messages that came and can't be read.</summary>
internal sealed class Refusals
{
    private long _count;
    private volatile string? _last;

    public long Total => Interlocked.Read(ref _count);

    /// <summary>Why the last one was refused; null while none was.</summary>
    public string? Last => _last;

    public void Count(Unreadable unreadable)
    {
        _last = $"{unreadable.Manifest}: {unreadable.Reason}";
        Interlocked.Increment(ref _count);
    }
}
