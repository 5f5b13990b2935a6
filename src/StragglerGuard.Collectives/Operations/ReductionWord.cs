namespace StragglerGuard.Collectives.Operations;

/// <summary>What the ranks of a partial reduction tell each other, and a rank's training thread its communication thread.</summary>
internal enum ReductionWordKind : byte
{
    /// <summary>To itself: a step has begun.</summary>
    Begun = 1,

    /// <summary>To the root: this rank's own work is done.</summary>
    Arrived = 2,

    /// <summary>From the root: the cut-off has passed, and this rank is in.</summary>
    ClosedWith = 3,

    /// <summary>From the root: the cut-off has passed, and this rank is not in.</summary>
    ClosedWithout = 4,

    /// <summary>To the root: are you there?</summary>
    Question = 5,

    /// <summary>From the root: yes.</summary>
    Answer = 6,

    /// <summary>To itself: no more steps will come.</summary>
    Stop = 7,
}

/// <summary>One control word.</summary>
/// <param name="Kind">What is said.</param>
/// <param name="Sequence">
/// The step that it is said of, named by the sequence of its ballot: equal at all ranks, and never used again by a later reducer.
/// </param>
internal readonly record struct ReductionWord(ReductionWordKind Kind, long Sequence)
{
    private const int KindBits = 8;

    public long Packed => (Sequence << KindBits) | (long)Kind;

    public static ReductionWord Unpack(long packed) =>
        new((ReductionWordKind)(packed & ((1 << KindBits) - 1)), packed >> KindBits);
}
