using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

/// <summary>Tries every deadline one by one, and does one micro-batch after another.</summary>
internal static class DeadlineOracle
{
    /// <summary>Micro-batches per second of the best admissible deadline over those without one; 1 where none wins.</summary>
    public static double BestGain(DeadlineEvidence evidence)
    {
        var deadlines = new HashSet<double>();
        for (int i = 0; i < evidence.StepSeconds.Length; i++)
        {
            double unit = evidence.StepSeconds.Span[i] / evidence.MicroBatches.Span[i];
            for (int k = 1; k < evidence.MicroBatches.Span[i]; k++)
            {
                deadlines.Add(k * unit);
            }
        }

        double best = 1;
        foreach (double deadline in deadlines)
        {
            if (Gain(evidence, deadline) is var gain && gain > best && IsAdmissible(evidence, deadline))
            {
                best = gain;
            }
        }

        return best;
    }

    public static double Gain(DeadlineEvidence evidence, double deadline)
    {
        (double units, double seconds) = Replay(evidence, deadline);
        (double unitsWithout, double secondsWithout) = Replay(evidence, double.PositiveInfinity);
        return units / seconds / (unitsWithout / secondsWithout);
    }

    private static (double Units, double Seconds) Replay(DeadlineEvidence evidence, double deadline)
    {
        double units = 0, seconds = 0;
        for (int first = 0; first < evidence.StepSeconds.Length; first += evidence.Ranks)
        {
            double longest = 0;
            for (int i = first; i < first + evidence.Ranks; i++)
            {
                int done = Done(evidence, i, deadline);
                units += done;
                longest = Math.Max(longest, done * evidence.StepSeconds.Span[i] / evidence.MicroBatches.Span[i]);
            }

            seconds += longest + evidence.CommonSeconds;
        }

        return (units, seconds);
    }

    private static bool IsAdmissible(DeadlineEvidence evidence, double deadline)
    {
        for (int rank = 0; rank < evidence.Ranks; rank++)
        {
            int lost = 0, total = 0, frames = 0, framesCut = 0;
            for (int i = rank; i < evidence.StepSeconds.Length; i += evidence.Ranks, frames++)
            {
                int dropped = evidence.MicroBatches.Span[i] - Done(evidence, i, deadline);
                lost += dropped;
                total += evidence.MicroBatches.Span[i];
                framesCut += dropped > 0 ? 1 : 0;
            }

            if (framesCut > 0.5 * frames && lost > 0.02 * total)
            {
                return false;
            }
        }

        return true;
    }

    private static int Done(DeadlineEvidence evidence, int i, double deadline)
    {
        double unit = evidence.StepSeconds.Span[i] / evidence.MicroBatches.Span[i];
        int done = 1;
        while (done < evidence.MicroBatches.Span[i] && done * unit < deadline)
        {
            done++;
        }

        return done;
    }
}
