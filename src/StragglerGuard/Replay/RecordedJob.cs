namespace StragglerGuard.Replay;

/// <summary>A rank of a recorded job.</summary>
/// <param name="Number">Its number in the recording.</param>
/// <param name="Stage">Its pipeline stage, 0-based; 0 where the recording doesn't say.</param>
/// <param name="Replica">
/// Its data-parallel replica, 0-based; where the recording doesn't say, its place among the ranks of its stage, in the order of their numbers.
/// </param>
/// <param name="DeviceClass">What it computed on; one class for all where the recording doesn't say.</param>
public sealed record RecordedRank(int Number, int Stage, int Replica, string DeviceClass);

/// <summary>A job as a file recorded it: the good records, in the order of their steps. Immutable.</summary>
public sealed class RecordedJob
{
    private readonly RecordedStep[] _records;

    internal RecordedJob(
        string name, RecordingFormat format, IReadOnlyList<RecordedRank> ranks, RecordedStep[] records, bool hasCollectives, bool hasMicroBatches)
    {
        Name = name;
        Format = format;
        Ranks = ranks;
        _records = records;
        HasCollectives = hasCollectives;
        HasMicroBatches = hasMicroBatches;
        long last = -1;
        foreach (ref readonly RecordedStep record in records.AsSpan())
        {
            Steps += record.Step != last ? 1 : 0;
            last = record.Step;
        }
    }

    /// <summary>The file's name, without its folder.</summary>
    public string Name { get; }

    /// <summary>How it was read.</summary>
    public RecordingFormat Format { get; }

    /// <summary>Every rank, ascending by number; one at least. A log of the whole job has one.</summary>
    public IReadOnlyList<RecordedRank> Ranks { get; }

    /// <summary>Different data-parallel replicas among the ranks.</summary>
    public int ReplicaCount => Ranks.Select(rank => rank.Replica).Distinct().Count();

    /// <summary>Different steps recorded.</summary>
    /// <value>1 or more.</value>
    public int Steps { get; }

    /// <summary>Good records: one a step and rank.</summary>
    public int RecordCount => _records.Length;

    /// <summary>The first step recorded.</summary>
    public long FirstStep => _records[0].Step;

    /// <summary>The last step recorded.</summary>
    public long LastStep => _records[^1].Step;

    /// <summary>Whether the time inside the collective was recorded, so that lag and transfer can be told.</summary>
    public bool HasCollectives { get; }

    /// <summary>Whether the units of work were recorded; otherwise the deal is taken as even.</summary>
    public bool HasMicroBatches { get; }

    /// <summary>Whether this is the series of a whole job, not of a rank.</summary>
    public bool IsWholeJob => Format == RecordingFormat.MegatronLog;

    /// <summary>Good records of steps at the end that fewer than half of the ranks recorded: the job was ending, and they are left out.</summary>
    public int RecordsOfEnding { get; internal init; }

    /// <summary>By step, then rank.</summary>
    internal ReadOnlySpan<RecordedStep> Records => _records;
}

/// <summary>One step of one rank.</summary>
internal readonly record struct RecordedStep
{
    public long Step { get; init; }

    /// <summary>While reading, the number in the file; in a <see cref="RecordedJob"/>, the place in <see cref="RecordedJob.Ranks"/>.</summary>
    public int Rank { get; init; }

    /// <summary>The line it stands in, 1-based.</summary>
    public int Line { get; init; }

    public long ComputeNs { get; init; }

    public long CollectiveNs { get; init; }

    public long DataWaitNs { get; init; }

    /// <summary>−1 where unknown.</summary>
    public int MicroBatches { get; init; }

    /// <summary>0 where unknown.</summary>
    public double Samples { get; init; }

    /// <summary>0 where unknown.</summary>
    public double Tokens { get; init; }
}

/// <summary>Where a rank stands, as a line says; −1 or null where it doesn't.</summary>
internal readonly record struct RecordedPlace(int Stage, int Replica, string? DeviceClass)
{
    public static readonly RecordedPlace Unknown = new(-1, -1, null);
}
