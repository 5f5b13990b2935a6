namespace StragglerGuard.Collectives.Transports;

/// <summary>What ranks do together.</summary>
public enum CollectiveKind
{
    /// <summary>Everyone ends with the sum of all.</summary>
    AllReduce = 0,

    /// <summary>Everyone ends with its part of the sum.</summary>
    ReduceScatter = 1,

    /// <summary>Everyone ends with the parts of all.</summary>
    AllGather = 2,

    /// <summary>Everyone ends with what one rank had.</summary>
    Broadcast = 3,

    /// <summary>Nobody leaves before everyone has come.</summary>
    Barrier = 4,

    /// <summary>Neighbours in the ring measure the link between them.</summary>
    LinkProbe = 5,
}

/// <summary>Names one collective of a group: all ranks call the same kinds in the same order.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="Sequence">0-based, counted over all kinds.</param>
public readonly record struct CollectiveStamp(CollectiveKind Kind, long Sequence)
{
    private const int KindBits = 8;

    /// <summary>Both in one word, so that another thread or rank never sees half of a stamp.</summary>
    internal long Packed => (Sequence << KindBits) | (long)Kind;

    /// <inheritdoc/>
    /// <returns>For example <c>all-reduce #418</c>.</returns>
    public override string ToString()
    {
        var name = Kind switch
        {
            CollectiveKind.AllReduce => "all-reduce",
            CollectiveKind.ReduceScatter => "reduce-scatter",
            CollectiveKind.AllGather => "all-gather",
            CollectiveKind.Broadcast => "broadcast",
            CollectiveKind.Barrier => "barrier",
            CollectiveKind.LinkProbe => "link probe",
            _ => $"collective of kind {(int)Kind}",
        };
        return $"{name} #{Sequence}";
    }

    internal static CollectiveStamp Unpack(long packed) => new((CollectiveKind)(packed & ((1 << KindBits) - 1)), packed >> KindBits);
}
