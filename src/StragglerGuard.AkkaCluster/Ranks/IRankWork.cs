namespace StragglerGuard.AkkaCluster.Ranks;

/// <summary>What one rank of this process does, a timed step at a time.</summary>
public interface IRankWork
{
    /// <summary>
    /// Takes one step: computes, meets the other ranks in their collectives, records its timing. Called on the rank's own thread, never
    /// twice at once; may block as long as its collectives do. What it throws ends this rank, and no other.
    /// </summary>
    /// <returns>Whether there is another step.</returns>
    bool Advance();
}
