using StragglerGuard.Traces;
using static StragglerGuard.Daemon.CommandLine.TerminalText;

namespace StragglerGuard.Daemon.Analysis;

/// <summary>Collectives of profiler traces as a page: how late every rank was at every collective.</summary>
internal static class CollectivePage
{
    private const int CollectivesMax = 1_000;
    private const int RanksMax = 256;

    public static string Render(string name, KinetoReading reading)
    {
        var page = new PageWriter($"StragglerGuard: {name}");
        page.Paragraph(CollectiveText.Paragraph(reading));
        int[] ranks = [.. reading.Ranks.Take(RanksMax)];
        double largest = reading.Collectives.Max(collective => collective.LagSeconds.Max());
        page.Heading("Lag by rank and collective");
        page.Paragraph(Say($"How much later than the first each rank came; the darkest is {CollectiveText.Time(largest)}."));
        page.BeginHeat("collective \\ rank", ranks.Select(rank => Say($"{rank}")), narrow: false);
        foreach (CollectiveLag collective in reading.Collectives.Take(CollectivesMax))
        {
            page.BeginHeatRow($"{collective.Name} {CollectiveText.Size(collective.SizeBytes)}");
            foreach (int rank in ranks)
            {
                int member = Array.BinarySearch([.. collective.Ranks], rank);
                if (member < 0)
                {
                    page.HeatCell(0, "", "not a member");
                    continue;
                }

                double lag = collective.LagSeconds[member];
                string time = CollectiveText.Time(lag);
                page.HeatCell(largest > 0 ? lag / largest : 0, time, Say($"rank {rank}: {time} behind the first") + (rank == collective.LastRank ? ", last to come" : ""));
            }

            page.EndHeatRow();
        }

        page.EndHeat();
        if (reading.Collectives.Count > CollectivesMax)
        {
            page.Paragraph(Say($"{reading.Collectives.Count - CollectivesMax} more collectives are left out."));
        }

        return page.End();
    }
}
