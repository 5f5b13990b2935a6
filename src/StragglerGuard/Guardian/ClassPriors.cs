using System.Globalization;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;

namespace StragglerGuard.Guardian;

/// <summary>Stands in for ranks that never gave a sample: one whose recorder is silent must not keep the work undealt for ever.</summary>
/// <remarks>
/// Its speed is taken for the median of its stage and class, where three others are known at least, as in
/// <see cref="Core.Planning.ReplicaRebalance"/>. A rank that was known once keeps its own: it may be the slow one.
/// </remarks>
internal sealed class ClassPriors
{
    private const int KnownMin = 3;

    private readonly (int Stage, DeviceClass Class)[] _cohorts;
    private readonly bool[] _gave;
    private int _silent;
    private int _frames;

    /// <summary>Begins where nobody has given a sample.</summary>
    /// <param name="ranks">Every rank of the generation.</param>
    public ClassPriors(IReadOnlyList<RankEnrollment> ranks)
    {
        _cohorts = [.. ranks.Select(rank => (rank.Stage, rank.DeviceClass))];
        _gave = new bool[ranks.Count];
        _silent = ranks.Count;
    }

    /// <summary>Notes who gave a sample.</summary>
    public void Observe(StepFrame frame)
    {
        _frames++;
        for (int rank = 0; _silent > 0 && rank < _gave.Length; rank++)
        {
            if (!_gave[rank] && frame.IsPresent(rank) && frame.WorkUnits[rank] > 0)
            {
                _gave[rank] = true;
                _silent--;
            }
        }
    }

    /// <summary>Fills in for the silent ones, once enough frames have passed that their silence is no late start.</summary>
    /// <param name="estimates">s a micro-batch, one a rank.</param>
    /// <param name="frames">The same of the last frames, a frame a row; may be empty.</param>
    /// <returns>For whom, in words; null where for nobody.</returns>
    public string? Fill(double[] estimates, Span<double> frames)
    {
        if (_silent == 0 || _frames < SpeedEstimator.WindowSamples)
        {
            return null;
        }

        int filled = 0;
        int first = -1;
        int known = 0;
        foreach (IGrouping<(int Stage, DeviceClass Class), int> cohort in Enumerable.Range(0, _gave.Length).GroupBy(rank => _cohorts[rank]))
        {
            double[] peers = [.. cohort.Select(rank => estimates[rank]).Where(double.IsFinite)];
            if (peers.Length < KnownMin)
            {
                continue;
            }

            double median = double.NaN;
            foreach (int rank in cohort.Where(rank => !_gave[rank]))
            {
                median = double.IsNaN(median) ? RollingSeconds.MedianOf(peers) : median;
                estimates[rank] = median;
                for (int at = rank; at < frames.Length; at += _gave.Length)
                {
                    frames[at] = median;
                }

                (first, known) = filled++ == 0 ? (rank, peers.Length) : (first, known);
            }
        }

        string others = filled <= 1 ? "" : $" and {filled - 1} more";
        return filled == 0 ? null
            : string.Create(CultureInfo.InvariantCulture, $"rank {first}{others} never gave a sample: the median of {known} of its class stands in");
    }
}
