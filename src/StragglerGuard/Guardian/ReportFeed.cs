using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;

namespace StragglerGuard.Guardian;

/// <summary>
/// Hands a report's records to the jobs that they are of, a few steps of all ranks at a time, with the frames judged in between: however many steps
/// one report tells of, no more frames are open than the horizon is long and a few, and no rank's records close frames over the heads of the others in
/// the same report.
/// </summary>
internal sealed class ReportFeed
{
    private readonly List<GuardedJob?> _jobs = [];
    private readonly List<int> _next = [];
    private NodeReport? _report;

    /// <summary>Begins with a report.</summary>
    public void Begin(NodeReport report)
    {
        _report = report;
        _jobs.Clear();
        _next.Clear();
    }

    /// <summary>Says whose the report's next rank is.</summary>
    /// <param name="job">Its job; null where it is not taken.</param>
    public void Add(GuardedJob? job)
    {
        _jobs.Add(job);
        _next.Add(0);
    }

    /// <summary>Has a job judge what the report says of it.</summary>
    /// <param name="job">The job.</param>
    /// <param name="observerComplaint">Why the guardian distrusts its own view now; null where it does not.</param>
    /// <param name="commit">The way of the job's decisions.</param>
    public void Judge(GuardedJob job, string? observerComplaint, JobJudge.Commitment commit)
    {
        JobJudge judge = job.Judge;
        IReadOnlyList<RankReport> ranks = _report!.Ranks;
        for (bool isFirst = true; FirstLeft(job) is { } step; isFirst = false)
        {
            if (!isFirst)
            {
                judge.JudgeFrames(observerComplaint, commit);
            }

            long through = step > long.MaxValue - judge.BatchSteps ? long.MaxValue : step + judge.BatchSteps - 1;
            for (int i = 0; i < ranks.Count; i++)
            {
                if (_jobs[i] == job && StepAt(i) is { } next && next <= through)
                {
                    _next[i] = judge.AddTimings(ranks[i], _next[i], through, judge.OpenFramesMax);
                }
            }
        }

        for (int i = 0; i < ranks.Count; i++)
        {
            if (_jobs[i] == job)
            {
                judge.Note(ranks[i]);
            }
        }

        judge.JudgeFrames(observerComplaint, commit);
    }

    /// <summary>The first step of which the job has not been given all records yet; null where there is none.</summary>
    private long? FirstLeft(GuardedJob job)
    {
        long? first = null;
        for (int i = 0; i < _jobs.Count; i++)
        {
            if (_jobs[i] == job && StepAt(i) is { } step && !(step >= first))
            {
                first = step;
            }
        }

        return first;
    }

    /// <summary>The step of a rank's next record. Probes are numbered by themselves, and wait for nothing.</summary>
    private long? StepAt(int i)
    {
        ReadOnlySpan<StepTiming> timings = _report!.Ranks[i].Timings.Span;
        return _next[i] == timings.Length ? null : timings[_next[i]] is { Kind: TimingKind.Step, Step: var step } ? step : 0;
    }
}
