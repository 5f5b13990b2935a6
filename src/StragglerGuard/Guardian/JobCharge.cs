namespace StragglerGuard.Guardian;

/// <summary>Whether this guardian is in charge of a job, and what it has said about its ledger: for all generations of the job.</summary>
internal sealed class JobCharge
{
    /// <summary>Whether it has put down that it took the job over, or that waits to be written.</summary>
    public bool IsTaken { get; set; }

    /// <summary>The number under which that stands; null while it does not.</summary>
    public long? TakenAt { get; set; }

    /// <summary>Why it decides nothing for the job any more, in words; null while it may.</summary>
    public string? ReplacedReason { get; set; }

    /// <summary>What the job's ranks know and the ledger does not, in words; null where nothing was missed.</summary>
    public string? Lost { get; set; }
}
