namespace StragglerGuard.Replay;

/// <summary>Reads the records of one format from their lines.</summary>
internal abstract class RecordLines
{
    /// <summary>Takes a line that is not empty.</summary>
    /// <param name="line">Without its line end.</param>
    /// <param name="number">Its number in the file, 1-based.</param>
    /// <param name="job">Takes the record.</param>
    /// <returns>Null, or which field is wrong and how.</returns>
    public abstract string? Take(ReadOnlySpan<byte> line, int number, RecordedJobBuilder job);

    /// <summary>Called after the last line.</summary>
    public virtual void Complete(RecordedJobBuilder job)
    {
    }
}
