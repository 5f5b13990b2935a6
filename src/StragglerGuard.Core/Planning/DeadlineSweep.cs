namespace StragglerGuard.Core.Planning;

/// <summary>What a deadline does to the recorded steps.</summary>
/// <param name="Units">Micro-batches done, in all frames together.</param>
/// <param name="StepSeconds">A step's mean time, common part included, s.</param>
/// <param name="UnitsPerSecond">Micro-batches done per second.</param>
internal readonly record struct DeadlineRate(double Units, double StepSeconds, double UnitsPerSecond);

/// <summary>Replays recorded steps under every deadline that makes a difference.</summary>
internal static class DeadlineSweep
{
    /// <summary>The best admissible deadline.</summary>
    /// <param name="DeadlineSeconds">Infinite where waiting for all is the best admissible.</param>
    /// <param name="PersistentRank">
    /// The rank that keeps a still better deadline from being admissible: it would always lose too much. −1 where there is none.
    /// </param>
    internal readonly record struct Found(double DeadlineSeconds, int PersistentRank);

    /// <summary>Replays under one deadline.</summary>
    internal static DeadlineRate Rate(DeadlineEvidence evidence, double deadlineSeconds, int firstFrame, int endFrame)
    {
        int ranks = evidence.Ranks;
        double units = 0;
        double seconds = 0;
        for (int frame = firstFrame; frame < endFrame; frame++)
        {
            double longest = 0;
            for (int at = frame * ranks; at < (frame + 1) * ranks; at++)
            {
                (int done, double own) = Cut(evidence.StepSeconds.Span[at], evidence.MicroBatches.Span[at], deadlineSeconds);
                units += done;
                longest = Math.Max(longest, own);
            }

            seconds += longest + evidence.CommonSeconds;
        }

        return new DeadlineRate(units, seconds / (endFrame - firstFrame), units / seconds);
    }

    /// <summary>Sweeps τ upwards over the ends of all micro-batches.</summary>
    internal static Found Best(DeadlineEvidence evidence)
    {
        ReadOnlySpan<double> stepSeconds = evidence.StepSeconds.Span;
        ReadOnlySpan<int> counts = evidence.MicroBatches.Span;
        int ranks = evidence.Ranks;
        int frames = stepSeconds.Length / ranks;
        var dropped = new long[ranks];
        var total = new long[ranks];
        var framesCut = new int[ranks];
        var longest = new double[frames];
        var doneUnits = new int[counts.Length];
        double units = 0;
        (double[] ends, int[] cells) = SortedEnds(stepSeconds, counts);

        // Before the first end everybody does one micro-batch.
        for (int cell = 0; cell < counts.Length; cell++)
        {
            (int done, double own) = Cut(stepSeconds[cell], counts[cell], 0);
            int rank = cell % ranks;
            doneUnits[cell] = done;
            units += done;
            total[rank] += counts[cell];
            dropped[rank] += counts[cell] - done;
            framesCut[rank] += counts[cell] > done ? 1 : 0;
            longest[cell / ranks] = Math.Max(longest[cell / ranks], own);
        }

        double seconds = 0;
        foreach (double own in longest)
        {
            seconds += own + evidence.CommonSeconds;
        }

        int overCut = 0;
        var isOverCut = new bool[ranks];
        for (int rank = 0; rank < ranks; rank++)
        {
            isOverCut[rank] = LosesTooMuch(dropped[rank], total[rank], framesCut[rank], frames);
            overCut += isOverCut[rank] ? 1 : 0;
        }

        (double Rate, double Deadline) best = (0, double.PositiveInfinity);
        (double Rate, double Deadline) barred = (0, double.PositiveInfinity);
        double previous = 0;
        for (int next = 0; next < ends.Length;)
        {
            // τ within (previous, ends[next]]: every rank goes on to the end of the micro-batch that it is in.
            double end = ends[next];
            double rate = units / seconds;
            if (end > previous && overCut == 0 && rate >= best.Rate)
            {
                best = (rate, Middle(previous, end));
            }
            else if (end > previous && overCut > 0 && rate >= barred.Rate)
            {
                barred = (rate, Middle(previous, end));
            }

            for (; next < ends.Length && ends[next] == end; next++)
            {
                int cell = cells[next];
                int rank = cell % ranks;
                int frame = cell / ranks;
                if (doneUnits[cell] == counts[cell])
                {
                    continue;
                }

                double unit = stepSeconds[cell] / counts[cell];
                doneUnits[cell]++;
                units++;
                double own = doneUnits[cell] == counts[cell] ? stepSeconds[cell] : doneUnits[cell] * unit;
                seconds += Math.Max(0, own - longest[frame]);
                longest[frame] = Math.Max(longest[frame], own);
                dropped[rank]--;
                framesCut[rank] -= doneUnits[cell] == counts[cell] ? 1 : 0;
                bool tooMuch = LosesTooMuch(dropped[rank], total[rank], framesCut[rank], frames);
                overCut += (tooMuch ? 1 : 0) - (isOverCut[rank] ? 1 : 0);
                isOverCut[rank] = tooMuch;
            }

            previous = end;
        }

        // What is left when every rank has come to its last end is the step as it was.
        double whole = units / seconds;
        return new Found(
            best.Rate > whole ? best.Deadline : double.PositiveInfinity,
            barred.Rate > Math.Max(whole, best.Rate) ? LosesMost(evidence, barred.Deadline) : -1);
    }

