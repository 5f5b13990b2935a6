namespace StragglerGuard.Collectives.Operations;

/// <summary>How a step's reduction went for one rank.</summary>
/// <param name="WasIn">Whether this rank's own gradients and ballot are in the sums.</param>
/// <param name="Participants">Whose gradients are in the sums: how many, the same on all ranks.</param>
/// <param name="Ballot">
/// The small reduction. Entered when this rank's own work was done, so that waiting for the cut-off is time inside; of a rank that
/// was late, when it was entered for, so that it counts as the last to come, late by no less than that.
/// </param>
/// <param name="Gradients">The reduction of the gradients; for a late rank as its communication thread saw it.</param>
/// <param name="FinishNs">When this rank's own work was done or given up: ns, this process's monotonic clock.</param>
public readonly record struct PartialReduction(
    bool WasIn, int Participants, CollectiveTiming Ballot, CollectiveTiming Gradients, long FinishNs);
