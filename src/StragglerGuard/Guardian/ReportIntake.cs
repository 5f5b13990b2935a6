using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>
/// A node's report on its way to the jobs that it tells of, and what they conclude from it. Thirty thousand may come in a second: what is
/// done for each takes no time in proportion to the jobs or nodes that there are. Its owner sees to it that one thread at a time uses it.
/// </summary>
/// <param name="roster">The jobs.</param>
/// <param name="commitments">What becomes of decisions.</param>
/// <param name="ledger">What is known of jobs that nothing was heard of yet.</param>
/// <param name="failed">Told, in words, of a job that can't be judged.</param>
internal sealed class ReportIntake(JobRoster roster, Commitments commitments, IDecisionLedger ledger, Action<string> failed)
{
    private readonly List<GuardedJob> _heard = [];

    /// <summary>Nodes whose last report named workers that wait: the only ones whose next report may end that.</summary>
    private readonly HashSet<NodeId> _withStandby = [];

    /// <summary>The jobs that the last report told of.</summary>
    public IReadOnlyList<GuardedJob> Heard => _heard;

    /// <summary>Takes a report.</summary>
    /// <param name="report">From any node.</param>
    /// <param name="nowNs">The guardian's monotonic clock.</param>
    /// <param name="observerComplaint">Why the guardian distrusts its own view now; null where it does not.</param>
    /// <returns>Ranks of the report that could not be used.</returns>
    public int Take(NodeReport report, long nowNs, string? observerComplaint)
    {
        _heard.Clear();
        int refused = 0;

        // All records first: a step is complete only with those of the last rank.
        GuardedJob? last = null;
        for (int i = 0; i < report.Ranks.Count; i++)
        {
            RankReport rank = report.Ranks[i];
            last = JobOf(rank.Enrollment, report.Node, last);
            if (last is null || !last.TryJudge(rank, static (judge, rank) => judge.Add(rank)))
            {
                refused++;
            }
            else if (!_heard.Contains(last))
            {
                _heard.Add(last);
                last.Nodes.Hear(report.Node);
            }
        }

        HearStandby(report, nowNs);
        foreach (GuardedJob job in _heard)
        {
            job.HeardNs = nowNs;
            job.TryJudge(
                (Complaint: observerComplaint, Commit: commitments.WayOf(job)), static (judge, at) => judge.JudgeFrames(at.Complaint, at.Commit));
            job.TryJudge((Job: job, Commitments: commitments), static (_, at) => at.Commitments.ReportLost(at.Job));
        }

        return refused;
    }

    private void HearStandby(NodeReport report, long nowNs)
    {
        bool waited = _withStandby.Count > 0 && _withStandby.Remove(report.Node);
        if (report.Standby.Count > 0)
        {
            _withStandby.Add(report.Node);
        }
        else if (!waited)
        {
            return;
        }

        foreach (StandbyReport waiting in report.Standby)
        {
            roster.Find(waiting.Job)?.Nodes.Hear(report.Node);
        }

        foreach (GuardedJob job in roster.Jobs)
        {
            job.Standby.Hear(report, job.Judge.Job, job.Judge.Slots, nowNs);
        }
    }

    /// <summary>The job that a rank belongs to; a newer generation replaces the older one, an older one is not heard any more.</summary>
    /// <param name="rank">The rank.</param>
    /// <param name="node">Whose report it is.</param>
    /// <param name="likely">The job of the rank before it in the report.</param>
    private GuardedJob? JobOf(RankEnrollment rank, NodeId node, GuardedJob? likely)
    {
        if (rank.FindFault() is not null)
        {
            return null;
        }

        if ((likely is not null && likely.Judge.Job == rank.Job ? likely : roster.Find(rank.Job)) is { } job)
        {
            int newer = rank.Generation.Value.CompareTo(job.Judge.Generation.Value);
            if (newer < 0)
            {
                job.Nodes.Hear(node); // It may have missed a plan, and waits for the next.
                return null;
            }

            if (newer == 0)
            {
                return Enrolled(job, rank, node);
            }
        }

        return Begin(rank, node) is { } begun ? Enrolled(begun, rank, node) : null;
    }

    private static GuardedJob? Enrolled(GuardedJob job, RankEnrollment rank, NodeId node)
    {
        if (!job.Judge.Enroll(rank))
        {
            job.Nodes.Hear(node);
            return null;
        }

        job.Standby.Joined(rank.Slot);
        return job;
    }

    /// <summary>A job that nothing was heard of, or a newer generation: what the ledger has of it is taken over.</summary>
    private GuardedJob? Begin(RankEnrollment first, NodeId node)
    {
        try
        {
            commitments.CatchUp();
            IReadOnlyList<LedgerEntry> known = ledger.ReadJob(first.Job);
            GuardedJob job = roster.Begin(first, known, commitments.Now);
            job.Nodes.Hear(node);
            job.TryJudge(_ => commitments.Begin(job, known));
            return job;
        }
        catch (Exception impossible)
        {
            failed($"{first.Job} can't be judged: {impossible.Message}");
            return null;
        }
    }
}
