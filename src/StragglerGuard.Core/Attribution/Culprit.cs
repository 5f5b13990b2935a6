namespace StragglerGuard.Core.Attribution;

/// <summary>Where a fault sits, as closely as the evidence says. What it doesn't say is null.</summary>
/// <param name="Rank">The rank.</param>
/// <param name="Replica">Its data-parallel replica, 0-based.</param>
/// <param name="Stage">Its pipeline stage, 0-based.</param>
/// <param name="Node">Its machine.</param>
public readonly record struct Culprit(Rank? Rank = null, int? Replica = null, int? Stage = null, NodeId? Node = null)
{
    /// <summary>A rank with what is known of its place.</summary>
    /// <param name="rank">The rank.</param>
    /// <param name="topology">The layout of the job; null where unknown.</param>
    /// <param name="stage">The stage that it reported itself in.</param>
    /// <param name="node">Its machine; null where unknown.</param>
    public static Culprit At(Rank rank, Topology? topology, int stage, NodeId? node)
    {
        if (topology is null || rank.Value >= topology.WorldSize)
        {
            return new Culprit(rank, null, stage, node);
        }

        RankCoordinates at = topology.CoordinatesOf(rank);
        return new Culprit(rank, at.Data, at.Pipeline, node);
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var parts = new List<string>(4);
        if (Rank is { } rank)
        {
            parts.Add(rank.ToString());
        }

        if (Replica is { } replica)
        {
            parts.Add(FormattableString.Invariant($"replica {replica}"));
        }

        if (Stage is { } stage)
        {
            parts.Add(FormattableString.Invariant($"stage {stage}"));
        }

        if (Node is { } node)
        {
            parts.Add($"node {node}");
        }

        return parts.Count == 0 ? "the whole job" : string.Join(", ", parts);
    }
}
