using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Probes;

/// <summary>
/// The links of a ring in rounds, such that no rank has two links in one: an edge colouring. A ring of even size takes 2 rounds, of odd
/// size 3, whatever its size; two ranks have one link.
/// </summary>
internal static class RingRounds
{
    /// <summary>Links of a ring. Link i joins rank i and rank i + 1, the last one the last rank and rank 0.</summary>
    public static int LinkCount(int worldSize) => worldSize <= 2 ? worldSize - 1 : worldSize;

    /// <summary>Rounds that it takes to visit every link.</summary>
    public static int Count(int worldSize) => worldSize <= 2 ? worldSize - 1 : 2 + (worldSize & 1);

    /// <summary>When a link has its turn.</summary>
    /// <returns>0 … rounds − 1: even links, odd links, and the last link of an odd ring by itself, for both its ends are taken in both.</returns>
    public static int RoundOf(int link, int worldSize) => link == worldSize - 1 && (worldSize & 1) == 1 ? 2 : link & 1;

    /// <summary>The link that a rank has in a round.</summary>
    /// <returns>Its number, or −1 where the rank rests.</returns>
    public static int LinkOf(Rank rank, int round, int worldSize)
    {
        foreach (var link in (ReadOnlySpan<int>)[rank.Value, rank.Value == 0 ? worldSize - 1 : rank.Value - 1])
        {
            if (link < LinkCount(worldSize) && RoundOf(link, worldSize) == round)
            {
                return link;
            }
        }

        return -1;
    }

    /// <summary>The rank at the far end of a link.</summary>
    public static Rank EndOf(int link, int worldSize) => new((link + 1) % worldSize);
}
