using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>What a generation takes over from the job: decisions, waiting workers, and what the generation began with.</summary>
/// <param name="Book">What was decided so far.</param>
/// <param name="Standby">Workers in no group, by slot; kept up to date by its owner.</param>
internal sealed record JobContext(MitigationBook Book, IReadOnlyDictionary<int, StandbyReport> Standby)
{
    /// <summary>
    /// The guardian's wall clock when the generation began: from there on the job's own steps are its clock, so that the same records give
    /// the same decisions.
    /// </summary>
    public DateTimeOffset BeganAt { get; init; } = DateTimeOffset.UnixEpoch;

    /// <summary>The decision that this generation began with; null for a job's first.</summary>
    public PlanDecided? Begun { get; init; }

    /// <summary>What a micro-batch took the job in the generation before, s; NaN where nobody saw it.</summary>
    public double FormerSecondsPerUnit { get; init; } = double.NaN;

    /// <summary>How many records' room the frames of the generation may take that wait for ranks: until all have reported once, and while a backlog is
    /// heard. A frame of a job of 100 ranks takes that of 100.</summary>
    /// <value>Default 4,194,304: some 300 MB.</value>
    public long BacklogRecords { get; init; } = 1 << 22;

    /// <summary>The time, s since 1970, so many seconds of steps after the generation began.</summary>
    public double SecondsAfter(double elapsedSeconds) => MitigationBook.SecondsOf(BeganAt) + elapsedSeconds;

    /// <summary>Of a job that nothing was heard of.</summary>
    public static JobContext New(MitigationOptions options) => new(new MitigationBook(options), new SortedDictionary<int, StandbyReport>());
}
