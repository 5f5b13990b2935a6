using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Detection;

// What most ranks do together: a cause common to all, or a majority of culprits.
public sealed partial class SlownessDetector
{
    // Standard errors that set a rank apart from a shift of most others, and the steps that may be waited for it to show.
    private const double ApartErrors = 3;
    private const int MajorityStepsMax = 16;

    // Half of the judged ranks or more, and two at least, that moved at least half as far in the same direction.
    // Returns whether the step needs no further judgement.
    private bool TryFollowCommonShift(double shift, long onsetStep, double sigma, DetectionEvents sink)
    {
        if (Math.Abs(shift) < _effectMin)
        {
            return false;
        }

        int judged = 0;
        int alike = 0;
        int apart = 0;
        for (int rank = 0; rank < _series.Length; rank++)
        {
            if (_frame.IsJudged(rank))
            {
                judged++;
                bool isAlike = IsAlike(_shift[rank], shift);
                alike += isAlike ? 1 : 0;
                apart += !isAlike && IsClearlyApart(rank, shift) ? 1 : 0;
            }
        }

        if (alike < 2 || 2 * alike < judged)
        {
            return false;
        }

        // Slower, but not all: their own histories tell who moved, however many they are.
        if (shift > 0 && alike < judged)
        {
            if (alike + apart == judged)
            {
                AccuseMajority(shift, onsetStep, judged - alike, sink);
                return true;
            }

            if (Step - onsetStep + 1 < MajorityStepsMax)
            {
                return true;
            }
        }

        FollowCommonShift(shift, onsetStep);
        sink.Add(new DetectionEvent
        {
            Kind = DetectionEventKind.CommonShiftDetected,
            Mode = DetectionMode.OwnHistory,
            OnsetStep = onsetStep,
            ChangedAtStep = onsetStep,
            RaisedAtStep = Step,
            Slowdown = Math.Exp(shift),
            Residual = 0,
            OwnShift = shift,
            Sigma = sigma,
            Threshold = _effectMin,
            RanksCompared = judged,
            RanksShifted = alike,
        });
        return true;
    }

    private void FollowCommonShift(double shift, long onsetStep)
    {
        int steps = (int)Math.Min(RankSeries.RecentSteps, Step - onsetStep + 1);
        for (int rank = 0; rank < _series.Length; rank++)
        {
            RankSeries series = _series[rank];
            if (series.IsFlagged)
            {
                series.FollowCommon(shift);
            }
            else if (_frame.IsJudged(rank) && IsAlike(_shift[rank], shift))
            {
                series.Follow(steps, _shift[rank]);
            }
            else if (_frame.IsJudged(rank) && series.AgainstPeers is not null)
            {
                // It stayed where it was, but its peers moved.
                series.Follow(steps, shift: 0);
            }
        }

        _job.Settle();
    }

    // Below half of the common shift by more than its own noise explains.
    private bool IsClearlyApart(int rank, double shift)
    {
        SelfBaseline own = _series[rank].Own;
        double error = MedianError * own.Sigma * Math.Sqrt((1.0 / _series[rank].Parameters.CheckSteps) + (1.0 / own.Count));
        return (0.5 * shift) - _shift[rank] >= ApartErrors * error;
    }

    // Those that moved are compared with those that did not; who stays is the yardstick from now on.
    private void AccuseMajority(double shift, long onsetStep, int unmoved, DetectionEvents sink)
    {
        int count = 0;
        for (int rank = 0; rank < _series.Length; rank++)
        {
            if (_frame.IsJudged(rank) && !IsAlike(_shift[rank], shift))
            {
                _scratch[count++] = _shift[rank];
            }
        }

        double stayed = OrderStatistics.Median(_scratch.AsSpan(0, count));
        for (int rank = 0; rank < _series.Length; rank++)
        {
            if (!_frame.IsJudged(rank) || !IsAlike(_shift[rank], shift))
            {
                continue;
            }

            RankSeries series = _series[rank];
            double own = _series[rank].RecentLevel() - series.OwnReference;
            double error = MedianError * series.Own.Sigma * Math.Sqrt((1.0 / series.Parameters.CheckSteps) + (1.0 / series.Own.Count));
            double threshold = Math.Max(Math.Max(_effectMin, series.Own.Sigma), series.Parameters.Significance * error);
            if (own - stayed >= threshold && own >= Math.Max(_effectMin, series.Own.Sigma))
            {
                Accuse(rank, VerdictKind.PersistentSlowness, onsetStep, own - stayed, own, threshold, sink, unmoved);
            }
        }

        for (int rank = 0; rank < _series.Length; rank++)
        {
            // It stayed where it was, but its peers moved and are no yardstick any more.
            if (_frame.IsJudged(rank))
            {
                _series[rank].Cusum.Reset();
            }
        }

        _job.Settle();
    }

    private static bool IsAlike(double shift, double other) => shift * Math.Sign(other) >= 0.5 * Math.Abs(other);
}
