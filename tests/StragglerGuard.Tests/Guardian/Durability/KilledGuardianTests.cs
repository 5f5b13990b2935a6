using StragglerGuard.Ledger;
using StragglerGuard.Tests.Ledger;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>
/// Guardians that die at any point of the way of a decision, and what their successors make of it: nothing that was decided is lost, nothing is
/// done twice, and the ledger says what is so.
/// </summary>
public sealed class KilledGuardianTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stragglerguard-killed-");

    public static TheoryData<FaultPoint, int> Points()
    {
        var points = new TheoryData<FaultPoint, int>();
        foreach (FaultPoint point in Enum.GetValues<FaultPoint>())
        {
            points.Add(point, 1);
            points.Add(point, 2);
        }

        return points;
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(Points))]
    public async Task Guardian_KilledAtANamedPoint_IsSucceededWithNothingLostOrDoubled(FaultPoint point, int occurrence)
    {
        string path = PathOf($"{point}-{occurrence}");

        LifeStory story = await LifeStory.OfAsync(
            () => SqliteLedger.Open(path), seed: 7, [Fate.At(point, occurrence)], unheardSteps: 3);

        story.Deaths.Should().Be(1, "the point is on the way ({0})", story);
        story.ShouldBeWhole();
    }

    [Fact]
    public async Task Guardians_KilledAtAnyPointsInARow_LoseAndDoubleNothing()
    {
        int deaths = 0;
        int evictions = 0;
        for (int seed = 1; seed <= 24; seed++)
        {
            string path = PathOf($"seed-{seed}");
            LifeStory story = await LifeStory.OfAsync(() => SqliteLedger.Open(path), seed, Fate.Several(seed), unheardSteps: seed % 7);
            story.ShouldBeWhole();
            deaths += story.Deaths;
            evictions += story.Evictions;
        }

        evictions.Should().BeGreaterThan(24, "or there was little to lose");
        deaths.Should().BeGreaterThan(50, "most of them die");
    }

    private string PathOf(string name) => Path.Combine(_folder.FullName, $"{name}.ledger");
}

/// <summary>The same with the ledger on a server.</summary>
[NeedsPostgres]
public sealed class KilledGuardianOnPostgresTests(PostgresUnderTest server) : IClassFixture<PostgresUnderTest>
{
    [LedgerFact]
    public async Task Guardians_KilledAtAnyPointsInARow_LoseAndDoubleNothing()
    {
        for (int seed = 101; seed <= 106; seed++)
        {
            string place = server.NewPlace();
            LifeStory story = await LifeStory.OfAsync(() => PostgresLedger.Open(place), seed, Fate.Several(seed), unheardSteps: seed % 7);
            story.ShouldBeWhole();
            story.Deaths.Should().BeGreaterThan(0, "{0}", story);
        }
    }
}
