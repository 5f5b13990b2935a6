using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Policy;

/// <summary>Whether a job waits for chance: how far the slowest of a step lies behind, and whether it is always the same.</summary>
/// <param name="Steps">Steps measured, 0 or more.</param>
/// <param name="TypicalSeconds">Mean over the steps of the median replica's own time, s.</param>
/// <param name="SlowestSeconds">Mean over the steps of the slowest replica's own time, s.</param>
/// <param name="LatestReplica">The replica, by its column, that is late in most steps; −1 if none ever was.</param>
/// <param name="LateShare">Share of the steps in which it is late, 0 … 1.</param>
public sealed record TailEvidence(int Steps, double TypicalSeconds, double SlowestSeconds, int LatestReplica, double LateShare)
{
    /// <summary>Fewest steps that tails are believed on.</summary>
    public const int StepsMin = 32;

    /// <summary>A replica is late in a step that takes it longer than the median replica by more than this share.</summary>
    public const double LateFrom = 0.1;

    /// <summary>Slowest over typical, less 1.</summary>
    /// <value>0 or more; 0 without a step.</value>
    public double Tail => TypicalSeconds > 0 ? (SlowestSeconds / TypicalSeconds) - 1 : 0;

    /// <summary>Measures.</summary>
    /// <param name="ownSeconds">Each replica's own time, a step a row, all under the deal in force: steps × replicas entries, s, finite, 0 or more.</param>
    /// <param name="replicas">Replicas, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 1 replica.</exception>
    /// <exception cref="ArgumentException">Not a whole number of steps, or a time that is negative or not finite.</exception>
    public static TailEvidence Measure(ReadOnlySpan<double> ownSeconds, int replicas)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(replicas, 1);
        if (ownSeconds.Length % replicas != 0)
        {
            throw new ArgumentException($"{ownSeconds.Length} times are no whole number of steps of {replicas} replicas.", nameof(ownSeconds));
        }

        foreach (var own in ownSeconds)
        {
            if (!double.IsFinite(own) || own < 0)
            {
                throw new ArgumentException($"A time of {own} s is not a finite number of 0 or more.", nameof(ownSeconds));
            }
        }

        var steps = ownSeconds.Length / replicas;
        var late = new int[replicas];
        var scratch = new double[replicas];
        double typical = 0;
        double slowest = 0;
        for (var step = 0; step < steps; step++)
        {
            var row = ownSeconds.Slice(step * replicas, replicas);
            row.CopyTo(scratch);

            // The lower of two middles: of two replicas one can be late.
            var median = OrderStatistics.LowerMedian(scratch);
            typical += median;
            slowest += OrderStatistics.LargestOf(row);
            for (var replica = 0; replica < replicas; replica++)
            {
                late[replica] += row[replica] > median * (1 + LateFrom) ? 1 : 0;
            }
        }

        if (steps == 0)
        {
            return new TailEvidence(0, 0, 0, -1, 0);
        }

        var most = Array.IndexOf(late, late.Max());
        return new TailEvidence(steps, typical / steps, slowest / steps, late[most] == 0 ? -1 : most, (double)late[most] / steps);
    }
}
