namespace MixedFleet.Training;

/// <summary>What the guard may do in phase two: the argument <c>--mitigate</c>.</summary>
internal enum MitigationChoice
{
    /// <summary>Whatever wins most.</summary>
    Auto,

    /// <summary>Deal the micro-batches anew, nothing else.</summary>
    Rebalance,

    /// <summary>End a rank's step after a time, nothing else.</summary>
    Deadline,

    /// <summary>Go on without the last ranks of a step, nothing else.</summary>
    Backup,

    /// <summary>Take a rank out of the job, nothing else.</summary>
    Evict,

    /// <summary>Nothing: phase two is observed as phase one is.</summary>
    None,
}
