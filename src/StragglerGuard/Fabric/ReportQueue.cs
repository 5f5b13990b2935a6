using System.Threading.Channels;

namespace StragglerGuard.Fabric;

/// <summary>A bounded queue of reports in which the oldest gives way to the newest, counted.</summary>
internal sealed class ReportQueue
{
    /// <summary>
    /// Reports that may wait for a guardian: four of each of 32,768 agents, so that a pause of some seconds loses none. A guardian that has just begun
    /// with so many has its code to compile, and memory to take.
    /// </summary>
    public const int GuardianCapacity = 131_072;

    private readonly Channel<NodeReport> _channel;
    private long _dropped;

    public ReportQueue(int capacity)
    {
        _channel = Channel.CreateBounded<NodeReport>(
            new BoundedChannelOptions(capacity) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true },
            _ => Interlocked.Increment(ref _dropped));
    }

    public ChannelReader<NodeReport> Reader => _channel.Reader;

    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Never waits. After <see cref="Complete"/> the report counts as dropped.</summary>
    public void Enqueue(NodeReport report)
    {
        if (!_channel.Writer.TryWrite(report))
        {
            CountDropped();
        }
    }

    /// <summary>A report that was read can't be delivered.</summary>
    public void CountDropped() => Interlocked.Increment(ref _dropped);

    public void Complete() => _channel.Writer.TryComplete();
}
