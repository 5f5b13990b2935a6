namespace StragglerGuard.Core.WhatIf;

/// <summary>What can be done against stragglers that a trace shows.</summary>
public enum Mitigation
{
    /// <summary>Put a spare in the place of each slow worker.</summary>
    ReplaceWorker = 0,

    /// <summary>Go on without the replicas that hold slow workers, at the same global batch.</summary>
    EvictReplica,

    /// <summary>Deal the micro-batches unevenly between replicas, in proportion to their speed.</summary>
    RebalanceMicroBatches,

    /// <summary>Move layers between pipeline stages until all take as long.</summary>
    RepartitionStages,

    /// <summary>Compose micro-batches of equal work.</summary>
    BalanceSequences,

    /// <summary>Find out why transfers take longer than is usual for their kind.</summary>
    InspectFabric,
}

/// <summary>The names of mitigations in reports.</summary>
public static class Mitigations
{
    /// <summary>For example <c>replace-worker</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a value of the enumeration.</exception>
    public static string NameOf(Mitigation action) => action switch
    {
        Mitigation.ReplaceWorker => "replace-worker",
        Mitigation.EvictReplica => "evict-replica",
        Mitigation.RebalanceMicroBatches => "rebalance-micro-batches",
        Mitigation.RepartitionStages => "repartition-stages",
        Mitigation.BalanceSequences => "balance-sequences",
        Mitigation.InspectFabric => "inspect-fabric",
        _ => throw new ArgumentOutOfRangeException(nameof(action), action, "Not a mitigation."),
    };
}

/// <summary>One thing worth doing.</summary>
/// <param name="Action">What.</param>
/// <param name="PredictedGain">T over the replayed step time after it: 1.2 means 1.2 times as many steps in the same time. The cost of doing it isn't in it.</param>
/// <param name="Reason">Why, with numbers, in one sentence.</param>
public sealed record Advice(Mitigation Action, double PredictedGain, string Reason);
