using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Attribution;

/// <summary>What is known about a slow rank when the cause of it is asked for. Logarithms are natural, of time per unit of work.</summary>
public readonly record struct CauseEvidence
{
    /// <summary>How slow its own compute is against what it is compared with.</summary>
    public double Residual { get; init; }

    /// <summary>How slow compute and wait for input are together; NaN where no waits are reported.</summary>
    public double ResidualWithInput { get; init; }

    /// <summary>How far its own compute moved from its history; NaN where there is none.</summary>
    public double OwnShift { get; init; }

    /// <summary>The part of the residual that its workload feature explains (<see cref="WorkloadRegression"/>); 0 where it explains
    /// nothing.</summary>
    public double ExplainedByWorkload { get; init; }

    /// <summary>Other ranks of its node that are known.</summary>
    public int NodeMates { get; init; }

    /// <summary>How many of them are slow at the same time.</summary>
    public int SlowNodeMates { get; init; }

    /// <summary>How much longer work takes at its device's clock (<see cref="DeviceReading.LogSlowdown"/>); null where that is unknown.</summary>
    public double? ClockSlowdown { get; init; }

    /// <summary>The same of its peers (median); null where it is unknown.</summary>
    public double? PeerClockSlowdown { get; init; }

    /// <summary>Whether its driver says that heat or power holds the clock down; null where it does not say.</summary>
    public bool? IsThrottled { get; init; }

    /// <summary>Whether most of its peers' drivers say so too: a power limit is ordinary under full load.</summary>
    public bool ArePeersThrottled { get; init; }
}

/// <summary>Says why a rank is slow, from numbers alone: the same evidence gives the same cause.</summary>
/// <remarks>
/// In this order, the first that makes up <see cref="ExplainedShare"/> of what is to be explained: more work (its feature), the wait for
/// input, a clock held down, a machine all of whose ranks are slow together, its own compute. Where the peers moved and the rank did not,
/// the evidence does not say.
/// </remarks>
public static class CauseAttribution
{
    /// <summary>What a cause has to explain of a slowness to be named.</summary>
    public const double ExplainedShare = 0.5;

    /// <summary>Names the cause.</summary>
    public static Cause Decide(in CauseEvidence evidence)
    {
        double compute = evidence.Residual;
        if (evidence.ResidualWithInput > 0 && evidence.ResidualWithInput - compute >= ExplainedShare * evidence.ResidualWithInput)
        {
            return Cause.Input;
        }

        if (evidence.ExplainedByWorkload >= ExplainedShare * compute && compute > 0)
        {
            return Cause.Workload;
        }

        if (IsHeldDown(in evidence))
        {
            return Cause.Throttling;
        }

        if (evidence.NodeMates > 0 && evidence.SlowNodeMates == evidence.NodeMates)
        {
            return Cause.Host;
        }

        return double.IsNaN(evidence.OwnShift) || evidence.OwnShift >= ExplainedShare * compute ? Cause.Compute : Cause.Unknown;
    }

    // Against peers, whose clocks may all be below the nominal one, the difference tells; the driver's word alone tells where they don't.
    private static bool IsHeldDown(in CauseEvidence evidence)
    {
        double? more = evidence.ClockSlowdown - (evidence.PeerClockSlowdown ?? 0);
        if (more > 0 && more >= ExplainedShare * evidence.Residual)
        {
            return true;
        }

        bool areClocksCompared = evidence is { ClockSlowdown: not null, PeerClockSlowdown: not null };
        return evidence.IsThrottled == true && !evidence.ArePeersThrottled && !areClocksCompared;
    }
}
