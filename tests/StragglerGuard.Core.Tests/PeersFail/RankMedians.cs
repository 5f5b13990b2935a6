using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.PeersFail;

/// <summary>By rank, the medians of what other tools would have timed. Ranks that were missing from a step are left out of it.</summary>
internal sealed class RankMedians(int ranks)
{
    private readonly List<double>[] _compute = [.. Enumerable.Range(0, ranks).Select(_ => new List<double>())];
    private readonly List<double>[] _collective = [.. Enumerable.Range(0, ranks).Select(_ => new List<double>())];
    private readonly List<double>[] _step = [.. Enumerable.Range(0, ranks).Select(_ => new List<double>())];

    public double[] Compute => Of(_compute);

    public double[] Collective => Of(_collective);

    public double[] WholeStep => Of(_step);

    public void Add(StepFrame frame)
    {
        for (int rank = 0; rank < frame.Ranks; rank++)
        {
            if (frame.IsPresent(rank))
            {
                _compute[rank].Add(frame.ComputeNs[rank]);
                _collective[rank].Add(frame.CollectiveNs[rank]);
                _step[rank].Add(frame.ComputeNs[rank] + frame.DataWaitNs[rank] + frame.CollectiveNs[rank]);
            }
        }
    }

    private static double[] Of(List<double>[] values) => [.. values.Select(rank => rank.Count == 0 ? double.NaN : PeerRules.Median(rank))];
}
