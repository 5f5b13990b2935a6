namespace StragglerGuard.Core.Policy;

/// <summary>What can be done about a straggler, the gentlest first.</summary>
public enum MitigationKind
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Deal the micro-batches by speed.</summary>
    Rebalance = 1,

    /// <summary>Stop accumulating after a time, weigh by what was done, requeue the rest.</summary>
    Deadline = 2,

    /// <summary>Don't wait for the last of the ranks.</summary>
    Backup = 3,

    /// <summary>Let a replica leave the job.</summary>
    Evict = 4,

    /// <summary>Take a replica back that had left.</summary>
    Readmit = 5,

    /// <summary>End the generation and begin another without those that hang.</summary>
    Restart = 6,
}
