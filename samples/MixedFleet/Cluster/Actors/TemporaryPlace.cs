namespace MixedFleet.Cluster.Actors;

/// <summary>
/// The folder of what launcher and guardians share for one run. The launcher deletes it; where it was killed, the last of its guardians does.
/// </summary>
internal static class TemporaryPlace
{
    private const string Prefix = "mixedfleet-";
    private const string HoldName = "held";

    /// <summary>Makes one, which nobody else may read.</summary>
    /// <returns>Its path.</returns>
    public static string Create()
    {
        string path = Directory.CreateTempSubdirectory(Prefix).FullName;
        File.Create(Path.Combine(path, HoldName)).Dispose();
        return path;
    }

    /// <summary>Deletes it, if it is still there.</summary>
    public static void Delete(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // The last guardian was quicker.
        }
    }

    /// <summary>Holds it: the system lets go of what a process holds, however that ends.</summary>
    public static FileStream Hold(string path) => new(Path.Combine(path, HoldName), FileMode.Open, FileAccess.Read, FileShare.Read);

    /// <summary>Deletes it unless another process holds it, which then is to.</summary>
    public static void DeleteUnlessHeld(string path)
    {
        try
        {
            using var alone = new FileStream(Path.Combine(path, HoldName), FileMode.Open, FileAccess.Read, FileShare.None);
            Delete(path);
        }
        catch (IOException)
        {
            // Somebody holds it, or has deleted it.
        }
    }
}
