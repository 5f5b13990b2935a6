using StragglerGuard.Core.Attribution;

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

    /// <summary>It is a little slower than it was, by steps or gradually: reported, never acted upon.</summary>
    Creep = 3,

    /// <summary>Single steps take much longer, again and again, without a rhythm.</summary>
    Jitter = 4,

    /// <summary>Single steps take much longer in a rhythm: collections of garbage, checkpoints, loaders.</summary>
    PeriodicStall = 5,

    /// <summary>The whole job became slower; no rank is accused.</summary>
    GroupSlowdown = 6,

    /// <summary>The collective itself takes longer; no rank is accused.</summary>
    FabricSlowdown = 7,

    /// <summary>One pipeline stage takes longer for its part of a unit of work than the others.</summary>
    StageImbalance = 8,

    /// <summary>The other ranks' records come, and this one's don't.</summary>
    MissingRank = 9,

    /// <summary>No progress by its own deadline.</summary>
    Hang = 10,

    /// <summary>The observer was paused: what it saw meanwhile accuses nobody.</summary>
    ObserverUnwell = 11,
}

/// <summary>Why a rank is slow.</summary>
public enum Cause : byte
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

/// <summary>A finding about one rank or the whole job, for people and for the policy.</summary>
/// <param name="Rank">Who; null where it concerns the whole job.</param>
/// <param name="Kind">In which way it is slow.</param>
/// <param name="OnsetStep">Step at which it began.</param>
/// <param name="RaisedAtStep">Step whose frame brought the certainty.</param>
/// <param name="Slowdown">Time for a unit of work over what it would be were all well.</param>
/// <param name="Cause">Why, as far as the evidence says.</param>
/// <param name="Reason">The same in plain English, with the numbers and what the rank was compared with.</param>
public sealed record Verdict(
    Rank? Rank, VerdictKind Kind, long OnsetStep, long RaisedAtStep, double Slowdown, Cause Cause, string Reason)
{
    /// <summary>Whether it calls a rank slow, so that a policy may act upon it. Everything else is for people.</summary>
    public bool AccusesRank =>
        Rank is not null && Kind is (VerdictKind.PersistentSlowness or VerdictKind.SlowFromStart or VerdictKind.SlowAgainstPeers);

    /// <summary>How sure it is: see <see cref="VerdictConfidence"/>.</summary>
    /// <value>0 … 1.</value>
    public double Confidence { get; init; }

    /// <summary>Where the fault sits; all null for the job as a whole.</summary>
    public Culprit Culprit { get; init; }

    /// <summary>The numbers that it rests on.</summary>
    public VerdictEvidence Evidence { get; init; }
}

/// <summary>The numbers behind a verdict. Logarithms are natural, of time per unit of work.</summary>
/// <param name="Residual">Distance from what the rank is compared with.</param>
/// <param name="OwnShift">Distance from own history; NaN where there is none.</param>
/// <param name="Sigma">σ of the series that it was judged by.</param>
/// <param name="Threshold">What the residual had to reach.</param>
/// <param name="RanksCompared">How many ranks it was compared with.</param>
public readonly record struct VerdictEvidence(double Residual, double OwnShift, double Sigma, double Threshold, int RanksCompared)
{
    /// <summary>Who it was compared with, at most the first 32; null or empty for own history or the whole job.</summary>
    public IReadOnlyList<Rank>? Peers { get; init; }

    /// <summary>Compares the numbers and, one by one, the peers.</summary>
    public bool Equals(VerdictEvidence other) =>
        Residual.Equals(other.Residual) && OwnShift.Equals(other.OwnShift) && Sigma.Equals(other.Sigma)
        && Threshold.Equals(other.Threshold) && RanksCompared == other.RanksCompared
        && (Peers ?? []).SequenceEqual(other.Peers ?? []);

    /// <inheritdoc/>
    public override int GetHashCode() => ((Residual.GetHashCode() * 31) + Threshold.GetHashCode()) * 31 + RanksCompared;
}
