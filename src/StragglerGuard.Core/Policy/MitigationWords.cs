using System.Collections.Immutable;

namespace StragglerGuard.Core.Policy;

/// <summary>What actions are called in reasons, and how drastic they are.</summary>
internal static class MitigationWords
{
    /// <summary>For example <c>eviction of replica 3</c>.</summary>
    public static string Of(MitigationCandidate candidate)
    {
        var name = Of(candidate.Kind);
        return candidate.Replicas.IsEmpty ? name
            : candidate.Kind == MitigationKind.Restart ? $"{name} without {Of(candidate.Replicas)}"
            : candidate.Kind is MitigationKind.Evict or MitigationKind.Readmit ? $"{name} of {Of(candidate.Replicas)}"
            : name;
    }

    public static string Of(MitigationKind kind) => kind switch
    {
        MitigationKind.Rebalance => "rebalance",
        MitigationKind.Deadline => "deadline",
        MitigationKind.Backup => "backup workers",
        MitigationKind.Evict => "eviction",
        MitigationKind.Readmit => "readmission",
        MitigationKind.Restart => "restart",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not an action."),
    };

    /// <summary>The gentlest first.</summary>
    public static int Rung(MitigationKind kind) => kind switch
    {
        MitigationKind.Rebalance => 0,
        MitigationKind.Deadline => 1,
        MitigationKind.Backup => 2,
        MitigationKind.Readmit => 3,
        MitigationKind.Evict => 4,
        _ => 5,
    };

    private static string Of(ImmutableArray<int> replicas) =>
        replicas.Length == 1 ? $"replica {replicas[0]}" : $"replicas {string.Join(", ", replicas)}";
}
