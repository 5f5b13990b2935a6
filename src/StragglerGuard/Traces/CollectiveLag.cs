namespace StragglerGuard.Traces;

/// <summary>One collective as all its ranks saw it, without any clock shared between them.</summary>
/// <remarks>
/// Ranks leave a collective together, so with d_j the time that rank j spent inside, lag_i = max_j d_j − d_i is how much later than the first rank i came,
/// and min_j d_j is what the transfer itself took: the last to come waits least.
/// </remarks>
/// <param name="Group">Process group as the profiler names it; empty where it doesn't.</param>
/// <param name="Name">For example <c>all_reduce</c>.</param>
/// <param name="SizeBytes">Message size, of the rank with the largest; null where the profiler doesn't say.</param>
/// <param name="Ranks">The members, ascending.</param>
/// <param name="LastRank">The member that came last; null where two came last together.</param>
/// <param name="LagSeconds">By member, in the order of <paramref name="Ranks"/>: s behind the first, 0 or more.</param>
/// <param name="TransferSeconds">What the transfer took once all were there, s.</param>
public sealed record CollectiveLag(
    string Group,
    string Name,
    long? SizeBytes,
    IReadOnlyList<int> Ranks,
    int? LastRank,
    IReadOnlyList<double> LagSeconds,
    double TransferSeconds);
