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

    /// <summary>
    /// Between two writings of the metrics lies so many times what one takes: percentiles of a hundred thousand ranks are no matter of a
    /// quarter of a second.
    /// </summary>
    private const int PublishPauseFactor = 9;

    private readonly IGuardianPort _port;
    private readonly IDecisionLedger _ledger;
    private readonly LedgerPlace _place;
    private readonly WallClock _clock = new();
    private readonly Lock _gate = new();
    private readonly JobRoster _roster;
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _running;
    private readonly List<LedgerEntry> _begun = [];
    private long _reportsRefused;
    private int _disposed;
    private long _lastTickNs = MonotonicClock.NowNs();
    private long _publishAtNs;
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
        _place = new LedgerPlace(ledger, Learn);
        _roster = new JobRoster(options, instruments);
        _running = Task.Run(RunAsync);
    }

    /// <summary>
    /// Told of every decision, after it stands in the ledger, on the guardian's thread; must be quick. What it throws goes to
    /// <see cref="LastFault"/>.
    /// </summary>
    public event Action<LedgerEntry>? Decided;

    /// <summary>
    /// Reports of a rank that could not be used: of an older generation than the job's newest, of another world size or batch than the
    /// generation's first report named, impossible in themselves, or of a job that is judged no longer (<see cref="LastFault"/>).
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
            _roster.ModesOf(job).Set(mode, fromStep);
        }
    }

    /// <summary>
    /// What is known of a job now; null where nothing was heard of it, or so many jobs have ended since it did that it is forgotten.
    /// </summary>
    public JobStatus? Status(JobId job)
    {
        lock (_gate)
        {
            return _roster.Find(job)?.Status();
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
            ended = _roster.EndOf(job).Task;
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
        List<GuardedJob> heard = [];
        lock (_gate)
        {
            // All records first: a step is complete only with those of the last rank.
            foreach (RankReport rank in report.Ranks)
            {
                if (JobOf(rank.Enrollment) is not { } job || !TryJudge(job, judge => judge.Add(rank)))
                {
                    Interlocked.Increment(ref _reportsRefused);
                }
                else if (!heard.Contains(job))
                {
                    heard.Add(job);
                }
            }

            foreach (StandbyReport waiting in report.Standby)
            {
                if (_roster.Find(waiting.Job) is { } job && waiting.Slots == job.Judge.Slots)
                {
                    job.Standby[waiting.Slot] = waiting;
                }
            }

            string? complaint = ExamineSelf();
            foreach (GuardedJob job in heard)
            {
                job.HeardNs = MonotonicClock.NowNs();
                TryJudge(job, judge => judge.JudgeFrames(complaint, decide => Commit(job, decide, decided)));
            }
        }

        decided.InsertRange(0, _begun);
        _begun.Clear();
        foreach (LedgerEntry entry in decided)
        {
            Tell(entry);
        }

        lock (_gate)
        {
            foreach (GuardedJob job in heard)
            {
                if (job.HasEnded)
                {
                    _roster.End(job);
                }
            }
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

    private bool TryJudge(GuardedJob job, Action<JobJudge> part)
    {
        bool wasJudged = job.Fault is null;
        bool isJudged = job.TryJudge(part);
        if (wasJudged && !isJudged)
        {
            _lastFault = $"{job.Judge.Job} is {job.Fault}";
        }

        return isJudged;
    }

    /// <summary>Into the ledger first, down to the agents after.</summary>
    private LedgerEntry? Commit(GuardedJob job, Func<long, LedgerDecision?> decide, List<LedgerEntry> decided) =>
        !_port.IsLeader ? null : _place.Commit(decide, _clock.Now(), entry =>
        {
            decided.Add(entry);
            if (entry.Decision is PlanDecided plan)
            {
                job.Pending = new OfferedPlan(plan.Job, plan.Generation, plan.Plan);
                _port.Offer(job.Pending);
            }
        });

    /// <summary>
    /// Takes over another guardian's plan: no other may follow before it is in force, and it is offered again, as that guardian may be
    /// gone.
    /// </summary>
    private void Learn(LedgerEntry entry)
    {
        if (_roster.Find(entry.Decision.Job) is { } job)
        {
            job.Book.Apply(entry);
            Learn(job, entry.Decision);
        }
    }

    private static void Learn(GuardedJob job, LedgerDecision decision)
    {
        if (decision is PlanDecided plan
            && job.Judge.Generation == plan.Generation
            && job.Judge.TakeOver(plan))
        {
            job.Pending = new OfferedPlan(plan.Job, plan.Generation, plan.Plan);
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
        LookForHangs();
        OfferPendingAgain();
        long beginNs = MonotonicClock.NowNs();
        if (beginNs >= _publishAtNs)
        {
            PublishMetrics();
            long endNs = MonotonicClock.NowNs();
            _publishAtNs = endNs + (PublishPauseFactor * (endNs - beginNs));
        }

        // Last: the guardian's own work is no pause.
        _lastTickNs = MonotonicClock.NowNs();
    }

    private void LookForHangs()
    {
        long nowNs = MonotonicClock.NowNs();
        long lateNs = nowNs - _lastTickNs - (long)(OfferAgain.TotalSeconds * 1e9);
        lock (_gate)
        {
            foreach (GuardedJob job in _roster.Jobs)
            {
                TryJudge(job, judge => judge.LookForHangs(nowNs, lateNs > PauseSeconds * 1e9 ? lateNs : 0));
            }
        }
    }

    private void OfferPendingAgain()
    {
        lock (_gate)
        {
            foreach (GuardedJob job in _roster.Jobs)
            {
                if (job.Pending is not { } pending)
                {
                    continue;
                }

                if (job.HasEnded || job.Judge.EpochInForce >= pending.Plan.Epoch)
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
            foreach (GuardedJob job in _roster.Jobs)
            {
                TryJudge(job, _ => job.PublishMetrics());
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

        if (_roster.Find(rank.Job) is { } job)
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

        return Begin(rank);
    }

    /// <summary>
    /// A generation that a plan began is heard of: who left by that plan, and who came back, is put down, once. The plan itself stands in the
    /// ledger since before anyone heard of it, so a guardian that was killed in between finds it there and does the same.
    /// </summary>
    private void PutDownMoves(GuardedJob job)
    {
        if (job.Context.Begun is not { } begun || job.Book.IsInForce(begun.Plan.Epoch))
        {
            return;
        }

        List<LedgerEntry> written = [];
        JobPlan plan = begun.Plan;
        long step = begun.Step;
        Put(_ => new PlanInForce(begun.Job, plan.Generation, step, plan.Epoch, $"{plan.Generation} has begun under it"));
        for (int slot = 0; slot < plan.Slots; slot++)
        {
            int replica = slot;
            bool isMember = plan.Shares[slot] != JobPlan.NotMember;
            if (isMember == job.Book.Evicted.ContainsKey(slot))
            {
                WorkerId worker = job.Former?.WorkerOf(slot) ?? (job.Standby.TryGetValue(slot, out StandbyReport? waiting) ? waiting.Worker
                    : job.Book.Evicted.TryGetValue(slot, out WorkerEvicted? known) ? known.Worker
                    : new WorkerId(new NodeId("unknown"), $"slot-{slot}"));
                Put(_ => isMember
                    ? new WorkerReadmitted(begun.Job, plan.Generation, step, worker, replica, job.PoolOf(replica), begun.Reason)
                    : new WorkerEvicted(begun.Job, plan.Generation, step, worker, replica, job.PoolOf(replica), begun.Reason));
            }
        }

        _begun.AddRange(written);

        void Put(Func<long, LedgerDecision?> decide)
        {
            if (Commit(job, decide, written) is { } entry)
            {
                job.Book.Apply(entry);
            }
        }
    }

    /// <summary>A job that nothing was heard of, or a newer generation: what the ledger has of it is taken over.</summary>
    private GuardedJob? Begin(RankEnrollment first)
    {
        try
        {
            _place.CatchUp();
            List<LedgerEntry> known = [.. _ledger.Read().Where(entry => entry.Decision.Job == first.Job)];
            GuardedJob job = _roster.Begin(first, known, _clock.Now());
            known.ForEach(entry => Learn(job, entry.Decision));
            PutDownMoves(job);

            return job;
        }
        catch (Exception impossible)
        {
            _lastFault = $"{first.Job} can't be judged: {impossible.Message}";
            return null;
        }
    }
}
