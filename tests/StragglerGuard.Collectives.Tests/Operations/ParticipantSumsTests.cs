using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Operations;

public sealed class ParticipantSumsTests
{
    private const int Seed = 52;

    [Theory]
    [InlineData(1, 1)]
    [InlineData(52, 1)]
    [InlineData(53, 2)]
    [InlineData(1000, 20)]
    public void Sums_OfAnyOrder_AreTheSetThatWasAdded(int worldSize, int entries)
    {
        var random = new Random(Seed);
        var ranks = Enumerable.Range(0, worldSize).ToArray();
        random.Shuffle(ranks);
        var added = ranks[..random.Next(1, worldSize + 1)];
        ParticipantSums.Length(worldSize).Should().Be(entries);
        var sums = new double[entries];
        var own = new double[entries];
        foreach (var rank in added)
        {
            ParticipantSums.Write(own, new Rank(rank));
            for (var i = 0; i < entries; i++)
            {
                sums[i] += own[i];
            }
        }

        ParticipantSums.Count(sums).Should().Be(added.Length, "seed {0}", Seed);
        Enumerable.Range(0, worldSize).Where(r => ParticipantSums.Contains(sums, new Rank(r))).Should().Equal(added.Order(), "seed {0}", Seed);
    }
}
