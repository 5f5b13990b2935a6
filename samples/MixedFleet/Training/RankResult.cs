namespace MixedFleet.Training;

/// <summary>What one rank of the fleet brings home.</summary>
/// <param name="Slot">Its place in the fleet, for the whole job.</param>
/// <param name="Pid">The process that it ran in.</param>
/// <param name="Members">The slots in the job's last generation, where this one was a member to the end; none where it was not.</param>
/// <param name="LossFirst">Mean cross-entropy of the first step that it took part in, nats per byte; NaN where it took part in none.</param>
/// <param name="LossLast">Mean over its last 10 steps.</param>
/// <param name="WeightBits">A hash over the bits of all weights, hexadecimal.</param>
/// <param name="GradientMaxRelativeError">
/// ‖Δ‖∞/‖g‖∞ of an uneven deal, the last generation's last one if it had one, against an even split, fp64. NaN where it was no member to
/// the end.
/// </param>
/// <param name="StepSeconds">Wall time of every step of the run, the first one at 0; NaN where it took no part.</param>
/// <param name="StepMicroBatches">Micro-batches in the gradient of every step, of all ranks together; 0 where it took no part.</param>
/// <param name="WaitingMicroBatches">Micro-batches that were dropped and wait to be done, at the end.</param>
/// <param name="Generations">The generations that it was a member of.</param>
internal sealed record RankResult(
    int Slot, int Pid, int[] Members, double LossFirst, double LossLast, string WeightBits, double GradientMaxRelativeError,
    double[] StepSeconds, int[] StepMicroBatches, int WaitingMicroBatches, GenerationJoined[] Generations)
{
    /// <summary>Whether it trained to the end.</summary>
    public bool IsMember => Members.Length > 0;
}

/// <summary>A generation as a member saw it begin.</summary>
/// <param name="Generation">Its number.</param>
/// <param name="Epoch">Of the plan that it began with.</param>
/// <param name="FirstStep">The first step.</param>
internal sealed record GenerationJoined(int Generation, long Epoch, long FirstStep);
