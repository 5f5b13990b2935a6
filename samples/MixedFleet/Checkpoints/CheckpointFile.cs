using System.Diagnostics.CodeAnalysis;
using MixedFleet.Data;

namespace MixedFleet.Checkpoints;

/// <summary>A training state in a file, and the one before it beside it.</summary>
/// <remarks>
/// The state is written to FILE.writing, flushed to the disk, and then takes FILE's name; what had it becomes FILE.previous. A
/// process or machine that dies at any moment leaves a whole FILE: the old or the new one.
/// </remarks>
internal static class CheckpointFile
{
    // Far beyond any model of this sample, and what one array holds.
    private const int BytesMax = 1 << 30;

    /// <summary>The name under which the checkpoint before the newest is kept.</summary>
    public static string PreviousOf(string path) => $"{path}.previous";

    /// <summary>Writes a state; the file before it stays until the new one is whole, and is kept.</summary>
    /// <param name="path">Where to.</param>
    /// <param name="state">A sealed state.</param>
    /// <exception cref="IOException">It can't be written; what was there is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">As before.</exception>
    public static void Write(string path, ReadOnlySpan<byte> state)
    {
        string unfinished = $"{path}.writing";
        using (FileStream stream = new(unfinished, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            stream.Write(state);
            stream.Flush(flushToDisk: true);
        }

        if (File.Exists(path))
        {
            // One step for whoever reads: the name never stands for nothing.
            File.Replace(unfinished, path, PreviousOf(path));
        }
        else
        {
            File.Move(unfinished, path);
        }
    }

    /// <summary>Reads the state of a job.</summary>
    /// <param name="path">As the user gave it; every error names it.</param>
    /// <param name="job">The job that is to go on.</param>
    /// <returns>The state; or what is wrong: with the file, and then whether the one before it is good, or each field of another job.</returns>
    public static Checked<TrainingState> Read(string path, TrainingIdentity job)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(job);
        if (!TryReadState(path, out TrainingState? state, out string fault))
        {
            return Checked<TrainingState>.Bad($"{fault}{WayOut(path, job)}");
        }

        IReadOnlyList<string> differences = job.DifferencesTo(state.Job);
        return differences.Count > 0
            ? Checked<TrainingState>.Bad([.. differences.Select(difference => $"{path}: {difference}")])
            : Checked<TrainingState>.Good(state);
    }

    private static bool TryReadState(
        string path, [NotNullWhen(true)] out TrainingState? state, out string fault)
    {
        state = null;
        if (!BoundedFile.TryRead(path, BytesMax, out byte[]? bytes, out string? unreadable))
        {
            fault = unreadable;
            return false;
        }

        if (TrainingState.TryRead(bytes, out state, out string reason))
        {
            fault = string.Empty;
            return true;
        }

        fault = $"{path}: {reason}";
        return false;
    }

    private static string WayOut(string path, TrainingIdentity job)
    {
        string previous = PreviousOf(path);
        return !File.Exists(previous) ? string.Empty
            : TryReadState(previous, out TrainingState? state, out string fault) && job.DifferencesTo(state.Job).Count == 0
                ? FormattableString.Invariant($"; the one before it is whole, after {state.NextStep} steps: --resume {previous}")
            : fault.Length > 0 ? $"; the one before it is no better: {fault}"
            : $"; the one before it, {previous}, is of another job";
    }
}
