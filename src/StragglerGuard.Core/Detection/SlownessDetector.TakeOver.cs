namespace StragglerGuard.Core.Detection;

// Ranks that another detector found slow before this one saw its first step.
public sealed partial class SlownessDetector
{
    private int _takenOver;

    /// <summary>Goes on with a verdict that another detector raised: before the first step.</summary>
    internal void TakeOver(Verdict verdict)
    {
        RankSeries series = _series[verdict.Rank!.Value.Value];
        StragglingCount += series.IsFlagged ? 0 : 1;
        series.TakeOver(verdict.Kind, verdict.OnsetStep, verdict.RaisedAtStep, Math.Log(verdict.Slowdown));
        _takenOver++;
    }

    private void LearnTakenOver()
    {
        for (int rank = 0; _takenOver > 0 && rank < _series.Length; rank++)
        {
            RankSeries series = _series[rank];
            if (series is { IsTakenOver: true, IsLearned: false } && !double.IsNaN(_frame.LevelOf(rank)))
            {
                series.LearnTakenOver(_frame.LevelOf(rank));
                _takenOver -= series.IsLearned ? 1 : 0;
            }
        }
    }
}
