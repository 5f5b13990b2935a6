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

    /// <summary>The most backup workers to try.</summary>
    /// <value>1 … P − 1; 0 (default): a quarter of the workers, 1 at least.</value>
    public int BackupsMax { get; init; }
}

/// <summary>Whether the reduction should stop waiting for the last workers.</summary>
/// <param name="Accepted">Whether it is worth it.</param>
/// <param name="Backups">The number b of workers not waited for that wins most or loses least; 0 where none could be judged.</param>
/// <param name="ExpectedGain">Samples per second with b backup workers over those without; null where it could not be judged.</param>
/// <param name="Reason">Why, for a person.</param>
public sealed record BackupWorkerDecision(bool Accepted, int Backups, double? ExpectedGain, string Reason)
{
    /// <summary>The mean time of a step with that many backup workers, communication included, s; null where it could not be judged.</summary>
    public double? PredictedStepSeconds { get; init; }
}

/// <summary>Decides on backup workers from measured order statistics.</summary>
/// <remarks>
/// Chen et al., <i>Revisiting Distributed Synchronous SGD</i> (2016): of P workers the reduction waits for P − b. In samples per second that wins
/// (1 − b/P)·(E[T₍P₎] + c) ÷ (E[T₍P−b₎] + c): the step ends with the (P − b)-th arrival, and the work of b workers is thrown away. The order statistics are
/// the means of the measured steps, no distribution is assumed. A late worker is busy until the end of the micro-batch that it is in; where that is
/// after the reduction it begins its next step late, and the steps are replayed with that delay. A worker that is late in most of
/// <see cref="BlockSteps"/> steps in a row is slow and not late by chance: its samples would hardly ever count, so it is dealt less work or leaves instead.
/// Blocks of steps with such a worker are taken out, and the gain must show on the others, too.
/// </remarks>
public static class BackupWorkerGate
{
    /// <summary>Fewest steps that order statistics are believed on.</summary>
    public const int StepsMin = 32;

    /// <summary>How far the gain must exceed 1.</summary>
    public const double Margin = 0.02;

    /// <summary>Steps in a row over which a worker that is always late is told from one that is late by chance.</summary>
    public const int BlockSteps = 32;

    /// <summary>
    /// A worker that is not waited for in more than this share of a block is always late; with few workers more than twice its fair share, at most 0.9.
    /// </summary>
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

        ReadOnlySpan<double> seconds = evidence.StepSeconds.Span;
        Trial? best = null;
        int most = evidence.BackupsMax > 0 ? evidence.BackupsMax : Math.Max(1, workers / 4);
        for (int backups = 1; backups <= most; backups++)
        {
            Trial trial = Try(evidence, seconds, backups);
            if (best is null || trial.Gain > best.Gain)
            {
                best = trial;
            }
        }

        return Decide(evidence, best!);
    }

    private static BackupWorkerDecision Decide(BackupWorkerEvidence evidence, Trial best)
    {
        if (!double.IsFinite(best.Gain))
        {
            return new BackupWorkerDecision(false, 0, null, "the recorded steps take no time");
        }

        int workers = evidence.Workers;
        double c = evidence.CommunicationSeconds;
        double step = best.CutOffSeconds + c;
        string numbers = Say(
            $"not waiting for {best.Backups} of {workers} would give (1 − {best.Backups}/{workers})·({best.LastSeconds:G4} + {c:G4}) ÷ ({best.CutOffSeconds:G4} + {c:G4}) = {best.Gain:0.000} of the samples per second");
        BackupWorkerDecision Decline(string why) => new(false, best.Backups, best.Gain, numbers + why) { PredictedStepSeconds = step };
        if (best.Gain <= 1 + Margin)
        {
            string asked = Say($", and {1 + Margin:0.00} is asked for: ");
            return Decline(asked + (best.Gain < 1 ? "the samples thrown away cost more than the waiting" : "too little to be worth it"));
        }

        (double[] chance, int alwaysLate) = WithoutAlwaysLate(evidence, best);
        if (alwaysLate < 0)
        {
            return new BackupWorkerDecision(true, best.Backups, best.Gain, numbers) { PredictedStepSeconds = step };
        }

        const string instead = "a worker that is always late is dealt less work or leaves";
        int left = chance.Length / workers;
        if (left < StepsMin)
        {
            return Decline(Say($", but worker {alwaysLate} would be left out of most steps: {instead}"));
        }

        Trial byChance = Try(evidence, chance, best.Backups);
        return byChance.Gain > 1 + Margin
            ? new BackupWorkerDecision(true, best.Backups, best.Gain, numbers + Say($"; {byChance.Gain:0.000} on the {left} steps without a worker that is always late"))
            {
                PredictedStepSeconds = step,
            }
            : Decline(Say($", but {byChance.Gain:0.000} on the {left} steps in which worker {alwaysLate} is not late all the time: {instead}"));
    }

    /// <summary>The blocks of steps in which nobody is always late, and who was in the others; −1 where there are none.</summary>
    private static (double[] Seconds, int AlwaysLate) WithoutAlwaysLate(BackupWorkerEvidence evidence, Trial trial)
    {
        int workers = evidence.Workers;
        int steps = evidence.StepSeconds.Length / workers;
        double most = Math.Max(AlwaysLateShare, Math.Min(0.9, 2.0 * trial.Backups / workers));
        var kept = new List<double>(evidence.StepSeconds.Length);
        int alwaysLate = -1;
        var late = new int[workers];
        for (int first = 0; first < steps; first += BlockSteps)
        {
            int length = Math.Min(BlockSteps, steps - first);
            Array.Clear(late);
            foreach (int worker in trial.Late.AsSpan(first * trial.Backups, length * trial.Backups))
            {
                if (worker >= 0)
                {
                    late[worker]++;
                }
            }

            int mostLate = Array.IndexOf(late, late.Max());
            if (late[mostLate] > most * length)
            {
                alwaysLate = mostLate;
            }
            else
            {
                kept.AddRange(evidence.StepSeconds.Span.Slice(first * workers, length * workers));
            }
        }

        return ([.. kept], alwaysLate);
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
    private static Trial Try(BackupWorkerEvidence evidence, ReadOnlySpan<double> seconds, int backups)
    {
        int workers = evidence.Workers;
        double c = evidence.CommunicationSeconds;
        int steps = seconds.Length / workers;
        var delay = new double[workers];
        var arrival = new double[workers];
        var order = new int[workers];
        var late = new int[steps * backups];
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
                if (isLate)
                {
                    // Who arrives with the cut-off is not late.
                    late[(step * backups) + place - workers + backups] = arrival[worker] > cutOff ? worker : -1;
                }

                delay[worker] = isLate
                    ? Math.Max(0, EndOfMicroBatch(evidence, own[worker], arrival[worker], cutOff) - cutOff - c)
                    : 0;
            }
        }

        double last = MeanOfLast(seconds, workers);
        double cutOffSeconds = sum / steps;
        return new Trial(backups, last, cutOffSeconds, (1 - ((double)backups / workers)) * (last + c) / (cutOffSeconds + c), late);
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

        // A job of one worker is told that it has no backup, whatever it asks for.
        if (evidence.BackupsMax < 0 || (evidence.BackupsMax >= evidence.Workers && evidence.Workers > 1))
        {
            throw new ArgumentOutOfRangeException(nameof(evidence), evidence.BackupsMax, Say($"BackupsMax is within 0 … {evidence.Workers - 1}."));
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

    // Late: who came after the cut-off, as many a step as there are backups; −1 where nobody did.
    private sealed record Trial(int Backups, double LastSeconds, double CutOffSeconds, double Gain, int[] Late);
}
