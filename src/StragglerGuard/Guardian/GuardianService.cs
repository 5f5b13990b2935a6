using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.Channels;
using StragglerGuard.Actuators;
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

    /// <summary>Agents report once an interval: a worker in no group that was silent for so many is gone.</summary>
    private const int StandbySilentIntervals = 10;

    /// <summary>However short the interval is, an agent may lose its connection, and come back.</summary>
    private const double StandbySilentSecondsMin = 10;

    /// <summary>Of the guardian's time: percentiles of a hundred thousand ranks are no matter of a quarter of a second.</summary>
    private const double PublishShare = 0.1;

    /// <summary>Ranks of a status between two of which reports may be judged.</summary>
    private const int RanksAtOnce = 1_024;

    private readonly IGuardianPort _port;
    private readonly Lock _gate = new();
    private readonly JobRoster _roster;
    private readonly Commitments _commitments;
    private readonly ReportIntake _intake;
    private readonly MetricsRound _metrics;
    private readonly DroppedReports _dropped;
    private readonly GuardedNodes? _nodes;
    private readonly long _standbySilentNs;
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentQueue<string> _complaints = new();
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
    /// <param name="actuators">
    /// Who takes the nodes of evicted workers out of service, and back; null for nobody. The owner disposes of the actuator, after this.
    /// </param>
    public GuardianService(
        IGuardianFabric fabric, IDecisionLedger ledger, StragglerGuardOptions options, GuardInstruments instruments, ActuatorSetup? actuators = null)
        : this(fabric, ledger, options, instruments, actuators, TimeProvider.System)
    {
    }

    /// <summary>As the other, with what the waits of the actuations run on.</summary>
    internal GuardianService(
        IGuardianFabric fabric, IDecisionLedger ledger, StragglerGuardOptions options, GuardInstruments instruments, ActuatorSetup? actuators,
        TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(fabric);
        ArgumentNullException.ThrowIfNull(ledger);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(instruments);
        _port = fabric.OpenGuardian();
        _roster = new JobRoster(options, instruments, fault => _lastFault = fault);
        _metrics = new MetricsRound(_roster);
        _dropped = new DroppedReports(instruments, Complain);
        _standbySilentNs = (long)Math.Max(StandbySilentSecondsMin * 1e9, StandbySilentIntervals * options.Agent.IntervalMs * 1e6);
        ActuationDesk? desk = actuators?.Actuator is null ? null : new ActuationDesk(NodeNaming.Of(options.Actuators));
        _commitments = new Commitments(_port, ledger, _roster, options.Ledger.Modes, desk, Complain);
        _intake = new ReportIntake(_roster, _commitments, ledger, Complain);
        lock (_gate)
        {
            _commitments.TryCatchUp();
        }

        _nodes = desk is null ? null : new GuardedNodes(actuators!, desk, _commitments, _roster, _gate, Complain, time);
        _running = Task.Run(RunAsync);
    }

    /// <summary>
    /// Told of every decision, after it stands in the ledger, on the guardian's thread; must be quick. What it throws goes to
    /// <see cref="LastFault"/>.
    /// </summary>
    public event Action<LedgerEntry>? Decided;

    /// <summary>
    /// Told, in words, of everything that keeps the guardian from deciding or carrying out: a ledger that can't be written, another guardian
    /// that took over, decisions that the ledger lost, a scheduler that does not do as it is asked. On the guardian's thread; must be quick.
    /// </summary>
    public event Action<string>? Complained;

    /// <summary>
    /// Reports of a rank that could not be used: of an older generation than the job's newest, of another world size or batch than the
    /// generation's first report named, impossible in themselves, or of a job that is judged no longer (<see cref="LastFault"/>).
    /// </summary>
    public long ReportsRefused => Interlocked.Read(ref _reportsRefused);

    /// <summary>
    /// The last mistake of the guardian's own, or the last of what <see cref="Complained"/> was told, in words; null while there was none. A
    /// job that ran into a mistake is judged no longer, which its <see cref="JobStatus.PolicyReason"/> says; the other jobs are.
    /// </summary>
    public string? LastFault => _lastFault;

    /// <summary>What this guardian is called in the ledger: machine, process, and since when.</summary>
    public string Name => _commitments.Name;

    /// <summary>What keeps it from writing its ledger, in words, and whether that is for good: another one has it. Null where nothing does.</summary>
    internal (string? Reason, bool IsFinal) LedgerTrouble => _commitments.LedgerTrouble;

    /// <summary>
    /// Changes what the guardian may do for a job, from a step on, whatever was said before about later steps; holds for its later
    /// generations, too, and for a guardian that goes on with the same ledger after a restart. A plan that is on its way already is not
    /// called back.
    /// </summary>
    /// <param name="job">The job; it need not have reported yet.</param>
    /// <param name="mode">Observe, advise or act.</param>
    /// <param name="fromStep">The first step whose frame is judged under the mode, 0 or more.</param>
    /// <param name="reason">Who changes it, or why; stands in the ledger.</param>
    /// <remarks>
    /// It is obeyed at once, also where the ledger can't be written: that follows as soon as it can. Where nothing changes nothing is written.
    /// </remarks>
    public void SetMode(JobId job, PolicyMode mode, long fromStep = 0, string reason = "set by the program that the guard is part of")
    {
        ArgumentNullException.ThrowIfNull(reason);
        lock (_gate)
        {
            _commitments.TryCatchUp();
            if (_roster.ModesOf(job).Set(mode, fromStep))
            {
                Generation generation = _roster.Find(job)?.Judge.Generation ?? default;
                _commitments.Record(new ModeChanged(job, generation, fromStep, mode, reason));
            }
        }
    }

    /// <summary>
    /// What is known of a job now; null where nothing was heard of it, or so many jobs have ended since it did that it is forgotten.
    /// </summary>
    /// <remarks>
    /// Takes some 15 µs a rank. The guard goes on meanwhile: in a job of more than 1,024 ranks the figures of the last rank may be some steps newer than
    /// those of the first.
    /// </remarks>
    public JobStatus? Status(JobId job)
    {
        GuardedJob? guarded;
        JobStatus status;
        lock (_gate)
        {
            guarded = _roster.Find(job);
            if (guarded is null)
            {
                return null;
            }

            string? objection = _commitments.Objection(guarded, out bool isFinal);
            status = guarded.StatusWithoutRanks(objection, isFinal);
        }

        var ranks = new List<RankStatus>(guarded.Judge.WorldSize);
        for (int rank = 0; rank < guarded.Judge.WorldSize; rank += RanksAtOnce)
        {
            lock (_gate)
            {
                guarded.Judge.AddStatusOf(rank, RanksAtOnce, ranks);
            }
        }

        return status with { Ranks = ranks };
    }

    /// <summary>Whether a job has ended, as far as is known: false also where nothing was heard of it, or it is forgotten. A look, and no more.</summary>
    internal bool HasEnded(JobId job)
    {
        lock (_gate)
        {
            return _roster.HasEnded(job);
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
        CarryOn(_commitments.WriteWaiting);
        Tell();
        if (_nodes is not null)
        {
            await _nodes.DisposeAsync().ConfigureAwait(false);
        }

        CarryOn(_roster.HideAll);
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
        try
        {
            lock (_gate)
            {
                int refused = _intake.Take(report, MonotonicClock.NowNs(), ExamineSelf());
                if (refused > 0)
                {
                    Interlocked.Add(ref _reportsRefused, refused);
                }
            }
        }
        catch (Exception mistake)
        {
            // One report must not end the guard of all, least of all unheard: the claim would stay with a guardian that hears nobody.
            _lastFault = $"a report of {report.Node} was not judged: {mistake.GetType().Name}: {mistake.Message}";
        }

        if (_nodes is not null)
        {
            Note(report.Node);
        }

        Tell();

        foreach (GuardedJob job in _intake.Heard)
        {
            if (job.HasEnded)
            {
                lock (_gate)
                {
                    _roster.End(job);
                }
            }
        }
    }

    private void Note(NodeId node) => CarryOn(() => _nodes!.Note(node));

    /// <summary>Tells who listens what stands since the last time, and what went wrong.</summary>
    private void Tell()
    {
        IReadOnlyList<LedgerEntry> told;
        lock (_gate)
        {
            told = _commitments.TakeTold();
        }

        foreach (LedgerEntry entry in told)
        {
            Tell(() => Decided?.Invoke(entry));
        }

        while (_complaints.TryDequeue(out string? complaint))
        {
            Tell(() => Complained?.Invoke(complaint));
        }
    }

    private void Tell(Action listener)
    {
        try
        {
            listener();
        }
        catch (Exception mistake)
        {
            _lastFault = $"a listener to decisions failed: {mistake.Message}";
        }
    }

    private void Complain(string what)
    {
        _lastFault = what;
        if (Complained is not null)
        {
            _complaints.Enqueue(what);
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
        ForgetSilentWorkers();
        CarryOn(_commitments.WriteWaiting);
        CarryOn(() => _nodes?.Ask());
        CarryOn(_commitments.OfferPendingAgain);
        CarryOn(() => _dropped.Look(_port.ReportsDropped));
        Tell();
        CarryOn(() => _metrics.Continue(MonotonicClock.NowNs() + (long)(PublishShare * OfferAgain.TotalNanoseconds)));

        // Last: the guardian's own work is no pause.
        _lastTickNs = MonotonicClock.NowNs();
    }

    /// <summary>Does what concerns no job alone. A mistake in it must not end the guard of all.</summary>
    private void CarryOn(Action part)
    {
        try
        {
            lock (_gate)
            {
                part();
            }
        }
        catch (Exception mistake)
        {
            Complain($"{mistake.GetType().Name}: {mistake.Message}");
        }
    }

    private void LookForHangs()
    {
        long nowNs = MonotonicClock.NowNs();
        long lateNs = nowNs - _lastTickNs - (long)(OfferAgain.TotalSeconds * 1e9);
        lock (_gate)
        {
            foreach (GuardedJob job in _roster.Jobs)
            {
                job.TryJudge(judge => judge.LookForHangs(nowNs, lateNs > PauseSeconds * 1e9 ? lateNs : 0));
            }
        }
    }

    private void ForgetSilentWorkers()
    {
        if (_complaint is not null)
        {
            return; // What they said while the guardian was away is still to be read.
        }

        lock (_gate)
        {
            _intake.ForgetSilent(MonotonicClock.NowNs(), _standbySilentNs);
        }
    }
}
