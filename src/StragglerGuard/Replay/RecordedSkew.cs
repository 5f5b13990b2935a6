namespace StragglerGuard.Replay;

/// <summary>Guesses the exit skew of a recorded job, which no recording states, from the steps as they come.</summary>
/// <remarks>
/// Ranks leave a collective together, so what a rank spent before it and in it adds up to the same for all, but for the exit skew and for what was not recorded.
/// Every <see cref="WindowSteps"/> steps, the second smallest spread of these sums is what a probe would have measured. What was not recorded makes it
/// too large, never too small: lags that might be an artefact don't count.
/// </remarks>
internal sealed class RecordedSkew
{
    public const int WindowSteps = 16;

    /// <summary>The least that is assumed: what the clocks of a host can tell.</summary>
    public const long FloorNs = 10_000;

    private readonly long[] _spreadsNs = new long[WindowSteps];
    private int _count;

    /// <summary>Takes the records of a step that every rank recorded.</summary>
    /// <returns>The skew, ns, where a window is full; else null.</returns>
    public long? Add(ReadOnlySpan<RecordedStep> step)
    {
        long shortest = long.MaxValue;
        long longest = 0;
        foreach (ref readonly RecordedStep record in step)
        {
            long sum = record.DataWaitNs + record.ComputeNs + record.CollectiveNs;
            shortest = Math.Min(shortest, sum);
            longest = Math.Max(longest, sum);
        }

        _spreadsNs[_count++] = longest - shortest;
        if (_count < WindowSteps)
        {
            return null;
        }

        _count = 0;
        Array.Sort(_spreadsNs);
        return Math.Max(FloorNs, _spreadsNs[1]);
    }
}
