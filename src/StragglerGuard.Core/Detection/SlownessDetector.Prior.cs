using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Detection;

// Slow from the first step where peers can't tell: too few of them, or as many slow as not.
public sealed partial class SlownessDetector
{
    // A class's known time per unit is of this job only if some rank keeps to it: another model, and every rank is off.
    private void JudgeAgainstPriors(DetectionEvents sink)
    {
        bool isNews = false;
        bool isKept = false;
        for (int rank = 0; rank < _series.Length; rank++)
        {
            RankSeries series = _series[rank];
            if (series.IsLearned && !double.IsNaN(series.PriorLevel))
            {
                isNews |= IsPriorDue(rank, series);
                isKept |= Math.Abs(series.Own.Center - series.PriorLevel) < 0.5 * _effectMin;
            }
        }

        for (int rank = 0; isNews && isKept && rank < _series.Length; rank++)
        {
            RankSeries series = _series[rank];
            if (!series.IsLearned || !IsPriorDue(rank, series))
            {
                continue;
            }

            SelfBaseline own = series.Own;
            double excess = own.Center - series.PriorLevel;
            double error = MedianError * own.Sigma / Math.Sqrt(own.Count);
            double threshold = Math.Max(Math.Max(_effectMin, own.Sigma), series.Parameters.Significance * error);
            if (excess >= threshold)
            {
                Accuse(rank, VerdictKind.SlowFromStart, series.LearnedFromStep, excess, double.NaN, threshold, sink, ranksCompared: 0);
            }
        }
    }

    // While the first history is young: what comes later is a change, and has its own detectors.
    private bool IsPriorDue(int rank, RankSeries series) =>
        _frame.IsJudged(rank) && series.IsFirstHistory && !double.IsNaN(series.PriorLevel)
        && series.Own.Count < DetectionParameters.Peers.BaselineSteps;
}
