using System.Diagnostics.Metrics;
using System.Globalization;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;

namespace StragglerGuard.Telemetry;

/// <summary>
/// The instruments of the guard, on a meter that any exporter of System.Diagnostics.Metrics finds by its name. A process that serves
/// many jobs has one of these and tracks them all.
/// </summary>
/// <remarks>
/// All instruments are observable: they read the <see cref="JobMetricsSnapshot"/>s when an exporter asks. Names follow Prometheus (base
/// units, <c>_total</c>, <c>_seconds</c>, <c>_ratio</c>); labels are <c>job</c>, and per rank <c>rank</c>, <c>device_class</c> and
/// <c>node</c>. Figures of the job come first, so that a cap on the number of series cuts into the figures of ranks.
/// </remarks>
public sealed class GuardInstruments : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "StragglerGuard";

    private static readonly (string Label, Func<JobMetricsSnapshot, long> Count)[] s_recordOutcomes =
    [
        ("accepted", s => s.RecordsAccepted),
        ("duplicate", s => s.RecordsDuplicate),
        ("late", s => s.RecordsLate),
        ("other_generation", s => s.RecordsOtherGeneration),
        ("unknown_rank", s => s.RecordsUnknownRank),
        ("invalid", s => s.RecordsInvalid),
    ];

    private static readonly (string Label, Func<JobMetricsSnapshot, long> Count)[] s_frameOutcomes =
    [
        ("complete", s => s.FramesComplete),
        ("incomplete", s => s.FramesIncomplete),
    ];

    /// <summary>Reasons of refusals that get a series of their own; what more there is shares one. Peers must not make series.</summary>
    private const int RefusalReasonsMax = 16;

    private const string OtherReason = "other";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _refusals = [];
    private JobSeries[] _jobs = [];
    private int _deciding = -1;
    private bool _isGuardian;
    private long _reportsDropped;

    /// <summary>Creates the meter and its instruments.</summary>
    public GuardInstruments()
    {
        Meter = new Meter(MeterName, typeof(GuardInstruments).Assembly.GetName().Version?.ToString(3));
        CreateJobInstruments();
        CreateRankInstruments();
        CreateFabricInstruments();
    }

    /// <summary>The meter, for an exporter that shows this guard's figures and no other's.</summary>
    public Meter Meter { get; }

    /// <summary>Shows a job from now on.</summary>
    /// <param name="snapshot">Its figures, which the guardian goes on writing.</param>
    /// <exception cref="InvalidOperationException">A job of that name is shown already: two would have the same series.</exception>
    public void Track(JobMetricsSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        lock (_gate)
        {
            if (_jobs.Any(job => job.Snapshot.Job == snapshot.Job))
            {
                throw new InvalidOperationException($"Metrics of job {snapshot.Job} are shown already.");
            }

            Volatile.Write(ref _jobs, [.. _jobs, new JobSeries(snapshot)]);
        }
    }

    /// <summary>Shows a job no longer.</summary>
    /// <param name="job">The job.</param>
    /// <returns>Whether it was shown.</returns>
    public bool Untrack(JobId job)
    {
        lock (_gate)
        {
            var rest = _jobs.Where(series => series.Snapshot.Job != job).ToArray();
            var found = rest.Length < _jobs.Length;
            Volatile.Write(ref _jobs, rest);
            return found;
        }
    }

    /// <summary>Shows, from the first call on, whether the guardian of this process is the one that decides.</summary>
    /// <param name="isDeciding">Whether it is.</param>
    public void ShowDeciding(bool isDeciding) => Volatile.Write(ref _deciding, isDeciding ? 1 : 0);

    /// <summary>Counts a message of the fabric that could not be used.</summary>
    /// <param name="reason">Why, in a word or two that are the same for all of its kind; beyond 16 kinds the rest count as one.</param>
    public void CountRefused(string reason)
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        lock (_gate)
        {
            string kind = _refusals.Count < RefusalReasonsMax || _refusals.ContainsKey(reason) ? reason : OtherReason;
            _refusals[kind] = _refusals.GetValueOrDefault(kind) + 1;
        }
    }

    /// <summary>Counts reports that the guardian of this process did not get to read; shown from the first call on.</summary>
    /// <param name="reports">How many more, 0 or more.</param>
    public void CountReportsDropped(long reports)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(reports);
        Volatile.Write(ref _isGuardian, true);
        Interlocked.Add(ref _reportsDropped, reports);
    }

    /// <summary>Takes the meter away; exporters see its instruments end.</summary>
    public void Dispose() => Meter.Dispose();

    private void CreateJobInstruments()
    {
        JobGauge("stragglerguard_job_ranks", null, "Ranks of the job.", s => s.Ranks.Length);
        JobGauge("stragglerguard_job_step", null, "Newest step that the guardian has joined to a frame.", s => s.Step);
        JobGauge("stragglerguard_job_step_seconds", "s", "Median duration of the last 64 steps.", s => s.StepSeconds);
        JobGauge("stragglerguard_job_transfer_seconds", "s", "Time that even the last rank to arrive spent in the first collective of the newest step.", s => s.TransferSeconds);
        JobGauge("stragglerguard_job_guardian_lateness_seconds", "s", "How far the guardian's newest frame lies behind the newest record.", s => s.GuardianLatenessSeconds);
        JobGauge("stragglerguard_job_plan_epoch", null, "Epoch of the plan in force; 0 is the even deal that a job starts with.", s => s.EpochInForce.Value);
        JobGauge("stragglerguard_job_predicted_gain_ratio", null, "Gain in step time that the newest plan promised, as a share of the step time before it.", s => s.PredictedGain);
        Meter.CreateObservableGauge("stragglerguard_job_mode", ObserveModes, null, "What the guard may do: 1 for the mode in force, 0 for the others.");
        OutcomeCounter("stragglerguard_job_records_total", "Records of steps by what became of them at the guardian; each has one outcome.", s_recordOutcomes);
        OutcomeCounter("stragglerguard_job_frames_total", "Frames of steps that the guardian closed, by whether every rank was in them.", s_frameOutcomes);
        JobCounter("stragglerguard_job_records_out_of_order_total", "Records that came after a later one of the same rank, whatever became of them.", s => s.RecordsOutOfOrder);
        JobCounter("stragglerguard_job_records_missing_total", "Records that had not come when their frame was closed.", s => s.RecordsMissing);
        JobCounter("stragglerguard_job_records_lost_total", "Records overwritten in a rank's ring before the agent read them.", s => s.RecordsLost);
        JobCounter("stragglerguard_job_records_torn_total", "Records found damaged in a rank's ring.", s => s.RecordsTorn);
        JobCounter("stragglerguard_job_plans_proposed_total", "Plans decided and sent to the ranks.", s => s.PlansProposed);
        JobCounter("stragglerguard_job_votes_split_total", "Steps at which the ranks voted for different plans.", s => s.VotesSplit);
    }

    private void CreateRankInstruments()
    {
        RankGauge("stragglerguard_rank_straggler", null, "Verdict: 1 for a confirmed straggler, 0 for a healthy rank.", (s, i) => s.Straggler[i]);
        RankGauge("stragglerguard_rank_slowdown_ratio", null, "Own compute time per micro-batch over what it would be were the rank healthy: that of its peers, or of its own past.", (s, i) => s.Slowdown[i]);
        RankGauge("stragglerguard_rank_micro_batch_seconds", "s", "Own compute time per micro-batch.", (s, i) => s.SecondsPerMicroBatch[i]);
        RankGauge("stragglerguard_rank_micro_batches", null, "Micro-batches that the plan in force deals to the rank.", (s, i) => s.MicroBatches[i]);
        Meter.CreateObservableGauge("stragglerguard_rank_lag_seconds", ObserveLags, "s", "Lag at the first collective of a step over the window, by quantile q.");
        RankGauge("stragglerguard_rank_last_arriver_ratio", null, "Share of the window's steps at which the rank arrived last.", (s, i) => s.LastArriverShare[i]);
        Meter.CreateObservableCounter(
            "stragglerguard_rank_wait_caused_seconds_total",
            () => ObserveRanks((s, i) => s.WaitCausedSeconds[i]),
            "s",
            "Time that other ranks waited for this one alone, summed over them.");
    }

    private void CreateFabricInstruments()
    {
        Meter.CreateObservableGauge(
            "stragglerguard_guardian_deciding", ObserveDeciding, null, "Whether the guardian of this process decides: 1, or 0 where it stands by.");
        Meter.CreateObservableCounter(
            "stragglerguard_fabric_refused_total", ObserveRefusals, null, "Messages of the fabric that could not be used, by reason.");
        Meter.CreateObservableCounter(
            "stragglerguard_guardian_reports_dropped_total", ObserveReportsDropped, null,
            "Reports of agents that gave way to newer ones because the guardian was behind.");
    }

    private IEnumerable<Measurement<int>> ObserveDeciding() =>
        Volatile.Read(ref _deciding) is >= 0 and int deciding ? [new Measurement<int>(deciding)] : [];

    private IEnumerable<Measurement<long>> ObserveReportsDropped() =>
        Volatile.Read(ref _isGuardian) ? [new Measurement<long>(Interlocked.Read(ref _reportsDropped))] : [];

    private IEnumerable<Measurement<long>> ObserveRefusals()
    {
        lock (_gate)
        {
            return [.. _refusals.Select(refusal => new Measurement<long>(refusal.Value, new KeyValuePair<string, object?>("reason", refusal.Key)))];
        }
    }

    private void JobGauge(string name, string? unit, string help, Func<JobMetricsSnapshot, double> value) =>
        Meter.CreateObservableGauge(name, () => ObserveJobs(value), unit, help);

    private void JobCounter(string name, string help, Func<JobMetricsSnapshot, long> value) =>
        Meter.CreateObservableCounter(name, () => Volatile.Read(ref _jobs).Select(job => new Measurement<long>(value(job.Snapshot), job.JobTags)), null, help);

    private void OutcomeCounter(string name, string help, (string Label, Func<JobMetricsSnapshot, long> Count)[] outcomes) =>
        Meter.CreateObservableCounter(name, () => Volatile.Read(ref _jobs).SelectMany(job => outcomes.Select(outcome =>
            new Measurement<long>(outcome.Count(job.Snapshot), JobSeries.With(job.JobTags, "outcome", outcome.Label)))), null, help);

    private void RankGauge(string name, string? unit, string help, Func<JobMetricsSnapshot, int, double> value) =>
        Meter.CreateObservableGauge(name, () => ObserveRanks(value), unit, help);

    private IEnumerable<Measurement<double>> ObserveJobs(Func<JobMetricsSnapshot, double> value)
    {
        foreach (var job in Volatile.Read(ref _jobs))
        {
            var figure = value(job.Snapshot);
            if (!double.IsNaN(figure))
            {
                yield return new Measurement<double>(figure, job.JobTags);
            }
        }
    }

    private IEnumerable<Measurement<double>> ObserveRanks(Func<JobMetricsSnapshot, int, double> value)
    {
        foreach (var job in Volatile.Read(ref _jobs))
        {
            for (var i = 0; i < job.RankTags.Length; i++)
            {
                var figure = value(job.Snapshot, i);
                if (!double.IsNaN(figure))
                {
                    yield return new Measurement<double>(figure, job.RankTags[i]);
                }
            }
        }
    }

    private IEnumerable<Measurement<double>> ObserveLags()
    {
        foreach (var job in Volatile.Read(ref _jobs))
        {
            for (var i = 0; i < job.RankTags.Length; i++)
            {
                for (var q = 0; q < JobSeries.Quantiles.Length; q++)
                {
                    var figure = JobSeries.Quantiles[q].Column(job.Snapshot, i);
                    if (!double.IsNaN(figure))
                    {
                        yield return new Measurement<double>(figure, job.LagTags[i][q]);
                    }
                }
            }
        }
    }

    private IEnumerable<Measurement<int>> ObserveModes()
    {
        foreach (var job in Volatile.Read(ref _jobs))
        {
            var current = job.Snapshot.Mode;
            for (var i = 0; i < job.ModeTags.Length; i++)
            {
                yield return new Measurement<int>(JobSeries.Modes[i] == current ? 1 : 0, job.ModeTags[i]);
            }
        }
    }

    /// <summary>A job with its labels made once.</summary>
    private sealed class JobSeries
    {
        internal static readonly PolicyMode[] Modes = Enum.GetValues<PolicyMode>();

        /// <summary>The label's values and the columns behind them.</summary>
        internal static readonly (string Label, Func<JobMetricsSnapshot, int, double> Column)[] Quantiles =
        [
            ("0.5", (s, i) => s.LagP50Seconds[i]),
            ("0.95", (s, i) => s.LagP95Seconds[i]),
            ("0.99", (s, i) => s.LagP99Seconds[i]),
        ];

        private readonly Lazy<KeyValuePair<string, object?>[][]> _rankTags;
        private readonly Lazy<KeyValuePair<string, object?>[][][]> _lagTags;

        internal JobSeries(JobMetricsSnapshot snapshot)
        {
            Snapshot = snapshot;
            JobTags = [new("job", snapshot.Job.Value)];
            ModeTags = [.. Modes.Select(mode => With(JobTags, "mode", mode.ToString().ToLowerInvariant()))];
            _rankTags = new Lazy<KeyValuePair<string, object?>[][]>(() => [.. snapshot.Ranks.ToArray().Select(rank => TagsOf(JobTags, rank))]);
            _lagTags = new Lazy<KeyValuePair<string, object?>[][][]>(
                () => [.. RankTags.Select(tags => Quantiles.Select(q => With(tags, "q", q.Label)).ToArray())]);
        }

        internal JobMetricsSnapshot Snapshot { get; }

        internal KeyValuePair<string, object?>[] JobTags { get; }

        internal KeyValuePair<string, object?>[][] ModeTags { get; }

        /// <summary>Made when somebody first asks, on that one's thread: of a hundred thousand ranks they take a while, and memory.</summary>
        internal KeyValuePair<string, object?>[][] RankTags => _rankTags.Value;

        internal KeyValuePair<string, object?>[][][] LagTags => _lagTags.Value;

        private static KeyValuePair<string, object?>[] TagsOf(KeyValuePair<string, object?>[] job, RankLabels rank) =>
        [
            .. job,
            new("rank", rank.Rank.Value.ToString(CultureInfo.InvariantCulture)),
            new("device_class", rank.DeviceClass.Name),
            new("node", rank.Node.Value),
        ];

        internal static KeyValuePair<string, object?>[] With(KeyValuePair<string, object?>[] tags, string name, string value) =>
            [.. tags, new(name, value)];
    }
}
