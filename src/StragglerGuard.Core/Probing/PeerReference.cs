using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Probing;

/// <summary>What peers have in common.</summary>
/// <param name="Figure">The median of their medians and of their spreads.</param>
/// <param name="Between">Standard deviation of their medians, relative; 0 with too few to tell.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct PeerReference(ProbeFigure Figure, double Between, int Count)
{
    private const int PeersForSpread = 3;

    /// <param name="peers">All known, at least one.</param>
    public static PeerReference Of(IReadOnlyList<ProbeFigure> peers)
    {
        double[] logs = [.. peers.Select(peer => Math.Log(peer.Median))];
        double center = OrderStatistics.Median(logs);
        double between = 0;
        if (logs.Length >= PeersForSpread)
        {
            for (int i = 0; i < logs.Length; i++)
            {
                logs[i] = Math.Abs(logs[i] - center);
            }

            between = FigureComparison.SigmaOfMad * OrderStatistics.Median(logs);
        }

        double[] within = [.. peers.Select(peer => peer.RelativeSpread)];
        return new PeerReference(
            new ProbeFigure(Math.Exp(center), OrderStatistics.Median(within), peers.Min(peer => peer.Repeats)), between, logs.Length);
    }
}
