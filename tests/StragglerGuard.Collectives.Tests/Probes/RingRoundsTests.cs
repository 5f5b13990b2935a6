using StragglerGuard.Collectives.Probes;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Probes;

public sealed class RingRoundsTests
{
    public static TheoryData<int> Sizes => [.. Enumerable.Range(2, 63)];

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Rounds_OfARing_VisitEachLinkOnceAndNoRankTwiceInARound(int worldSize)
    {
        var visits = new int[RingRounds.LinkCount(worldSize)];
        for (var round = 0; round < RingRounds.Count(worldSize); round++)
        {
            var linkOf = Enumerable.Range(0, worldSize).Select(rank => RingRounds.LinkOf(new Rank(rank), round, worldSize)).ToArray();
            foreach (var pair in linkOf.Select((link, rank) => (Link: link, Rank: rank)).Where(seat => seat.Link >= 0).GroupBy(seat => seat.Link))
            {
                // Both ends, and only they, hold it for theirs: nobody waits for a peer who is elsewhere.
                pair.Select(seat => seat.Rank).Should().BeEquivalentTo([pair.Key, RingRounds.EndOf(pair.Key, worldSize).Value]);
                visits[pair.Key]++;
            }
        }

        visits.Should().OnlyContain(count => count == 1);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Count_OfAnySize_IsTwoForEvenAndThreeForOddRings(int worldSize)
    {
        RingRounds.Count(worldSize).Should().Be(worldSize == 2 ? 1 : worldSize % 2 == 0 ? 2 : 3);
        RingRounds.LinkCount(worldSize).Should().Be(worldSize == 2 ? 1 : worldSize);
    }

    [Fact]
    public void ARankAlone_HasNoLinkAndNoRound()
    {
        RingRounds.LinkCount(1).Should().Be(0);
        RingRounds.Count(1).Should().Be(0);
    }
}
