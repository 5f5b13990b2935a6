using System.Globalization;
using System.Threading.Channels;
using StragglerGuard.Collectives;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Recording;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Guardian;

/// <summary>
/// The one guardian: takes the reports from the fabric, has Core judge them, writes what is decided into the ledger, and only then
/// sends it down.
/// </summary>
public sealed class GuardianService : IAsyncDisposable
{
    /// <summary>A plan on its way is offered again this often until it is seen in force: offers may be lost, and are idempotent.</summary>
    private static readonly TimeSpan OfferAgain = TimeSpan.FromMilliseconds(250);

    /// <summary>A tick of the guardian's own that is later than this is a pause.</summary>
    private const double PauseSeconds = 1;

    /// <summary>Jobs guarded at once. Beyond it the one that was silent longest is forgotten, and begun anew should it report again.</summary>
    private const int JobsMax = 1_024;

    /// <summary>Jobs remembered after they have ended, for whoever asks what came of them.</summary>
    private const int EndedJobsMax = 16;

    private readonly IGuardianPort _port;
    private readonly IDecisionLedger _ledger;
    private readonly StragglerGuardOptions _options;
    private readonly GuardInstruments _instruments;
    private readonly Lock _gate = new();
    private readonly Dictionary<JobId, GuardedJob> _jobs = [];
    private readonly Dictionary<JobId, ModeSchedule> _modes = [];
    private readonly Dictionary<JobId, TaskCompletionSource> _awaited = [];
    private readonly List<GuardedJob> _reported = [];
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _running;
    private long _reportsRefused;
    private int _disposed;
    private long _lastTickNs = MonotonicClock.NowNs();
    private string? _complaint;
    private volatile string? _lastFault;

    /// <summary>Begins to guard whatever jobs report.</summary>
    /// <param name="fabric">Where reports come from and plans go.</param>
    /// <param name="ledger">Where decisions are kept.</param>
    /// <param name="options">The guard's options.</param>
    /// <param name="instruments">What is measured.</param>
    public GuardianService(IGuardianFabric fabric, IDecisionLedger ledger, StragglerGuardOptions options, GuardInstruments instruments)
    {
        ArgumentNullException.ThrowIfNull(fabric);
        ArgumentNullException.ThrowIfNull(ledger);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(instruments);
        _port = fabric.OpenGuardian();
        _ledger = ledger;
        _options = options;
        _instruments = instruments;
        _running = Task.Run(RunAsync);
    }

    /// <summary>
    /// Told of every decision, after it stands in the ledger, on the guardian's thread; must be quick. What it throws goes to
    /// <see cref="LastFault"/>.
    /// </summary>
    public event Action<LedgerEntry>? Decided;

    /// <summary>
    /// Reports of ranks that could not be used: of an older generation, of another world size or batch than the job's first report named,
    /// or of a job that is judged no longer (<see cref="LastFault"/>).
    /// </summary>
    public long ReportsRefused => Interlocked.Read(ref _reportsRefused);

    /// <summary>
    /// The last mistake of the guardian's own, in words; null while there was none. A job that ran into one is judged no longer, which its
    /// <see cref="JobStatus.PolicyReason"/> says; the other jobs are.
    /// </summary>
    public string? LastFault => _lastFault;

    /// <summary>
    /// Changes what the guardian may do for a job, from a step on, whatever was said before about later steps; holds for its later
    /// generations, too. A plan that is on its way already is not called back.
    /// </summary>
    /// <param name="job">The job; it need not have reported yet.</param>
    /// <param name="mode">Observe, advise or act.</param>
    /// <param name="fromStep">The first step whose frame is judged under the mode.</param>
    public void SetMode(JobId job, PolicyMode mode, long fromStep = 0)
    {
        lock (_gate)
        {
            ModesOf(job).Set(mode, fromStep);
        }
    }

    /// <summary>
    /// What is known of a job now; null where nothing was heard of it, or so many jobs have ended since it did that it is forgotten.
    /// </summary>
    public JobStatus? Status(JobId job)
    {
        lock (_gate)
        {
            return _jobs.TryGetValue(job, out GuardedJob? guarded) ? StatusOf(guarded) : null;
        }
    }

