using System.Collections.Immutable;
using static System.FormattableString;

namespace StragglerGuard.Core.Probing;

/// <summary>Explains slow links by as few faults as will do: first ranks all of whose links are slow, the gravest first, then single links.</summary>
/// <remarks>
/// A rank's fault explains as much as its least affected link is slow. What a link is slow beyond that is looked at anew, so that a bad
/// cable at a slow interface is found as well.
/// </remarks>
internal static class LinkFaultSearch
{
    public static void Find(ImmutableArray<LinkReading> links, ImmutableArray<FigureComparison> comparisons, List<LinkFault> faults)
    {
        double[] unexplained = [.. comparisons.Select(comparison => comparison.Standing == FigureStanding.Slow ? comparison.LogFactor : 0)];
        Dictionary<Rank, List<int>> linksOf = [];
        for (int i = 0; i < links.Length; i++)
        {
            Add(linksOf, links[i].From, i);
            Add(linksOf, links[i].To, i);
        }

        bool IsOpen(int link) => unexplained[link] > comparisons[link].LogThreshold && comparisons[link].Standing == FigureStanding.Slow;

        while (true)
        {
            var gravest = (Rank: default(Rank), LogFactor: 0.0);
            foreach ((Rank rank, List<int> own) in linksOf)
            {
                double least = own.Count > 1 && own.TrueForAll(IsOpen) ? own.Min(link => unexplained[link]) : 0;
                if (least > gravest.LogFactor || (least == gravest.LogFactor && least > 0 && rank < gravest.Rank))
                {
                    gravest = (rank, least);
                }
            }

            if (gravest.LogFactor <= 0)
            {
                break;
            }

            List<int> explained = linksOf[gravest.Rank];
            faults.Add(new LinkFault.OfRank(
                gravest.Rank, comparisons[0].Part, Math.Exp(gravest.LogFactor),
                Invariant($"all {explained.Count} links of {gravest.Rank} are slow, so its interface is; the worst: {comparisons[explained.MaxBy(link => unexplained[link])].Reason}")));
            foreach (int link in explained)
            {
                unexplained[link] -= gravest.LogFactor;
            }
        }

        for (int i = 0; i < links.Length; i++)
        {
            if (IsOpen(i))
            {
                faults.Add(OfLink(links[i], comparisons, linksOf, i, unexplained[i]));
            }
        }
    }

    private static LinkFault.OfLink OfLink(
        LinkReading link, ImmutableArray<FigureComparison> comparisons, Dictionary<Rank, List<int>> linksOf, int index, double logFactor)
    {
        bool IsCleared(Rank end) => linksOf[end].Exists(other => other != index && comparisons[other].Standing == FigureStanding.Fit);
        Rank[] suspects = [.. new[] { link.From, link.To }.Where(end => !IsCleared(end))];
        string ends = suspects.Length == 0
            ? "both ends carry another link as they should"
            : $"the interface of {string.Join(" or ", suspects)} would look the same";
        return new LinkFault.OfLink(
            link.From, link.To, comparisons[index].Part, Math.Exp(logFactor),
            $"the link of {link.From} and {link.To} is slow, {ends}: {comparisons[index].Reason}");
    }

    private static void Add(Dictionary<Rank, List<int>> linksOf, Rank rank, int link)
    {
        if (!linksOf.TryGetValue(rank, out List<int>? own))
        {
            linksOf.Add(rank, own = []);
        }

        own.Add(link);
    }
}
