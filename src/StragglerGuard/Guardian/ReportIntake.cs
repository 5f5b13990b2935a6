using StragglerGuard.Collectives;
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
/// <param name="failed">Told, in words, of a job that can't be judged, and, once, that there is no room for any more.</param>
/// <param name="clock">Its own monotonic clock, ns; null for the machine's.</param>
internal sealed class ReportIntake(
    JobRoster roster, Commitments commitments, IDecisionLedger ledger, Action<string> failed, Func<long>? clock = null)
{
    /// <summary>
    /// After a job could not be begun, and that took its time, as with a ledger that can't be reached, no other is begun for so many times that: the jobs
    /// that are known have their reports judged meanwhile.
    /// </summary>
    private const int PauseFactor = 9;

    private const long SlowNs = 200_000_000;

    private readonly Func<long> _nowNs = clock ?? MonotonicClock.NowNs;
    private readonly List<GuardedJob> _heard = [];
    private readonly ReportFeed _feed = new();
    private readonly HashSet<JobId> _failedNow = [];
    private bool _isLedgerGone;
    private long _pausedUntilNs = long.MinValue;
    private bool _isFull;
    private bool _isFailing;

    /// <summary>Nodes whose last report named workers that wait, and when it came: the only ones whose next report may end that.</summary>
    private readonly Dictionary<NodeId, long> _withStandby = [];

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
        _failedNow.Clear();
        _isLedgerGone = false;
        int refused = 0;

        // All ranks first: a step is complete only with the records of the last.
        GuardedJob? last = null;
        _feed.Begin(report);
        for (int i = 0; i < report.Ranks.Count; i++)
        {
            last = JobOf(report.Ranks[i].Enrollment, report.Node, last);
            bool isTaken = last is { Fault: null };
            _feed.Add(isTaken ? last : null);
            refused += isTaken ? 0 : 1;
            if (isTaken && !_heard.Contains(last!))
            {
                _heard.Add(last!);
                last!.Nodes.Hear(report.Node);
            }
        }

        HearStandby(report, nowNs);
        foreach (GuardedJob job in _heard)
        {
            job.HeardNs = nowNs;
            job.TryJudge(
                (Job: job, Feed: _feed, Complaint: observerComplaint, Commit: commitments.WayOf(job)),
                static (_, at) => at.Feed.Judge(at.Job, at.Complaint, at.Commit));
            job.TryJudge((Job: job, Commitments: commitments), static (_, at) => at.Commitments.ReportLost(at.Job));
        }

        return refused;
    }

    private void HearStandby(NodeReport report, long nowNs)
    {
        bool waited = _withStandby.Count > 0 && _withStandby.Remove(report.Node);
        if (report.Standby.Count > 0)
        {
            _withStandby[report.Node] = nowNs;
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

    /// <summary>Forgets workers that wait, and nodes that named them, where nothing was heard of them for long.</summary>
    /// <param name="nowNs">The guardian's monotonic clock.</param>
    /// <param name="silentNs">How long they may be silent.</param>
    public void ForgetSilent(long nowNs, long silentNs)
    {
        foreach (GuardedJob job in roster.Jobs)
        {
            job.Standby.ForgetSilent(nowNs, silentNs);
        }

        // Taking an entry out does not disturb who reads on.
        foreach ((NodeId node, long heardNs) in _withStandby)
        {
            if (nowNs - heardNs > silentNs)
            {
                _withStandby.Remove(node);
            }
        }
    }

    /// <summary>Nodes that are remembered for naming workers that wait.</summary>
    public int NodesWithStandby => _withStandby.Count;

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
        if (!job.TryEnroll(rank))
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
        if (!roster.MakeRoom(first))
        {
            Tell(ref _isFull, $"{first.Job} is not judged: its {first.WorldSize} ranks and those of the other jobs are more than {RankEnrollment.WorldSizeMax}");
            return null;
        }

        long beganNs = _nowNs();
        if (beganNs < _pausedUntilNs || _isLedgerGone || _failedNow.Contains(first.Job))
        {
            return null;
        }

        try
        {
            commitments.CatchUp();
            IReadOnlyList<LedgerEntry> known = ledger.ReadJob(first.Job);
            GuardedJob job = roster.Begin(first, known, commitments.Now);
            job.Nodes.Hear(node);
            job.TryJudge(_ => commitments.Begin(job, known));
            _isFull = _isFailing = false;
            return job;
        }
        catch (Exception impossible)
        {
            Tell(ref _isFailing, $"{first.Job} can't be judged: {impossible.Message}");
            _failedNow.Add(first.Job);
            _isLedgerGone |= impossible is LedgerException;
            PauseAfter(beganNs);
            return null;
        }
    }

    private void PauseAfter(long beganNs)
    {
        long nowNs = _nowNs();
        if (nowNs - beganNs > SlowNs)
        {
            _pausedUntilNs = nowNs + (PauseFactor * (nowNs - beganNs));
        }
    }

    /// <summary>Says so once, until a job could be begun again: whoever is refused reports again every second, and others with it.</summary>
    private void Tell(ref bool isTold, string what)
    {
        if (!isTold)
        {
            isTold = true;
            failed(what);
        }
    }
}
