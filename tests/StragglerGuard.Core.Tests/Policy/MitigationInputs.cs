using System.Collections.Immutable;
using StragglerGuard.Core.Policy;

namespace StragglerGuard.Core.Tests.Policy;

/// <summary>Inputs to start from: eight replicas, replica 3 slow, nothing in the way.</summary>
internal static class MitigationInputs
{
    public static readonly TailEvidence LongTails = new(64, 1.0, 3.0, 5, 0.12);

    public static MitigationInput Of(params MitigationCandidate[] candidates) => new()
    {
        Mode = PolicyMode.Act,
        NowSeconds = 10_000,
        InitialMembers = 8,
        Members = 8,
        Candidates = [.. candidates],
        Groups = [new FlaggedGroup("the job", 8, 1)],
        Replicas = [SlowReplica(3)],
    };

    public static ReplicaEvidence SlowReplica(int replica) => new()
    {
        Replica = replica,
        IsBeyondDoubt = true,
        GateReason = "e-value 2.1e9 of 1.5e9",
    };

    public static MitigationCandidate Rebalance(double ratio = 1.3) => Candidate(MitigationKind.Rebalance, ratio, 0.1);

    public static MitigationCandidate Backup(double ratio = 1.5) => Candidate(MitigationKind.Backup, ratio, 0.1) with { Tails = LongTails };

    public static MitigationCandidate Deadline(double ratio = 1.5) => Candidate(MitigationKind.Deadline, ratio, 0.1) with { Tails = LongTails };

    public static MitigationCandidate Evict(double ratio = 1.4, params int[] replicas) =>
        Candidate(MitigationKind.Evict, ratio, 5) with { Replicas = replicas.Length == 0 ? [3] : [.. replicas] };

    public static MitigationCandidate Readmit(double ratio = 1.14) => Candidate(MitigationKind.Readmit, ratio, 5) with { Replicas = [3] };

    public static MitigationCandidate Restart(double ratio, params int[] replicas) =>
        Candidate(MitigationKind.Restart, ratio, 60) with { Replicas = [.. replicas] };

    public static MitigationCandidate Candidate(MitigationKind kind, double ratio, double costSeconds) => new()
    {
        Kind = kind,
        Prediction = new MitigationPrediction(1 / ratio, ratio),
        OneOffCostSeconds = costSeconds,
        OnsetSeconds = 9_000,
        ForgoneSeconds = 1_000,
        Reason = $"what-if says so of {kind}",
    };

    public static ImmutableArray<KindRest> AtRest(MitigationKind kind, double untilSeconds, int times) => [new KindRest(kind, untilSeconds, times)];
}
