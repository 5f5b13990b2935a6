using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>A collective, or the meeting before the first one, failed. The group is of no use any more: begin a new generation.</summary>
public abstract class CollectiveException : Exception
{
    private protected CollectiveException(IReadOnlyList<Rank> ranks, string message, Exception? inner = null)
        : base(message, inner)
    {
        Ranks = ranks;
    }

    /// <summary>The ranks that caused it, ascending; never those that merely noticed.</summary>
    public IReadOnlyList<Rank> Ranks { get; }
}

/// <summary>A rank died, gave up or left while others needed it. Every surviving rank names the same one.</summary>
public sealed class RankLostException : CollectiveException
{
    internal RankLostException(IReadOnlyList<Rank> ranks, string message)
        : base(ranks, message)
    {
    }
}

/// <summary>Ranks did not come to a collective in time, or stopped answering.</summary>
public sealed class CollectiveTimeoutException : CollectiveException
{
    internal CollectiveTimeoutException(IReadOnlyList<Rank> ranks, string message)
        : base(ranks, message)
    {
    }
}

/// <summary>Ranks called different collectives, or the same one with different lengths: a mistake in the program.</summary>
public sealed class CollectiveMismatchException : CollectiveException
{
    internal CollectiveMismatchException(IReadOnlyList<Rank> ranks, string message)
        : base(ranks, message)
    {
    }
}

/// <summary>Two ranks met that are not of one job, generation and plan.</summary>
public sealed class HandshakeException : CollectiveException
{
    internal HandshakeException(Rank peer, string field, string own, string theirs)
        : base([peer], $"{peer} was refused: {field} is {theirs} there and {own} here")
    {
        Field = field;
        Own = own;
        Theirs = theirs;
    }

    /// <summary>What differs, for example <c>plan hash</c>.</summary>
    public string Field { get; }

    /// <summary>The value here; hidden for the job token.</summary>
    public string Own { get; }

    /// <summary>The value there; hidden for the job token.</summary>
    public string Theirs { get; }
}

/// <summary>Not all ranks came to the meeting in time.</summary>
public sealed class RendezvousException : CollectiveException
{
    internal RendezvousException(IReadOnlyList<Rank> missing, string message)
        : base(missing, message)
    {
    }
}
