using StragglerGuard.Core.Planning;

namespace StragglerGuard.Benchmarks.Peers;

/// <summary>The textbook way to the same optimum: unit by unit to whoever would finish first with it, O(M·log n).</summary>
internal static class HeapHandOut
{
    /// <summary>Solves the problem, which must be feasible.</summary>
    /// <returns>The step time of the deal, s.</returns>
    public static double Solve(RebalanceProblem problem)
    {
        ReadOnlySpan<double> fixedSeconds = problem.FixedSeconds.Span;
        ReadOnlySpan<double> secondsPerUnit = problem.SecondsPerUnit.Span;
        ReadOnlySpan<int> highest = problem.Highest.Span;
        int[] deal = problem.Lowest.ToArray();
        double stepSeconds = 0;
        long left = problem.Total;
        var finishers = new (int, double)[deal.Length];
        int open = 0;
        for (int i = 0; i < deal.Length; i++)
        {
            left -= deal[i];
            stepSeconds = Math.Max(stepSeconds, fixedSeconds[i] + (deal[i] * secondsPerUnit[i]));
            if (deal[i] < highest[i])
            {
                finishers[open++] = (i, fixedSeconds[i] + ((deal[i] + 1) * secondsPerUnit[i]));
            }
        }

        var queue = new PriorityQueue<int, double>(finishers.Take(open));
        for (; left > 0; left--)
        {
            queue.TryPeek(out int next, out double finish);
            stepSeconds = Math.Max(stepSeconds, finish);
            deal[next]++;
            if (deal[next] < highest[next])
            {
                queue.DequeueEnqueue(next, fixedSeconds[next] + ((deal[next] + 1) * secondsPerUnit[next]));
            }
            else
            {
                queue.Dequeue();
            }
        }

        return stepSeconds;
    }
}
