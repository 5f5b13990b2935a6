namespace MixedFleet.Training;

/// <summary>What one rank brings home.</summary>
/// <param name="Rank">Who.</param>
/// <param name="Pid">The process that it ran in.</param>
/// <param name="LossFirst">Mean cross-entropy of the global batch of the run's first step, nats per byte.</param>
/// <param name="LossLast">Mean over the last 10 steps.</param>
/// <param name="WeightBits">A hash over the bits of all weights, hexadecimal.</param>
/// <param name="GradientMaxRelativeError">‖Δ‖∞/‖g‖∞ of an uneven deal, the job's last one if it had one, against an even split, fp64.</param>
/// <param name="StepSeconds">Wall time of every step of the run, the first one at 0.</param>
internal sealed record RankResult(
    int Rank, int Pid, double LossFirst, double LossLast, string WeightBits, double GradientMaxRelativeError, double[] StepSeconds);
