using System.Globalization;
using System.Threading.Channels;
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

    private readonly IGuardianPort _port;
    private readonly IDecisionLedger _ledger;
    private readonly LedgerPlace _place;
    private readonly StragglerGuardOptions _options;
    private readonly GuardInstruments _instruments;
    private readonly Lock _gate = new();
    private readonly Dictionary<JobId, GuardedJob> _jobs = [];
    private readonly Dictionary<JobId, ModeSchedule> _modes = [];
    private readonly Dictionary<JobId, TaskCompletionSource> _ends = [];
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _running;
    private long _reportsRefused;
    private long _lastTickNs = MonotonicClock.NowNs();
    private string? _complaint;
    private int _disposed;

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
        _place = new LedgerPlace(ledger, Learn);
        _options = options;
        _instruments = instruments;
        _running = Task.Run(RunAsync);
    }

    /// <summary>Told of every decision, after it stands in the ledger, on the guardian's thread; must be quick and not throw.</summary>
    public event Action<LedgerEntry>? Decided;

    /// <summary>
    /// Reports of a rank that could not be used: of an older generation than the job's newest, of another world size or batch than the
    /// generation's first report named, or impossible in themselves.
    /// </summary>
    public long ReportsRefused => Interlocked.Read(ref _reportsRefused);

    /// <summary>Changes what the guardian may do for a job, from a step on; holds for its later generations, too.</summary>
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

    /// <summary>What is known of a job now; null where nothing was heard of it.</summary>
    public JobStatus? Status(JobId job)
    {
        lock (_gate)
        {
            return _jobs.TryGetValue(job, out GuardedJob? guarded) ? guarded.Judge.Status() : null;
        }
    }

    /// <summary>Waits until every rank of the job has said that it left, and all of its steps are judged.</summary>
    /// <param name="job">The job; it need not have reported yet. Where a new generation begins, its end is the job's.</param>
    /// <param name="within">How long to wait.</param>
    /// <returns>Whether that came within the time.</returns>
    public async Task<bool> JobEndedAsync(JobId job, TimeSpan within)
    {
        Task ended;
        lock (_gate)
        {
            ended = EndOf(job).Task;
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

    /// <summary>Stops judging. Jobs go on with their last plan.</summary>
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
                    ExamineSelf();
                    OfferPendingAgain();
                    PublishMetrics();
                    tick = again.WaitForNextTickAsync(_closing.Token).AsTask();
                    continue;
                }

                if (!await incoming.ConfigureAwait(false))
                {
                    return;
                }

                while (reports.TryRead(out NodeReport? report))
                {
                    Take(report);
                }

                incoming = reports.WaitToReadAsync(_closing.Token).AsTask();
            }
        }
        catch (OperationCanceledException)
        {
            // Closing.
        }
    }

    private void Take(NodeReport report)
    {
        List<LedgerEntry> decided = [];
        List<GuardedJob> heard = [];
        lock (_gate)
        {
            // All records first: a step is complete only with those of the last rank.
            foreach (RankReport rank in report.Ranks)
            {
                if (JobOf(rank.Enrollment) is not { } job)
                {
                    Interlocked.Increment(ref _reportsRefused);
                    continue;
                }

                job.Judge.Add(rank);
                if (!heard.Contains(job))
                {
                    heard.Add(job);
                }
            }

            foreach (GuardedJob job in heard)
            {
                job.Judge.JudgeFrames(_complaint, decide => Commit(job, decide, decided));
            }
        }

        foreach (LedgerEntry entry in decided)
        {
            Decided?.Invoke(entry);
        }

        lock (_gate)
        {
            foreach (GuardedJob job in heard)
            {
                if (job.Judge.HasEnded && _jobs[job.Judge.Job] == job)
                {
                    EndOf(job.Judge.Job).TrySetResult();
                }
            }
        }
    }

    /// <summary>Into the ledger first, down to the agents after.</summary>
    private bool Commit(GuardedJob job, Func<long, LedgerDecision?> decide, List<LedgerEntry> decided) =>
        _port.IsLeader && _place.Commit(decide, entry =>
        {
            decided.Add(entry);
            if (entry.Decision is RebalanceDecided plan)
            {
                job.Pending = new OfferedPlan(plan.Job, plan.Generation, plan.Deal);
                _port.Offer(job.Pending);
            }
        });

    /// <summary>
    /// Takes over another guardian's plan: no other may follow before it is in force, and it is offered again, as that guardian may be
    /// gone.
    /// </summary>
    private void Learn(LedgerDecision decision)
    {
        if (decision is RebalanceDecided plan
            && _jobs.TryGetValue(plan.Job, out GuardedJob? job)
            && job.Judge.Generation == plan.Generation
            && job.Judge.TakeOver(plan))
        {
            job.Pending = new OfferedPlan(plan.Job, plan.Generation, plan.Deal);
        }
    }

    /// <summary>
    /// A guardian that was paused reads old reports as if they were new: until it has kept its own time again it decides nothing.
    /// </summary>
    private void ExamineSelf()
    {
        long nowNs = MonotonicClock.NowNs();
        double lateSeconds = ((nowNs - _lastTickNs) * 1e-9) - OfferAgain.TotalSeconds;
        _lastTickNs = nowNs;
        _complaint = lateSeconds > PauseSeconds
            ? string.Create(CultureInfo.InvariantCulture, $"the guardian itself was paused for {lateSeconds:0.0} s")
            : null;
    }

    private void OfferPendingAgain()
    {
        lock (_gate)
        {
            foreach (GuardedJob job in _jobs.Values)
            {
                if (job.Pending is not { } pending)
                {
                    continue;
                }

                if (job.Judge.HasEnded || job.Judge.EpochInForce >= pending.Deal.Epoch)
                {
                    job.Pending = null;
                }
                else if (_port.IsLeader)
                {
                    _port.Offer(pending);
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
                job.Metrics.Publish(job.Judge.Status(), job.Judge.WorldSize);
            }
        }
    }

    /// <summary>The job that a rank belongs to; a newer generation replaces the older one, an older one is not heard any more.</summary>
    private GuardedJob? JobOf(RankEnrollment rank)
    {
        if (rank.FindFault() is not null)
        {
            return null;
        }

        if (_jobs.TryGetValue(rank.Job, out GuardedJob? job))
        {
            int newer = rank.Generation.Value.CompareTo(job.Judge.Generation.Value);
            if (newer < 0)
            {
                return null;
            }

            if (newer == 0)
            {
                return job.Judge.Enroll(rank) ? job : null;
            }
        }

        if (EndOf(rank.Job).Task.IsCompleted)
        {
            _ends.Remove(rank.Job);
        }

        _place.CatchUp();
        job = new GuardedJob(new JobJudge(rank, ModesOf(rank.Job), _options), new JobMetrics(_instruments));
        _jobs[rank.Job] = job;
        foreach (LedgerEntry entry in _ledger.Read())
        {
            if (entry.Decision.Job == rank.Job)
            {
                Learn(entry.Decision);
            }
        }

        return job;
    }

    private TaskCompletionSource EndOf(JobId job)
    {
        if (!_ends.TryGetValue(job, out TaskCompletionSource? end))
        {
            end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _ends[job] = end;
        }

        return end;
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

    private sealed class GuardedJob(JobJudge judge, JobMetrics metrics)
    {
        public JobJudge Judge { get; } = judge;

        public JobMetrics Metrics { get; } = metrics;

        public OfferedPlan? Pending { get; set; }
    }
}
