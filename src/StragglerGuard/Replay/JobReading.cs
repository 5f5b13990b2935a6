using StragglerGuard.Traces;

namespace StragglerGuard.Replay;

/// <summary>What came of reading a recording.</summary>
public sealed class JobReading
{
    internal JobReading(RecordedJob? job, string? fault, TraceFaults badRecords)
    {
        Job = job;
        Fault = fault;
        BadRecords = badRecords;
    }

    /// <summary>The good records, one or more; null where <see cref="Fault"/> says why there are none.</summary>
    public RecordedJob? Job { get; }

    /// <summary>Why there is nothing to judge, in one line that names the file; null where there is.</summary>
    public string? Fault { get; }

    /// <summary>The records that were left out.</summary>
    public TraceFaults BadRecords { get; }
}
