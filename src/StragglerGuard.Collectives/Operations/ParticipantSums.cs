using System.Numerics;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Operations;

/// <summary>
/// A set of ranks as entries of a sum: each rank adds its own power of two, so that the sum is the set, and the same at all ranks.
/// </summary>
internal static class ParticipantSums
{
    // Sums of different powers of two below 2⁵³ are exact in fp64, in any order.
    private const int RanksPerEntry = 52;

    /// <summary>Entries that so many ranks need.</summary>
    public static int Length(int worldSize) => (worldSize + RanksPerEntry - 1) / RanksPerEntry;

    /// <summary>Writes what one rank adds.</summary>
    public static void Write(Span<double> entries, Rank rank)
    {
        entries.Clear();
        entries[rank.Value / RanksPerEntry] = Bit(rank);
    }

    /// <summary>Whether a rank is in the set.</summary>
    public static bool Contains(ReadOnlySpan<double> sums, Rank rank) => ((long)sums[rank.Value / RanksPerEntry] & Bit(rank)) != 0;

    /// <summary>How many are.</summary>
    public static int Count(ReadOnlySpan<double> sums)
    {
        var count = 0;
        foreach (var entry in sums)
        {
            count += BitOperations.PopCount((ulong)entry);
        }

        return count;
    }

    private static long Bit(Rank rank) => 1L << (rank.Value % RanksPerEntry);
}
