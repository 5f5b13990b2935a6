namespace StragglerGuard.Core.Detection;

/// <summary>What the other detectors of a job ask of the one that judges every rank at every step.</summary>
internal interface IRankScreen
{
    /// <summary>Takes the next frame.</summary>
    void Update(Timing.StepFrame frame, DetectionEvents sink);

    /// <summary>Goes on with a verdict that another screen raised: before the first frame.</summary>
    void TakeOver(Verdict verdict);

    /// <summary>Ranks with a standing verdict.</summary>
    int StragglingCount { get; }

    /// <summary>Whether the frame seen last says anything of the rank.</summary>
    bool IsKnown(int rank);

    /// <summary>Whether the rank's history is learned.</summary>
    bool IsLearned(int rank);

    /// <summary>Whether the rank is compared with peers, and not with its own history.</summary>
    bool IsAgainstPeers(int rank);

    /// <summary>Whether it does, the rank's history is learned and no verdict stands against it.</summary>
    bool IsJudged(int rank);

    /// <summary>Whether a verdict stands.</summary>
    bool IsFlagged(int rank);

    /// <summary>Whether no verdict stands, but the sum against the rank has reached half of its limit.</summary>
    bool IsSuspicious(int rank);

    /// <summary>A known rank's distance from what it is compared with, in the frame seen last.</summary>
    double ResidualOf(int rank);

    /// <summary>A known rank's log(compute ns per unit of work), in the frame seen last.</summary>
    double LevelOf(int rank);

    /// <summary>Median of a known rank's residuals while it was healthy.</summary>
    double CenterOf(int rank);

    /// <summary>Long-run σ of the series that a rank is judged by.</summary>
    double SigmaOf(int rank);

    /// <summary>Median over the check's steps of a rank's residual.</summary>
    double RecentResidualOf(int rank);

    /// <summary>What a rank's residual and level were when it was first learned, where the screening keeps that.</summary>
    bool TryGetReference(int rank, out double residual, out double level);

    /// <summary>A rank as it stands after the last frame.</summary>
    RankStanding StateOf(Rank rank);

    /// <summary>What a rank is comparable within.</summary>
    RankCohort CohortOf(Rank rank);
}
