using System.Globalization;

namespace StragglerGuard.Core.Planning;

/// <summary>What a job's steps looked like, to judge backup workers by.</summary>
public sealed record BackupWorkerEvidence
{
    /// <summary>Data-parallel workers, P.</summary>
    /// <value>1 or more.</value>
    public required int Workers { get; init; }

    /// <summary>How long every worker's own work of a step took, a step a row, the oldest first.</summary>
    /// <value>Steps × P entries, seconds, finite, 0 or more.</value>
    public required ReadOnlyMemory<double> StepSeconds { get; init; }

    /// <summary>Micro-batches that a worker's step consists of: it can give up only after one of them.</summary>
    /// <value>1 or more.</value>
    public required int MicroBatchesPerWorker { get; init; }

    /// <summary>What the reduction takes beyond the waiting, c.</summary>
    /// <value>Seconds, finite, 0 or more.</value>
    public required double CommunicationSeconds { get; init; }
}

/// <summary>Whether the reduction should stop waiting for the last workers.</summary>
/// <param name="Accepted">Whether it is worth it.</param>
/// <param name="Backups">The number b of workers not waited for that wins most or loses least; 0 where none could be judged.</param>
/// <param name="ExpectedGain">Samples per second with b backup workers over those without; null where it could not be judged.</param>
/// <param name="Reason">Why, for a person.</param>
public sealed record BackupWorkerDecision(bool Accepted, int Backups, double? ExpectedGain, string Reason);

/// <summary>Decides on backup workers from measured order statistics.</summary>
/// <remarks>
/// Chen et al., <i>Revisiting Distributed Synchronous SGD</i> (2016): of P workers the reduction waits for P − b. In samples per second that wins
/// (1 − b/P)·(E[T₍P₎] + c) ÷ (E[T₍P−b₎] + c): the step ends with the (P − b)-th arrival, and the work of b workers is thrown away. The order statistics are
/// the means of the measured steps, no distribution is assumed. A late worker is busy until the end of the micro-batch that it is in; where that is
/// after the reduction it begins its next step late, and the steps are replayed with that delay. A worker that is late in most of the steps is slow,
/// and not late by chance: its samples would hardly ever count, so it is dealt less work or leaves instead.
/// </remarks>
public static class BackupWorkerGate
{
    /// <summary>Fewest steps that order statistics are believed on.</summary>
    public const int StepsMin = 32;

    /// <summary>How far the gain must exceed 1.</summary>
    public const double Margin = 0.02;

    /// <summary>A worker that is not waited for in more than this share of the steps is always late.</summary>
    public const double AlwaysLateShare = 0.5;

    /// <summary>Decides.</summary>
    /// <param name="evidence">The measured steps.</param>
    /// <exception cref="ArgumentNullException"><paramref name="evidence"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    /// <exception cref="ArgumentException">The times are not a whole number of steps, or one of them is negative or not finite.</exception>
    public static BackupWorkerDecision Judge(BackupWorkerEvidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        ThrowIfMalformed(evidence);
        int workers = evidence.Workers;
        int steps = evidence.StepSeconds.Length / workers;
        if (workers < 2)
        {
            return new BackupWorkerDecision(false, 0, null, "a job of one worker has nobody to do without");
        }

        if (steps < StepsMin)
        {
            return new BackupWorkerDecision(
                false, 0, null, Say($"{steps} complete steps are too few to measure order statistics on; {StepsMin} are needed"));
        }

        double last = MeanOfLast(evidence.StepSeconds.Span, workers);
        double c = evidence.CommunicationSeconds;
        Trial? best = null;
        for (int backups = 1; backups <= Math.Max(1, workers / 4); backups++)
        {
            Trial trial = Try(evidence, backups);
            trial = trial with { Gain = (1 - ((double)backups / workers)) * (last + c) / (trial.CutOffSeconds + c) };
            if (best is null || trial.Gain > best.Gain)
            {
                best = trial;
            }
        }

        return Decide(best!, last, c, workers);
    }

