namespace StragglerGuard.Traces;

/// <summary>What came of reading a folder of profiler traces.</summary>
/// <param name="Collectives">Collectives that every member recorded, by group, in order; empty where <paramref name="Fault"/> says why.</param>
/// <param name="Ranks">The ranks that were read, ascending.</param>
/// <param name="MissingRanks">How many ranks of the job there is no trace of: lags are among those present then.</param>
/// <param name="Unmatched">Collectives left out because not every member recorded them.</param>
/// <param name="Fault">Why there is nothing to judge, in one line that names the folder; null where there is.</param>
/// <param name="BadRecords">Events and files that could not be read.</param>
public sealed record KinetoReading(
    IReadOnlyList<CollectiveLag> Collectives, IReadOnlyList<int> Ranks, int MissingRanks, int Unmatched, string? Fault, TraceFaults BadRecords);