    /// <summary>
    /// Waits until every rank of the job has said that it left, and all of its steps are judged. The job need not have reported yet; where
    /// it begins a new generation meanwhile, that one is waited for.
    /// </summary>
    /// <returns>Whether that came within the time.</returns>
    public async Task<bool> JobEndedAsync(JobId job, TimeSpan within)
    {
        Task ended;
        lock (_gate)
        {
            if (_jobs.TryGetValue(job, out GuardedJob? guarded))
            {
                ended = guarded.Ended.Task;
            }
            else
            {
                if (!_awaited.TryGetValue(job, out TaskCompletionSource? awaited))
                {
                    awaited = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    _awaited[job] = awaited;
                }

                ended = awaited.Task;
            }
        }

        try
        {
            await ended.WaitAsync(within).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Judges what has arrived, and stops. Jobs go on with their last plan.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _closing.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _port.Dispose();
        _closing.Dispose();
    }

    private async Task RunAsync()
    {
        ChannelReader<NodeReport> reports = _port.Reports;
        using var again = new PeriodicTimer(OfferAgain);
        Task<bool> tick = again.WaitForNextTickAsync(_closing.Token).AsTask();
        Task<bool> incoming = reports.WaitToReadAsync(_closing.Token).AsTask();
        try
        {
            while (true)
            {
                Task first = await Task.WhenAny(tick, incoming).ConfigureAwait(false);
                if (first == tick)
                {
                    await tick.ConfigureAwait(false);
                    Tick();
                    tick = again.WaitForNextTickAsync(_closing.Token).AsTask();
                    continue;
                }

                if (!await incoming.ConfigureAwait(false))
                {
                    return;
                }

                // However many there are, the tick comes in between.
                while (!tick.IsCompleted && reports.TryRead(out NodeReport? report))
                {
                    Take(report);
                }

                incoming = reports.WaitToReadAsync(_closing.Token).AsTask();
            }
        }
        catch (OperationCanceledException)
        {
            // Closing: what has arrived is still judged.
            while (reports.TryRead(out NodeReport? report))
            {
                Take(report);
            }
        }
    }

    private void Take(NodeReport report)
    {
        List<LedgerEntry> decided = [];
        lock (_gate)
        {
            _reported.Clear();
            foreach (RankReport rank in report.Ranks)
            {
                if (JobOf(rank.Enrollment) is not { } job || !TryJudge(job, () => job.Judge.Add(rank)))
                {
                    Interlocked.Increment(ref _reportsRefused);
                }
                else if (!_reported.Contains(job))
                {
                    _reported.Add(job);
                }
            }

            string? complaint = ExamineSelf();
            foreach (GuardedJob job in _reported)
            {
                job.HeardNs = MonotonicClock.NowNs();
                TryJudge(job, () => job.Judge.JudgeFrames(complaint, decide => Commit(job, decide, decided)));
                if (job.Judge.HasEnded && job.Ended.TrySetResult())
                {
                    job.Pending = null;
                    Forget(_jobs.Values.Where(known => known.Judge.HasEnded), EndedJobsMax);
                }
            }
        }

        foreach (LedgerEntry entry in decided)
        {
            Tell(entry);
        }
    }

    private void Tell(LedgerEntry entry)
    {
        try
        {
            Decided?.Invoke(entry);
        }
        catch (Exception mistake)
        {
            _lastFault = $"a listener to decisions failed: {mistake.Message}";
        }
    }

    /// <summary>A mistake in judging one job must not end the guard of the others: that job is left alone from then on, and says why.</summary>
    /// <returns>False where the job is judged no longer.</returns>
    private bool TryJudge(GuardedJob job, Action judge)
    {
        if (job.Fault is not null)
        {
            return false;
        }

        try
        {
            judge();
            return true;
        }
        catch (Exception mistake)
        {
            job.Fault = $"judged no longer: {mistake.GetType().Name}: {mistake.Message}";
            job.Pending = null;
            _lastFault = $"{job.Judge.Job} is {job.Fault}";
            return false;
        }
    }

    /// <summary>
    /// Writes a decision under the next number. A plan takes that number as its epoch, so a number that no vote could tell from the
    /// epoch in force is given up first. Refused where another guardian was faster: then that one decides.
    /// </summary>
    private bool Commit(GuardedJob job, Func<long, LedgerDecision?> decide, List<LedgerEntry> decided)
    {
        if (!_port.IsLeader)
        {
            return false;
        }

        while (true)
        {
            long sequence = _ledger.LastSequence + 1;
            LedgerDecision? entry = decide(sequence);
            if (entry is null)
            {
                return false;
            }

            if (!_ledger.Append(sequence, entry).Appended)
            {
                return false;
            }

            decided.Add(new LedgerEntry(sequence, entry));
            switch (entry)
            {
                case NumberSkipped:
                    continue;
                case RebalanceDecided plan:
                    job.Pending = new OfferedPlan(plan.Job, plan.Generation, plan.Deal);
                    _port.Offer(job.Pending);
                    return true;
                default:
                    return true;
            }
        }
    }

    /// <summary>
    /// A guardian that was paused comes back to reports that piled up, some of which gave way to others: until it has kept its own time
    /// again it makes no plan of them.
    /// </summary>
    /// <returns>What speaks against its own view; null where nothing does.</returns>
    private string? ExamineSelf()
    {
        // The tick that would notice may come after the reports: so they look at the clock, too.
        double lateSeconds = ((MonotonicClock.NowNs() - _lastTickNs) * 1e-9) - OfferAgain.TotalSeconds;
        return lateSeconds > PauseSeconds
            ? string.Create(CultureInfo.InvariantCulture, $"the guardian itself was paused for {lateSeconds:0.0} s")
            : _complaint;
    }

    private void Tick()
    {
        _complaint = null;
        _complaint = ExamineSelf();
        _lastTickNs = MonotonicClock.NowNs();
        OfferPendingAgain();
        PublishMetrics();
    }

    private void OfferPendingAgain()
    {
        lock (_gate)
        {
            foreach (GuardedJob job in _jobs.Values)
            {
                if (job.Pending is { } pending)
                {
                    if (job.Judge.EpochInForce < pending.Deal.Epoch)
                    {
                        _port.Offer(pending);
                    }
                    else
                    {
                        job.Pending = null;
                    }
                }
            }
        }
    }

    private void PublishMetrics()
    {
        lock (_gate)
        {
            foreach (GuardedJob job in _jobs.Values)
            {
                TryJudge(job, () => job.Metrics.Publish(job.Judge.Status(), job.Judge.WorldSize));
            }
        }
    }

    /// <summary>The job that a rank belongs to; a newer generation replaces the older one, an older one is not heard any more.</summary>
    private GuardedJob? JobOf(RankEnrollment rank)
    {
        if (_jobs.TryGetValue(rank.Job, out GuardedJob? job))
        {
            int age = rank.Generation.Value.CompareTo(job.Judge.Generation.Value);
            if (age < 0)
            {
                return null;
            }

            if (age == 0)
            {
                return job.Judge.Enroll(rank) ? job : null;
            }
        }

        return Begin(rank, before: job);
    }

    private GuardedJob? Begin(RankEnrollment first, GuardedJob? before)
    {
        JobJudge judge;
        try
        {
            judge = new JobJudge(first, ModesOf(first.Job), _options);
        }
        catch (Exception impossible)
        {
            _lastFault = $"{first.Job} can't be judged: {impossible.Message}";
            return null;
        }

        // Who waits for the end of the job waits on through its generations.
        TaskCompletionSource? waited = before is { Ended.Task.IsCompleted: false } ? before.Ended : null;
        if (before is null)
        {
            _awaited.Remove(first.Job, out waited);
        }

        var job = new GuardedJob(judge, new JobMetrics(_instruments), waited) { HeardNs = MonotonicClock.NowNs() };
        _jobs[first.Job] = job;
        Forget(_jobs.Values.Where(known => known != job), JobsMax - 1);
        return job;
    }

    /// <summary>Of some jobs keeps the most that is allowed: those that have ended go first, then those that were silent longest.</summary>
    private void Forget(IEnumerable<GuardedJob> jobs, int most)
    {
        List<GuardedJob> kept = [.. jobs];
        foreach (GuardedJob job in kept.OrderBy(known => !known.Judge.HasEnded).ThenBy(known => known.HeardNs).Take(kept.Count - most))
        {
            JobId name = job.Judge.Job;
            _jobs.Remove(name);
            _instruments.Untrack(name);
            if (_modes.TryGetValue(name, out ModeSchedule? modes) && modes.IsInitial)
            {
                _modes.Remove(name);
            }
        }
    }

    private static JobStatus StatusOf(GuardedJob job)
    {
        JobStatus status = job.Judge.Status();
        return job.Fault is null ? status : status with { PolicyReason = job.Fault };
    }

    private ModeSchedule ModesOf(JobId job)
    {
        if (!_modes.TryGetValue(job, out ModeSchedule? modes))
        {
            modes = new ModeSchedule(_options.Mode);
            _modes[job] = modes;
        }

        return modes;
    }

    private sealed class GuardedJob(JobJudge judge, JobMetrics metrics, TaskCompletionSource? ended)
    {
        public JobJudge Judge { get; } = judge;

        public JobMetrics Metrics { get; } = metrics;

        public OfferedPlan? Pending { get; set; }

        /// <summary>When it last reported, ns.</summary>
        public long HeardNs { get; set; }

        /// <summary>Why it is judged no longer; null while it is.</summary>
        public string? Fault { get; set; }

        public TaskCompletionSource Ended { get; } = ended ?? new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