    private static BackupWorkerDecision Decide(Trial best, double last, double c, int workers)
    {
        if (!double.IsFinite(best.Gain))
        {
            return new BackupWorkerDecision(false, 0, null, "the recorded steps take no time");
        }

        string numbers = Say(
            $"(1 − {best.Backups}/{workers})·({last:G4} + {c:G4}) ÷ ({best.CutOffSeconds:G4} + {c:G4}) = {best.Gain:0.000}");
        if (best.Gain <= 1 + Margin)
        {
            return new BackupWorkerDecision(false, best.Backups, best.Gain, Say(
                $"not waiting for {best.Backups} of {workers} would give {numbers} of the samples per second, and {1 + Margin:0.00} is asked for: ")
                + (best.Gain < 1 ? "the samples thrown away cost more than the waiting" : "too little to be worth it"));
        }

        return best.LateShare > AlwaysLateShare
            ? new BackupWorkerDecision(false, best.Backups, best.Gain, Say(
                $"not waiting for {best.Backups} of {workers} would give {numbers}, but worker {best.MostLate} would be left out of {best.LateShare:P0} of the steps: ")
                + "a worker that is always late is dealt less work or leaves")
            : new BackupWorkerDecision(true, best.Backups, best.Gain, Say($"not waiting for {best.Backups} of {workers} would give {numbers}"));
    }

    private static double MeanOfLast(ReadOnlySpan<double> seconds, int workers)
    {
        double sum = 0;
        int steps = seconds.Length / workers;
        for (int step = 0; step < steps; step++)
        {
            double last = 0;
            foreach (double own in seconds.Slice(step * workers, workers))
            {
                last = Math.Max(last, own);
            }

            sum += last;
        }

        return sum / steps;
    }

    /// <summary>Replays the steps, each ending with the (P − b)-th arrival.</summary>
    private static Trial Try(BackupWorkerEvidence evidence, int backups)
    {
        int workers = evidence.Workers;
        ReadOnlySpan<double> seconds = evidence.StepSeconds.Span;
        int steps = seconds.Length / workers;
        var delay = new double[workers];
        var arrival = new double[workers];
        var order = new int[workers];
        var late = new int[workers];
        double sum = 0;
        for (int step = 0; step < steps; step++)
        {
            ReadOnlySpan<double> own = seconds.Slice(step * workers, workers);
            for (int worker = 0; worker < workers; worker++)
            {
                arrival[worker] = delay[worker] + own[worker];
                order[worker] = worker;
            }

            Array.Sort(order, (left, right) => arrival[left].CompareTo(arrival[right]));
            double cutOff = arrival[order[workers - backups - 1]];
            sum += cutOff;
            for (int place = 0; place < workers; place++)
            {
                int worker = order[place];
                bool isLate = place >= workers - backups;
                late[worker] += isLate ? 1 : 0;
                delay[worker] = isLate
                    ? Math.Max(0, EndOfMicroBatch(evidence, own[worker], arrival[worker], cutOff) - cutOff - evidence.CommunicationSeconds)
                    : 0;
            }
        }

        int mostLate = Array.IndexOf(late, late.Max());
        return new Trial(backups, sum / steps, 0, mostLate, (double)late[mostLate] / steps);
    }

    // The worker is in some micro-batch at the cut-off, or has not begun the first: either way it ends one before it gives up.
    private static double EndOfMicroBatch(BackupWorkerEvidence evidence, double ownSeconds, double arrivalSeconds, double cutOffSeconds)
    {
        double unit = ownSeconds / evidence.MicroBatchesPerWorker;
        double begun = arrivalSeconds - ownSeconds;
        if (unit <= 0 || begun >= cutOffSeconds)
        {
            return begun;
        }

        return Math.Min(arrivalSeconds, begun + (Math.Ceiling((cutOffSeconds - begun) / unit) * unit));
    }

    private static void ThrowIfMalformed(BackupWorkerEvidence evidence)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(evidence.Workers, 1, nameof(evidence));
        ArgumentOutOfRangeException.ThrowIfLessThan(evidence.MicroBatchesPerWorker, 1, nameof(evidence));
        if (!double.IsFinite(evidence.CommunicationSeconds) || evidence.CommunicationSeconds < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(evidence), evidence.CommunicationSeconds, "The communication is finite and 0 or more.");
        }

        if (evidence.StepSeconds.Length % evidence.Workers != 0)
        {
            throw new ArgumentException(Say($"{evidence.StepSeconds.Length} times are no whole number of steps of {evidence.Workers}."), nameof(evidence));
        }

        foreach (double seconds in evidence.StepSeconds.Span)
        {
            if (!double.IsFinite(seconds) || seconds < 0)
            {
                throw new ArgumentException(Say($"A step of {seconds} s."), nameof(evidence));
            }
        }
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed record Trial(int Backups, double CutOffSeconds, double Gain, int MostLate, double LateShare);
}
