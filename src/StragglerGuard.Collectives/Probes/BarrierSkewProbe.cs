using StragglerGuard.Collectives.Operations;

namespace StragglerGuard.Collectives.Probes;

/// <summary>
/// How far apart ranks leave a collective. After a first barrier all ranks start together, so a rank's time in a second one, right
/// after it, differs from another's by the difference of their exits only; no shared clock is needed.
/// </summary>
public static class BarrierSkewProbe
{
    /// <summary>Two barriers back to back; all ranks call it together.</summary>
    /// <param name="communicator">The group's.</param>
    /// <returns>
    /// This rank's second barrier. The spread of its duration over the ranks is the exit skew: the noise floor of every lag.
    /// </returns>
    public static CollectiveTiming Measure(Communicator communicator)
    {
        ArgumentNullException.ThrowIfNull(communicator);
        communicator.Barrier();
        return communicator.Barrier();
    }
}
