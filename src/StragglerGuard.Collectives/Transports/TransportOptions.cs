namespace StragglerGuard.Collectives.Transports;

/// <summary>How long a transport waits and in what pieces it moves.</summary>
public sealed record TransportOptions
{
    /// <summary>How long a collective may stand still before it is given up.</summary>
    /// <value>More than zero; default 30 s. Counted from the last byte that moved, so a long transfer is no timeout.</value>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a rank may take to answer where it stands, or to explain a closed connection, before it is named.</summary>
    /// <value>More than zero; default 2 s.</value>
    public TimeSpan AnswerGrace { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long ranks may take to meet, <see cref="TcpTransport"/> only.</summary>
    /// <value>More than zero; default 60 s.</value>
    public TimeSpan RendezvousTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Bytes that are worked on while the next are under way.</summary>
    /// <value>64 … 16 Mi, a multiple of 64; default 256 Ki: in a second-level cache twice.</value>
    public int ChunkBytes { get; init; } = 256 * 1024;

    internal void Validate()
    {
        RequirePositive(Timeout, nameof(Timeout));
        RequirePositive(AnswerGrace, nameof(AnswerGrace));
        RequirePositive(RendezvousTimeout, nameof(RendezvousTimeout));
        if (ChunkBytes is < 64 or > 16 * 1024 * 1024 || ChunkBytes % 64 != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(ChunkBytes), ChunkBytes, "64 … 16 Mi, a multiple of 64");
        }
    }

    private static void RequirePositive(TimeSpan value, string name)
    {
        if (value <= TimeSpan.Zero || value > TimeSpan.FromDays(1))
        {
            throw new ArgumentOutOfRangeException(name, value, "More than zero, at most a day");
        }
    }
}
