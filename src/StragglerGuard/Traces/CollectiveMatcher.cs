namespace StragglerGuard.Traces;

/// <summary>Finds the same collective in the traces of all its members.</summary>
internal sealed class CollectiveMatcher(SortedDictionary<int, KinetoRank> byRank)
{
    /// <summary>How many collectives of a group one trace may start later or earlier than another.</summary>
    private const int ShiftMax = 64;

    /// <summary>Collectives that not all members recorded.</summary>
    public int Unmatched { get; private set; }

    public IReadOnlyList<CollectiveLag> Match()
    {
        string[] groups =
        [
            .. byRank.Values.SelectMany(rank => rank.Collectives).Select(collective => collective.Group).Distinct().Order(StringComparer.Ordinal),
        ];
        return [.. groups.SelectMany(MatchGroup)];
    }

    private List<CollectiveLag> MatchGroup(string group)
    {
        int[] ranks = [.. byRank.Where(rank => rank.Value.Collectives.Any(collective => collective.Group == group)).Select(rank => rank.Key)];
        KinetoCollective[][] seen = [.. ranks.Select(rank => byRank[rank].Collectives.Where(collective => collective.Group == group).ToArray())];
        if (ranks.Length < 2)
        {
            Unmatched += seen[0].Length;
            return [];
        }

        KinetoCollective[] reference = seen.MaxBy(collectives => collectives.Length)!;
        int[] shifts = [.. seen.Select(collectives => ShiftOf(reference, collectives))];
        var matched = new List<CollectiveLag>();
        for (int i = 0; i < reference.Length; i++)
        {
            KinetoCollective?[] members =
            [
                .. seen.Select((collectives, member) => At(collectives, i - shifts[member]) is { } found && found.Key == reference[i].Key ? found : null),
            ];
            if (members.Contains(null))
            {
                Unmatched++;
            }
            else
            {
                matched.Add(LagOf(group, ranks, [.. members.Select(member => member!)]));
            }
        }

        return matched;
    }

    private static KinetoCollective? At(KinetoCollective[] collectives, int index) =>
        (uint)index < (uint)collectives.Length ? collectives[index] : null;

    /// <summary>By how many places a trace's collectives stand further ahead than the reference's; the smallest shift among the best.</summary>
    private static int ShiftOf(KinetoCollective[] reference, KinetoCollective[] collectives)
    {
        int best = 0;
        int most = -1;
        for (int distance = 0; distance <= ShiftMax && most < collectives.Length; distance++)
        {
            foreach (int shift in distance == 0 ? [0] : new[] { distance, -distance })
            {
                int matches = 0;
                for (int i = 0; i < collectives.Length; i++)
                {
                    matches += At(reference, i + shift)?.Key == collectives[i].Key ? 1 : 0;
                }

                if (matches > most)
                {
                    most = matches;
                    best = shift;
                }
            }
        }

        return best;
    }

    private static CollectiveLag LagOf(string group, int[] ranks, KinetoCollective[] members)
    {
        long longestNs = members.Max(member => member.DurationNs);
        long shortestNs = members.Min(member => member.DurationNs);
        int[] last = [.. ranks.Where((_, member) => members[member].DurationNs == shortestNs)];
        return new CollectiveLag(
            group,
            members[0].Name,
            members.Max(member => member.SizeBytes),
            ranks,
            last.Length == 1 ? last[0] : null,
            [.. members.Select(member => (longestNs - member.DurationNs) / 1e9)],
            shortestNs / 1e9);
    }
}
