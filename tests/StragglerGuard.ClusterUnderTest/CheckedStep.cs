namespace StragglerGuard.ClusterUnderTest;

/// <summary>
/// Micro-batches whose gradients are whole numbers: the sum over a step is exact, whoever computed which of them, so that one that was left
/// out, or done twice, shows at once.
/// </summary>
internal static class CheckedStep
{
    /// <summary>The gradient of micro-batch k of a step, named by both, whoever computes it.</summary>
    /// <param name="step">The step.</param>
    /// <param name="microBatch">0 … M − 1.</param>
    public static double Gradient(long step, int microBatch)
    {
        ulong mixed = (((ulong)step << 20) ^ (ulong)microBatch) * 0x9E3779B97F4A7C15;
        return mixed >> 24; // 40 bits: thousands of them add up without rounding.
    }

    /// <summary>What the gradients of a step must add up to.</summary>
    /// <param name="step">The step.</param>
    /// <param name="microBatches">M.</param>
    public static double Sum(long step, int microBatches)
    {
        double sum = 0;
        for (int microBatch = 0; microBatch < microBatches; microBatch++)
        {
            sum += Gradient(step, microBatch);
        }

        return sum;
    }
}
