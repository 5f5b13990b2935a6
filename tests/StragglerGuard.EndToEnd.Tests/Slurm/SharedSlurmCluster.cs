namespace StragglerGuard.EndToEnd.Tests.Slurm;

/// <summary>One cluster for all tests that need one: each leaves it as it found it.</summary>
[CollectionDefinition(Name)]
public sealed class SharedSlurmCluster : ICollectionFixture<SlurmCluster>
{
    public const string Name = "Slurm";
}
