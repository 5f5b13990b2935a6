using StragglerGuard.Core.Baselines;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Detection;

/// <summary>One frame's levels, and how far each lies from what its rank is compared with. Refilled frame by frame.</summary>
internal sealed class FrameComparison
{
    // A rank is compared with two peers at least, even when others are missing from the frame.
    private const int PeersInFrameMin = 2;

    private readonly RankSeries[] _series;
    private readonly bool _includesInput;
    private readonly bool[] _known;
    private readonly double[] _level;
    private readonly double[] _residual;
    private readonly int[] _compared;
    private readonly bool[] _isBereft;
    private readonly double[] _scratch;

    /// <param name="series">What is remembered, by rank.</param>
    /// <param name="includesInput">Whether the wait for input counts as own time.</param>
    /// <param name="scratch">As long as there are ranks.</param>
    public FrameComparison(RankSeries[] series, bool includesInput, double[] scratch)
    {
        _includesInput = includesInput;
        _series = series;
        _known = new bool[series.Length];
        _level = new double[series.Length];
        _residual = new double[series.Length];
        _compared = new int[series.Length];
        _isBereft = new bool[series.Length];
        _scratch = scratch;
    }

    /// <summary>Lower median, over the judged ranks, of the distance from their own history.</summary>
    public double Common { get; private set; }

    /// <summary>Ranks that <see cref="Common"/> was taken over.</summary>
    public int CommonCount { get; private set; }

    /// <summary>Whether the frame says anything of the rank.</summary>
    public bool IsKnown(int rank) => _known[rank];

    /// <summary>Whether the frame says something of a rank whose history is learned and that no verdict stands against.</summary>
    public bool IsJudged(int rank) => _known[rank] && _series[rank].IsLearned && !_series[rank].IsFlagged;

    /// <summary>log(compute ns per unit of work) of a known rank.</summary>
    public double LevelOf(int rank) => _level[rank];

    /// <summary>A known rank's distance from its peers, or from its history less the common part; 0 while the history is being
    /// learned.</summary>
    public double ResidualOf(int rank) => _residual[rank];

    /// <summary>Ranks that the residual was taken against.</summary>
    public int ComparedWith(int rank) => _compared[rank];

    public void Read(StepFrame frame, int[][] peerCohorts)
    {
        ReadLevels(frame);
        foreach (int[] members in peerCohorts)
        {
            CompareWithPeers(members);
        }

        FindCommonPart();
        for (int rank = 0; rank < _series.Length; rank++)
        {
            RankSeries series = _series[rank];
            if (_known[rank] && (series.AgainstPeers is null || _isBereft[rank]))
            {
                _known[rank] = TryCompareWithHistory(rank, series);
            }
        }
    }

    private void ReadLevels(StepFrame frame)
    {
        ReadOnlySpan<bool> present = frame.Present;
        ReadOnlySpan<long> computeNs = frame.ComputeNs;
        ReadOnlySpan<long> dataWaitNs = frame.DataWaitNs;
        ReadOnlySpan<int> workUnits = frame.WorkUnits;
        for (int rank = 0; rank < _level.Length; rank++)
        {
            bool known = present[rank] && computeNs[rank] > 0 && workUnits[rank] > 0;
            _known[rank] = known;
            double ownNs = (double)computeNs[rank] + (_includesInput ? dataWaitNs[rank] : 0);
            _level[rank] = known ? Math.Log(ownNs / workUnits[rank]) : double.NaN;
        }
    }

    // Flagged ranks are no yardstick, unless too few others are there.
    private void CompareWithPeers(int[] members)
    {
        PeerMedian healthy = MedianOf(members, andFlagged: false);
        PeerMedian all = healthy;
        if (healthy.Count <= PeersInFrameMin)
        {
            all = MedianOf(members, andFlagged: true);
        }

        foreach (int rank in members)
        {
            if (!_known[rank])
            {
                continue;
            }

            bool isFlagged = _series[rank].IsFlagged;
            _isBereft[rank] = false;
            int healthyPeers = healthy.Count - (isFlagged ? 0 : 1);
            if (healthyPeers >= PeersInFrameMin)
            {
                _compared[rank] = healthyPeers;
                _residual[rank] = _level[rank] - (isFlagged ? healthy.OfAll() : healthy.Without(_level[rank]));
            }
            else if (isFlagged && (_series[rank].Kind == VerdictKind.PersistentSlowness || _series[rank].IsTakenOver || !double.IsNaN(_series[rank].PriorLevel)))
            {
                // Most of its peers are slow too: its own history from before, or what its class is known for, is the better yardstick.
                _isBereft[rank] = true;
            }
            else if (all.Count > PeersInFrameMin)
            {
                _compared[rank] = all.Count - 1;
                _residual[rank] = _level[rank] - all.Without(_level[rank]);
            }
            else
            {
                _known[rank] = false;
            }
        }
    }

    private PeerMedian MedianOf(int[] members, bool andFlagged)
    {
        int count = 0;
        foreach (int rank in members)
        {
            if (_known[rank] && (andFlagged || !_series[rank].IsFlagged))
            {
                _scratch[count++] = _level[rank];
            }
        }

        return PeerMedian.Of(_scratch.AsSpan(0, count));
    }

    private void FindCommonPart()
    {
        int count = 0;
        for (int rank = 0; rank < _level.Length; rank++)
        {
            if (IsJudged(rank))
            {
                _scratch[count++] = _level[rank] - _series[rank].Own.Center;
            }
        }

        CommonCount = count;
        Common = count > 0 ? OrderStatistics.LowerMedian(_scratch.AsSpan(0, count)) : 0;
    }

    // Where nobody is there to tell a common change from an own one, a rank of several is given the benefit of the doubt.
    private bool TryCompareWithHistory(int rank, RankSeries series)
    {
        int others = Math.Max(0, series.IsFlagged ? CommonCount : CommonCount - 1);
        bool isAlone = _series.Length == 1;
        if (series.IsFlagged && (!series.IsLearned || (others == 0 && !isAlone)))
        {
            return false;
        }

        _compared[rank] = others;
        double own = _level[rank] - series.OwnReference;
        _residual[rank] = !series.IsLearned ? 0
            : isAlone ? own
            : others > 0 ? own - Common
            : 0;
        return true;
    }
}
