namespace StragglerGuard.EndToEnd.Tests.Running;

/// <summary>A folder of a test's own, gone with it.</summary>
internal sealed class ScratchFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("stragglerguard-").FullName;

    /// <summary>Writes a file.</summary>
    /// <returns>Its name, relative to the folder.</returns>
    public string Write(string name, string text)
    {
        File.WriteAllText(System.IO.Path.Combine(Path, name), text);
        return name;
    }

    /// <summary>Writes a fleet of equals.</summary>
    public string WriteEquals(int ranks, int paceMs) =>
        Write("equals.json", $$"""{ "ranks": [{ "class": "H100", "pace": {{paceMs}}, "count": {{ranks}} }] }""");

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
