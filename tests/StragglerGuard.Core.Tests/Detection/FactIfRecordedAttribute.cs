using StragglerGuard.Core.Tests.HouseRules;

namespace StragglerGuard.Core.Tests.Detection;

/// <summary>
/// A fact over recorded jobs, which are no part of the repository: found in the folder that STRAGGLERGUARD_DATA names, else in
/// <c>../shared/data</c> beside the repository. Skipped with the reason where the file is not there.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactIfRecordedAttribute : FactAttribute
{
    public FactIfRecordedAttribute(string file)
    {
        if (!File.Exists(RecordedJobs.PathOf(file)))
        {
            Skip = $"{file} is not in {RecordedJobs.Folder}.";
        }
    }
}

internal static class RecordedJobs
{
    public static string Folder =>
        Environment.GetEnvironmentVariable("STRAGGLERGUARD_DATA") is { Length: > 0 } named ? named : Path.Combine(Repository.Root, "..", "shared", "data");

    public static string PathOf(string file) => Path.Combine(Folder, file);
}
