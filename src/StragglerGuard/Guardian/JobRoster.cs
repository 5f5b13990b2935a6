using StragglerGuard.Collectives;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Guardian;

/// <summary>The jobs that a guardian knows, as many as its memory may take. Its owner sees to it that one thread at a time uses
/// it.</summary>
/// <param name="options">The guard's.</param>
/// <param name="instruments">Where jobs are shown.</param>
/// <param name="failed">Told, in words, of a job that is judged no longer.</param>
internal sealed class JobRoster(StragglerGuardOptions options, GuardInstruments instruments, Action<string>? failed = null)
{
    /// <summary>Jobs guarded at once. Beyond it the one that was silent longest is forgotten, and begun anew should it report
    /// again.</summary>
    private const int JobsMax = 1_024;

    /// <summary>
    /// Ranks of all jobs together: as many as one job may have, and beyond any fleet. The memory of the ranks that reports tell of, whether there are such
    /// or not, is bounded with that.
    /// </summary>
    private const int RanksMax = RankEnrollment.WorldSizeMax;

    /// <summary>A job that was silent for so long gives way where another has no room; it is begun anew should it report again.</summary>
    private const double SilentSeconds = 60;

    /// <summary>Steps that every job may wait for ranks, whatever the others take.</summary>
    private const int BacklogStepsMin = 4;

    /// <summary>Records' room, some 600 MB, that is lent beyond that to jobs that began just now: a quarter of what is left to each.</summary>
    private const long BacklogRecordsMax = 1 << 23;

    private const int BacklogStepsMax = 4_096;

    /// <summary>Generations of a job whose end is remembered.</summary>
    private const int EarlierMax = 16;

    /// <summary>Jobs remembered after they have ended, for whoever asks what came of them.</summary>
    private const int EndedJobsMax = 16;

    private readonly Dictionary<JobId, GuardedJob> _jobs = [];
    private readonly Dictionary<JobId, ModeSchedule> _modes = [];
    private readonly Dictionary<JobId, TaskCompletionSource> _ends = [];

    public IReadOnlyCollection<GuardedJob> Jobs => _jobs.Values;

    /// <returns>The job; null where nothing was heard of it, or it is forgotten.</returns>
    public GuardedJob? Find(JobId job) => _jobs.GetValueOrDefault(job);

    /// <summary>
    /// Sees to it that there is room for a generation's ranks. Jobs that have ended are forgotten for it, and then those that were silent for a minute;
    /// no others.
    /// </summary>
    /// <param name="first">The first rank that reports.</param>
    /// <returns>False where there is none.</returns>
    public bool MakeRoom(RankEnrollment first)
    {
        JobId job = first.Job;
        long ranks = Math.Max(first.WorldSize, first.Slots) + _jobs.Values.Where(known => known.Judge.Job != job).Sum(PlacesOf);
        if (ranks <= RanksMax)
        {
            return true;
        }

        long silentNs = MonotonicClock.NowNs() - (long)(SilentSeconds * 1e9);
        List<GuardedJob> gone = [.. InOrderOfWorth().Where(known => known.Judge.Job != job && (known.HasEnded || known.HeardNs < silentNs))];
        foreach (GuardedJob known in gone.TakeWhile(_ => ranks > RanksMax))
        {
            ranks -= PlacesOf(known);
            Forget(known);
        }

        return ranks <= RanksMax;
    }

    /// <summary>Ranks, or slots where there are more of them: plans have a share for each.</summary>
    private static long PlacesOf(GuardedJob job) => Math.Max(job.Judge.WorldSize, job.Judge.Slots);