    /// <summary>Stops at the first end of a micro-batch at or after the deadline, one micro-batch at least.</summary>
    private static (int Done, double Seconds) Cut(double stepSeconds, int units, double deadlineSeconds)
    {
        if (units == 0 || stepSeconds <= deadlineSeconds)
        {
            return (units, stepSeconds);
        }

        double unit = stepSeconds / units;
        double quotient = Math.Ceiling(deadlineSeconds / unit);
        int done = quotient >= units ? units : Math.Max(1, (int)quotient);

        // The quotient is rounded; what counts is k·unit, as the sweep evaluates it.
        while (done > 1 && (done - 1) * unit >= deadlineSeconds)
        {
            done--;
        }

        while (done < units && done * unit < deadlineSeconds)
        {
            done++;
        }

        return done == units ? (units, stepSeconds) : (done, done * unit);
    }

    private static bool LosesTooMuch(long dropped, long total, int framesCut, int frames) =>
        framesCut > DeadlinePlanner.PersistentFrameShare * frames && dropped > DeadlinePlanner.PersistentDropMax * total;

    /// <summary>Of the ranks that would always lose too much, the one that would lose the largest share of its work.</summary>
    private static int LosesMost(DeadlineEvidence evidence, double deadlineSeconds)
    {
        int ranks = evidence.Ranks;
        int frames = evidence.StepSeconds.Length / ranks;
        int most = -1;
        double largest = 0;
        for (int rank = 0; rank < ranks; rank++)
        {
            long dropped = 0;
            long total = 0;
            int framesCut = 0;
            for (int cell = rank; cell < evidence.StepSeconds.Length; cell += ranks)
            {
                int count = evidence.MicroBatches.Span[cell];
                int lost = count - Cut(evidence.StepSeconds.Span[cell], count, deadlineSeconds).Done;
                total += count;
                dropped += lost;
                framesCut += lost > 0 ? 1 : 0;
            }

            if (LosesTooMuch(dropped, total, framesCut, frames) && (double)dropped / total > largest)
            {
                (most, largest) = (rank, (double)dropped / total);
            }
        }

        return most;
    }

    private static double Middle(double low, double high)
    {
        double middle = low + ((high - low) / 2);
        return middle > low ? middle : high;
    }

    /// <summary>The ends of all micro-batches, ascending, and whose they are (frame · ranks + rank).</summary>
    private static (double[] Ends, int[] Cells) SortedEnds(ReadOnlySpan<double> stepSeconds, ReadOnlySpan<int> counts)
    {
        long length = 0;
        foreach (int count in counts)
        {
            length += count;
        }

        var ends = new double[length];
        var cells = new int[length];
        int next = 0;
        for (int cell = 0; cell < counts.Length; cell++)
        {
            double unit = counts[cell] == 0 ? 0 : stepSeconds[cell] / counts[cell];
            for (int k = 1; k <= counts[cell]; k++)
            {
                ends[next] = k == counts[cell] ? stepSeconds[cell] : k * unit;
                cells[next++] = cell;
            }
        }

        Array.Sort(ends, cells);
        return (ends, cells);
    }
}
