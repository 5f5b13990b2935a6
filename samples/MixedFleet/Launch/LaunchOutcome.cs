using MixedFleet.CommandLine;
using MixedFleet.Training;

namespace MixedFleet.Launch;

/// <summary>What a launched job came to.</summary>
/// <param name="Results">Of every slot that brought something home, by slot, where the job ran to its end.</param>
/// <param name="ExitCode">See <see cref="ExitCodes"/>.</param>
/// <param name="Error">What failed, where.</param>
internal sealed record LaunchOutcome(IReadOnlyList<RankResult>? Results, int ExitCode, string? Error)
{
    public static LaunchOutcome Failed(int exitCode, string error) => new(null, exitCode, error);

    /// <summary>Whether the job ran to its end: every member of its last generation says so.</summary>
    /// <param name="results">What there is.</param>
    /// <returns>Null where it did not.</returns>
    public static LaunchOutcome? OfFinished(IEnumerable<RankResult?> results)
    {
        RankResult[] there = [.. results.OfType<RankResult>().OrderBy(result => result.Slot)];
        return Array.Find(there, result => result.IsMember) is { } member
            && member.Members.All(slot => Array.Exists(there, result => result.Slot == slot && result.IsMember))
            ? new LaunchOutcome(there, ExitCodes.Done, null)
            : null;
    }
}
