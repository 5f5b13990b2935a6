namespace StragglerGuard.Core.Detection;

// What the other detectors of a job ask.
public sealed partial class SlownessDetector
{
    void IRankScreen.TakeOver(Verdict verdict) => TakeOver(verdict);

    bool IRankScreen.IsKnown(int rank) => _frame.IsKnown(rank);

    bool IRankScreen.IsLearned(int rank) => _series[rank].IsLearned;

    bool IRankScreen.IsAgainstPeers(int rank) => _series[rank].AgainstPeers is not null;

    bool IRankScreen.IsJudged(int rank) => _frame.IsJudged(rank);

    bool IRankScreen.IsFlagged(int rank) => _series[rank].IsFlagged;

    bool IRankScreen.IsSuspicious(int rank) =>
        !_series[rank].IsFlagged && 2 * _series[rank].Cusum.Up >= _series[rank].Parameters.DecisionLimitZ;

    double IRankScreen.ResidualOf(int rank) => _frame.ResidualOf(rank);

    double IRankScreen.LevelOf(int rank) => _frame.LevelOf(rank);

    double IRankScreen.CenterOf(int rank) => _series[rank].AgainstPeers?.Center ?? 0;

    double IRankScreen.SigmaOf(int rank) => _series[rank].Judged.Sigma;

    bool IRankScreen.TryGetReference(int rank, out double residual, out double level)
    {
        residual = level = double.NaN;
        return false;
    }

    double IRankScreen.RecentResidualOf(int rank) => _series[rank].KnownResidual();
}
