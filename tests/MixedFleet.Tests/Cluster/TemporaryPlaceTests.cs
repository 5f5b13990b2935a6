using MixedFleet.Cluster.Actors;

namespace MixedFleet.Tests.Cluster;

public sealed class TemporaryPlaceTests
{
    [Fact]
    public void DeleteUnlessHeld_ByTheLastOfThree_Deletes()
    {
        string path = TemporaryPlace.Create();
        File.WriteAllText(Path.Combine(path, "decisions"), "entry");
        FileStream[] held = [.. Enumerable.Range(0, 3).Select(_ => TemporaryPlace.Hold(path))];

        foreach (FileStream one in held)
        {
            Directory.Exists(path).Should().BeTrue("one holds it still");
            one.Dispose();
            TemporaryPlace.DeleteUnlessHeld(path);
        }

        Directory.Exists(path).Should().BeFalse();
        TemporaryPlace.DeleteUnlessHeld(path);
        TemporaryPlace.Delete(path);
    }
}
