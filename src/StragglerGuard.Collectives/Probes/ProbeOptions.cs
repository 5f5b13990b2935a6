namespace StragglerGuard.Collectives.Probes;

/// <summary>How long a probe may take, and on what size of problem.</summary>
/// <remarks>Figures are comparable only between probes of one problem size: set sizes for a whole fleet, or leave them.</remarks>
public sealed record ProbeOptions
{
    internal const int MatrixOrderMax = 16_384;
    internal const int MemoryBytesMax = 1 << 30;
    internal const int PayloadBytesMax = 64 * 1024 * 1024;

    /// <summary>
    /// How long each probe goes on, a quarter of it to warm up. One that has not had its least number of repeats by then goes on until it has.
    /// </summary>
    /// <value>10 ms … 60 s; default 0.5 s.</value>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Rows and columns of the matrices that are multiplied.</summary>
    /// <value>
    /// 16 … 16,384; default 256 on a device in the host's memory and 4,096 on others, where less work is over before it is under way.
    /// </value>
    public int? MatrixOrder { get; init; }

    /// <summary>Length of the vector that is copied.</summary>
    /// <value>Bytes, 64 Ki … 1 Gi, a multiple of 4; default 64 Mi. One that fits into a cache measures the cache.</value>
    public int MemoryBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Length of the message that measures bandwidth; equal at all ranks of a group.</summary>
    /// <value>Bytes, 16 Ki … 64 Mi; default 1 Mi.</value>
    public int PayloadBytes { get; init; } = 1024 * 1024;

    internal long TimeLimitNs => TimeLimit.Ticks * TimeSpan.NanosecondsPerTick;

    internal void Validate()
    {
        if (TimeLimit < TimeSpan.FromMilliseconds(10) || TimeLimit > TimeSpan.FromMinutes(1))
        {
            throw new ArgumentOutOfRangeException(nameof(TimeLimit), TimeLimit, "10 ms … 60 s");
        }

        if (MatrixOrder is < 16 or > MatrixOrderMax)
        {
            throw new ArgumentOutOfRangeException(nameof(MatrixOrder), MatrixOrder, $"16 … {MatrixOrderMax}");
        }

        if (MemoryBytes is < 64 * 1024 or > MemoryBytesMax || MemoryBytes % sizeof(float) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(MemoryBytes), MemoryBytes, "64 Ki … 1 Gi, a multiple of 4");
        }

        if (PayloadBytes is < 16 * 1024 or > PayloadBytesMax)
        {
            throw new ArgumentOutOfRangeException(nameof(PayloadBytes), PayloadBytes, "16 Ki … 64 Mi");
        }
    }
}
