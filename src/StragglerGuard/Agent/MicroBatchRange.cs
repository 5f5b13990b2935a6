namespace StragglerGuard.Agent;

/// <summary>The micro-batches of one step that one rank computes: k = <see cref="First"/> … <see cref="End"/> − 1.</summary>
/// <param name="Step">The step.</param>
/// <param name="First">The first, 0-based within the global batch.</param>
/// <param name="Count">How many; may be 0.</param>
public readonly record struct MicroBatchRange(long Step, int First, int Count)
{
    /// <summary>One past the last.</summary>
    public int End => First + Count;
}
