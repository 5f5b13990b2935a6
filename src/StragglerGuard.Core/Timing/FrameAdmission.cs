namespace StragglerGuard.Core.Timing;

/// <summary>What became of a timing record that was offered.</summary>
public enum FrameAdmission
{
    /// <summary>It is in its frame.</summary>
    Accepted = 0,

    /// <summary>That rank's record of that step is already in; the first one stays.</summary>
    Duplicate = 1,

    /// <summary>Its frame has been handed out already.</summary>
    Late = 2,

    /// <summary>It belongs to another membership of the job.</summary>
    OtherGeneration = 3,

    /// <summary>The membership has no such rank.</summary>
    UnknownRank = 4,

    /// <summary>Its numbers contradict themselves: a negative step, time or amount of work, a departure before the arrival, a weight that is no number.</summary>
    Invalid = 5,

    /// <summary>It is of another <see cref="TimingKind"/> than this receiver takes.</summary>
    OtherKind = 6,
}

/// <summary>What an assembler has seen since it was made. Every record is in exactly one of the first seven counts.</summary>
public readonly record struct FrameCounters
{
    /// <summary>Records that found their frame.</summary>
    public long Accepted { get; init; }

    /// <summary>Records of a rank and step that were in already.</summary>
    public long Duplicates { get; init; }

    /// <summary>Records that came after their frame was handed out.</summary>
    public long Late { get; init; }

    /// <summary>Records of another membership.</summary>
    public long OtherGeneration { get; init; }

    /// <summary>Records of a rank that the membership does not have.</summary>
    public long UnknownRank { get; init; }

    /// <summary>Records whose numbers contradict themselves.</summary>
    public long Invalid { get; init; }

    /// <summary>Records of another <see cref="TimingKind"/>.</summary>
    public long OtherKind { get; init; }

    /// <summary>Records, accepted or late, that came after a later step of the same rank.</summary>
    public long OutOfOrder { get; init; }

    /// <summary>Records that never came while their frame was open, counted as the frame is handed out (a late one is counted here too).</summary>
    public long Missing { get; init; }

    /// <summary>Frames handed out with every rank present.</summary>
    public long CompleteFrames { get; init; }

    /// <summary>Frames handed out with ranks missing.</summary>
    public long IncompleteFrames { get; init; }
}
