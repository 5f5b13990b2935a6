namespace StragglerGuard.Tests.Traces;

/// <summary>Recorded jobs, which are not part of the repository: the folder that STRAGGLERGUARD_DATA names, else shared/data beside the repository.</summary>
internal static class RecordedData
{
    public static string Folder => Environment.GetEnvironmentVariable("STRAGGLERGUARD_DATA") is { Length: > 0 } folder
        ? folder
        : Path.GetFullPath(Path.Combine(Root(), "..", "shared", "data"));

    public static string PathOf(string name) => Path.Combine(Folder, name);

    public static bool Has(string name) => File.Exists(PathOf(name)) || Directory.Exists(PathOf(name));

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder.Parent is not null && !File.Exists(Path.Combine(folder.FullName, "StragglerGuard.sln")))
        {
            folder = folder.Parent;
        }

        return folder.FullName;
    }
}

/// <summary>A fact about recorded data; skipped with the reason where the data is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactOnRecordedDataAttribute : FactAttribute
{
    public FactOnRecordedDataAttribute(params string[] names)
    {
        string[] missing = [.. names.Where(name => !RecordedData.Has(name))];
        if (missing.Length > 0)
        {
            Skip = $"{string.Join(", ", missing)} not in {RecordedData.Folder}; STRAGGLERGUARD_DATA names another folder.";
        }
    }
}