    /// <summary>Opens the book of a job's first generation, or of a newer one.</summary>
    /// <param name="first">The first rank that reports.</param>
    /// <param name="known">The ledger's entries of the job.</param>
    /// <param name="at">The wall clock.</param>
    /// <exception cref="Exception">No book can be made for such a job: it would take more memory than there is.</exception>
    public GuardedJob Begin(RankEnrollment first, IReadOnlyList<LedgerEntry> known, DateTimeOffset at)
    {
        GuardedJob? before = Find(first.Job);
        StandbyBook standby = before?.Standby ?? new StandbyBook();
        MitigationBook book = before?.Book ?? BookOf(known);
        var context = new JobContext(book, standby.Waiting)
        {
            BeganAt = at,
            Begun = known.Select(entry => entry.Decision).OfType<PlanDecided>().LastOrDefault(decided =>
                decided.Plan.Generation == first.Generation && decided.Generation.Value < first.Generation.Value),
            BacklogRecords = BacklogOf(first),
            FormerSecondsPerUnit = before?.Judge.SecondsPerUnit ?? double.NaN,
        };
        var job = new GuardedJob(new JobJudge(first, ModesOf(first.Job), options, context), new JobMetrics(instruments), failed)
        {
            HeardNs = MonotonicClock.NowNs(),
            Nodes = new JobNodes(before?.Nodes),
            Standby = standby,
            Book = book,
            Charge = before?.Charge ?? new JobCharge(),
            Context = context,
            Former = before?.Judge,
            Earlier = before is null ? [] : [.. before.Earlier.TakeLast(EarlierMax - 1), before.Judge.Status()],
        };
        if (_ends.TryGetValue(first.Job, out TaskCompletionSource? end) && end.Task.IsCompleted)
        {
            // That was an earlier generation's.
            _ends.Remove(first.Job);
        }

        _jobs[first.Job] = job;
        Forget(known => known != job, JobsMax - 1);
        return job;
    }

    /// <summary>Room for the frames of a generation that begins: what is not lent to the others.</summary>
    private long BacklogOf(RankEnrollment first)
    {
        long lent = 0;
        foreach (GuardedJob job in _jobs.Values)
        {
            lent += job.Judge.Job == first.Job ? 0 : Math.Max(0, job.Judge.BacklogRecords - ((long)BacklogStepsMin * job.Judge.WorldSize));
        }

        long beyond = Math.Min((BacklogStepsMax - BacklogStepsMin) * (long)first.WorldSize, Math.Max(0, BacklogRecordsMax - lent) / 4);
        return ((long)BacklogStepsMin * first.WorldSize) + beyond;
    }

    private MitigationBook BookOf(IReadOnlyList<LedgerEntry> known)
    {
        var book = new MitigationBook(options.Mitigation.ToMitigationOptions(options.Policy));
        foreach (LedgerEntry entry in known)
        {
            book.Apply(entry);
        }

        return book;
    }

    /// <summary>Tells who waits for it that a job has ended.</summary>
    public void End(GuardedJob job)
    {
        if (Find(job.Judge.Job) == job && EndOf(job.Judge.Job).TrySetResult())
        {
            job.Pending = null;
            Forget(known => known.HasEnded, EndedJobsMax);
        }
    }

    /// <summary>Whether a job that is known has ended.</summary>
    public bool HasEnded(JobId job) => Find(job) is not null && _ends.TryGetValue(job, out TaskCompletionSource? end) && end.Task.IsCompleted;

    /// <summary>Completes when the job's newest generation has ended; the job need not be known yet.</summary>
    public TaskCompletionSource EndOf(JobId job)
    {
        if (!_ends.TryGetValue(job, out TaskCompletionSource? end))
        {
            end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _ends[job] = end;
        }

        return end;
    }

    public ModeSchedule ModesOf(JobId job)
    {
        if (!_modes.TryGetValue(job, out ModeSchedule? modes))
        {
            modes = new ModeSchedule(options.Mode);
            _modes[job] = modes;
        }

        return modes;
    }

    /// <summary>Shows no job's figures any more: the instruments may be another guardian's after this one.</summary>
    public void HideAll()
    {
        foreach (JobId job in _jobs.Keys)
        {
            instruments.Untrack(job);
        }
    }

    /// <summary>Those that have ended first, then those that were silent longest.</summary>
    private IOrderedEnumerable<GuardedJob> InOrderOfWorth() =>
        _jobs.Values.OrderBy(known => !known.HasEnded).ThenBy(known => known.HeardNs);

    /// <summary>Of some jobs keeps as many as allowed.</summary>
    private void Forget(Func<GuardedJob, bool> which, int most)
    {
        List<GuardedJob> kept = [.. InOrderOfWorth().Where(which)];
        foreach (GuardedJob job in kept.Take(kept.Count - most))
        {
            Forget(job);
        }
    }

    private void Forget(GuardedJob job)
    {
        JobId name = job.Judge.Job;
        _jobs.Remove(name);
        instruments.Untrack(name);
        if (_modes.TryGetValue(name, out ModeSchedule? modes) && modes.IsInitial)
        {
            _modes.Remove(name);
        }

        // Who still waits for an end goes on waiting: the job may report again.
        if (_ends.TryGetValue(name, out TaskCompletionSource? end) && end.Task.IsCompleted)
        {
            _ends.Remove(name);
        }
    }
}
