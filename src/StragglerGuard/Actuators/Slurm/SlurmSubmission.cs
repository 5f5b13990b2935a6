namespace StragglerGuard.Actuators.Slurm;

/// <summary>How a job was handed to <c>sbatch</c>, so that it can be handed in again. A job's record doesn't hold it.</summary>
public sealed record SlurmSubmission
{
    /// <summary>The job to replace: its number in Slurm.</summary>
    public required long JobId { get; init; }

    /// <summary>The batch script.</summary>
    public required string Script { get; init; }

    /// <summary>The options of <c>sbatch</c>, one by one, as they were given; empty: all are in the script.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>The arguments of the script.</summary>
    public IReadOnlyList<string> ScriptArguments { get; init; } = [];

    /// <summary>Where <c>sbatch</c> runs; empty: where this process runs.</summary>
    public string WorkingDirectory { get; init; } = "";
}

/// <summary>How a resubmission went.</summary>
/// <param name="Outcome">How, and why.</param>
/// <param name="JobId">The number of the new job; null where there is none.</param>
public sealed record SlurmResubmissionOutcome(ActuationOutcome Outcome, long? JobId);
