using StragglerGuard.Collectives;

namespace StragglerGuard.Guardian;

/// <summary>
/// Writes the figures of all jobs for whoever asks for metrics, round after round, and each round in parts: percentiles of a hundred thousand
/// ranks take a second, and reports can't wait so long. Its owner sees to it that one thread at a time uses it.
/// </summary>
internal sealed class MetricsRound(JobRoster roster)
{
    /// <summary>Between two looks at the clock.</summary>
    private const int RanksAtOnce = 64;

    private readonly Queue<GuardedJob> _left = [];

    /// <summary>Goes on with the round, or begins another. Some ranks are written whatever the time is.</summary>
    /// <param name="untilNs">When to stop, on the guardian's monotonic clock.</param>
    /// <returns>Whether the round is complete.</returns>
    public bool Continue(long untilNs)
    {
        if (_left.Count == 0)
        {
            foreach (GuardedJob job in roster.Jobs)
            {
                _left.Enqueue(job);
            }
        }

        while (_left.TryPeek(out GuardedJob? job))
        {
            // Whatever was forgotten or has regrouped since the round began is shown no more.
            if (roster.Find(job.Judge.Job) != job || !job.TryPublishMetrics(RanksAtOnce, out bool isDone) || isDone)
            {
                _left.Dequeue();
            }

            if (MonotonicClock.NowNs() >= untilNs)
            {
                break;
            }
        }

        return _left.Count == 0;
    }
}
