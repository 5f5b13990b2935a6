namespace StragglerGuard.Tests.Hosting;

/// <summary>Finds the files of the repository that tests hold to their word.</summary>
internal static class RepositoryRoot
{
    internal static string PathOf(params string[] parts)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "StragglerGuard.sln")))
        {
            folder = folder.Parent;
        }

        folder.Should().NotBeNull("the tests run from a folder inside the repository");
        return Path.Combine([folder!.FullName, .. parts]);
    }
}
