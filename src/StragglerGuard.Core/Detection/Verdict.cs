namespace StragglerGuard.Core.Detection;

/// <summary>In which way a rank is slow.</summary>
public enum VerdictKind
{
    /// <summary>It became slow at some step and stays so.</summary>
    PersistentSlowness = 0,

    /// <summary>It is slower than its peers since its first step.</summary>
    SlowFromStart = 1,

    /// <summary>It is slower than its peers for as long as its history reaches, without a step at which it began.</summary>
    SlowAgainstPeers = 2,
}

/// <summary>Why a rank is slow.</summary>
public enum Cause
{
    /// <summary>The evidence does not say.</summary>
    Unknown = 0,

    /// <summary>Its own compute takes longer for the same work: the device or the host beneath it.</summary>
    Compute = 1,

    /// <summary>It waits for its input.</summary>
    Input = 2,

    /// <summary>The host: processor, memory, other tenants.</summary>
    Host = 3,

    /// <summary>The network.</summary>
    Fabric = 4,

    /// <summary>It was given more work than the others.</summary>
    Workload = 5,

    /// <summary>Its pipeline stage is larger than the others'.</summary>
    StagePartition = 6,

    /// <summary>The device runs at a reduced clock.</summary>
    Throttling = 7,
}

/// <summary>A finding about one rank, for people and for the policy.</summary>
/// <param name="Rank">Who.</param>
/// <param name="Kind">In which way it is slow.</param>
/// <param name="OnsetStep">Step at which it began.</param>
/// <param name="RaisedAtStep">Step whose frame brought the certainty.</param>
/// <param name="Slowdown">Time for a unit of work over what it would be were the rank healthy; above 1.</param>
/// <param name="Cause">Why, as far as the evidence says.</param>
/// <param name="Reason">The same in plain English, with the numbers and what the rank was compared with.</param>
public sealed record Verdict(
    Rank Rank, VerdictKind Kind, long OnsetStep, long RaisedAtStep, double Slowdown, Cause Cause, string Reason);
