namespace StragglerGuard.AkkaCluster.Ranks;

/// <summary>How a rank ended.</summary>
/// <param name="Slot">Its index among the ranks that were started with it.</param>
/// <param name="Cause">What its work threw; null where the work was over, or was stopped between two steps.</param>
/// <param name="Steps">Steps that it finished.</param>
public sealed record RankEnd(int Slot, Exception? Cause, long Steps)
{
    /// <summary>Whether it was stopped before its work was over.</summary>
    public bool WasStopped { get; init; }
}
