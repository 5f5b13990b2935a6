using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Baselines;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Detection;

/// <summary>Everything that is judged of one job, step by step: who is slow and why, what is slow though nobody is, what changed and what
/// ended.</summary>
/// <remarks>
/// <para>A fold over step frames with their lags; the same frames give the same events, live or replayed. It puts together, per step: the
/// slowness detector over all ranks (its slim form, <see cref="FleetScreen"/>, from <see cref="ScreenedFromRanks"/> ranks on), the same on
/// compute and wait for input together, transfer (fabric), creep and spikes on ranks worth watching, attendance, the balance of the
/// stages, and the evidence behind destructive actions. A job of one rank is a single series, whose changes are reported as such: there is
/// nobody to be slower than.</para>
/// <para>Ranks that depend on a slow one wait for it: their own compute does not show it, so victims are never accused. One thread at a
/// time.</para>
/// </remarks>
public sealed class JobDetector
{
    /// <summary>Ranks from which on a job is screened with a fixed few bytes a rank.</summary>
    public const int ScreenedFromRanks = SuspectPool.Capacity + 1;

    private readonly JobDetectorOptions _options;
    /// <summary>Of the minimum effect: a slowness beyond this is a verdict's alone.</summary>
    private const double CreepMaxEffects = 1.2;

    private readonly RankCohort[] _cohorts;
    private readonly double[] _scratch;
    private readonly double _effectMin;
    private readonly IRankScreen? _screen;
    private readonly SingleSeriesJudge? _single;
    private readonly SuspectPool _suspects;
    private readonly SpikeWatch _jobSpikes = new();
    private readonly FabricMonitor _fabric;
    private readonly PresenceMonitor _presence;
    private readonly StageBalance _stages;
    private readonly CauseJudge _causes;
    private readonly DestructiveGate _gate;
    private readonly CommonSlowness _common;
    private InputWaitJudge? _input;
    private readonly double _creepMax;
    private readonly List<Verdict> _toPlace = [];
    private double _spikesInJob;
    private int _stepsToPlace;

    /// <summary>Begins with nothing learned.</summary>
    /// <param name="cohorts">What each rank is comparable within; entry i is rank i's. One rank or more.</param>
    /// <param name="options">What else is known; null for nothing.</param>
    /// <exception cref="ArgumentException">There is no rank, or a list of the options has another number of ranks.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public JobDetector(IReadOnlyList<RankCohort> cohorts, JobDetectorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(cohorts);
        _options = options ?? new JobDetectorOptions();
        ThrowIfUnusable(cohorts, _options);
        _cohorts = [.. cohorts];
        int ranks = cohorts.Count;
        _effectMin = Math.Log(1 + _options.MinimumEffect);
        _creepMax = Math.Log(1 + (CreepMaxEffects * _options.MinimumEffect));
        _scratch = new double[Math.Max(ranks, DetectionParameters.Peers.BaselineSteps)];
        _screen = ranks == 1 ? null
            : ranks >= ScreenedFromRanks ? new FleetScreen(_cohorts, _options.MinimumEffect, _scratch)
            : new SlownessDetector(cohorts, _options.MinimumEffect, _options.PriorSecondsPerUnit, includesInput: false);
        _single = ranks == 1 ? new SingleSeriesJudge(_effectMin) : null;
        _suspects = new SuspectPool(ranks);
        _fabric = new FabricMonitor(_scratch);
        _presence = new PresenceMonitor(ranks);
        _stages = new StageBalance(cohorts, _effectMin, _scratch);
        _causes = new CauseJudge(_cohorts, _options, _effectMin, _scratch);
        _common = new CommonSlowness(_effectMin);
        var budget = new FalseAlarmBudget(Math.Max(ranks, _options.FleetRanks ?? 0), _options.StepsPerSecond);
        _gate = new DestructiveGate(ranks, _options.MinimumEffect, budget.DestructiveAlpha);
    }

    /// <summary>Ranks of the membership.</summary>
    public int Ranks => _cohorts.Length;

    /// <summary>Newest step seen; −1 before the first.</summary>
    public long Step { get; private set; } = -1;

    /// <summary>Ranks that are called slow now.</summary>
    public int StragglingCount => (_screen?.StragglingCount ?? 0) + (_input?.StragglingCount ?? 0);

    /// <summary>What is known of the job, as given.</summary>
    public JobDetectorOptions Options => _options;

    /// <summary>Suspects that could not be watched because as many others were.</summary>
    public long SuspectsUnwatched => _suspects.Refused;

    /// <summary>What a rank is comparable within.</summary>
    /// <exception cref="IndexOutOfRangeException">The rank is out of range.</exception>
    public RankCohort CohortOf(Rank rank) => _cohorts[rank.Value];

    /// <summary>Where a rank sits.</summary>
    /// <exception cref="IndexOutOfRangeException">The rank is out of range.</exception>
    public Culprit CulpritOf(Rank rank) => Culprit.At(rank, _options.Topology, _cohorts[rank.Value].Stage, _options.Nodes?[rank.Value]);

    /// <summary>A rank as it stands after the last frame. Allocates nothing.</summary>
    /// <exception cref="IndexOutOfRangeException">The rank is out of range.</exception>
    public RankStanding StateOf(Rank rank) => _single?.State ?? _screen!.StateOf(rank);

    /// <summary>Whether the evidence against a rank is beyond what luck gives at the fleet's rate, so that taking it out may be considered
    /// at all.</summary>
    /// <remarks>A standing verdict, the gate, and a cause that goes away with the device: compute, host, throttling. A rank without a step
    /// at which it became slow must also lie beyond what the chips of its fleet spread over (4.5 σ): the slowest of many healthy chips is
    /// no fault.</remarks>
    /// <exception cref="IndexOutOfRangeException">The rank is out of range.</exception>
    public bool IsBeyondDoubt(Rank rank) =>
        _screen?.IsFlagged(rank.Value) == true && _causes.IsBeyondSpread(rank.Value)
        && _causes.IsOfTheDevice(rank.Value) && _gate.IsOpen(rank);

    /// <summary>What <see cref="IsBeyondDoubt"/> rests on, or what it lacks, in words with the numbers.</summary>
    /// <exception cref="IndexOutOfRangeException">The rank is out of range.</exception>
    public string DescribeDoubt(Rank rank) =>
        _screen?.IsFlagged(rank.Value) != true ? "no verdict stands against it"
        : !_causes.IsBeyondSpread(rank.Value) ? "it was slow from its first step and lies within what healthy chips of its class spread over"
        : !_causes.IsOfTheDevice(rank.Value) ? "what makes it slow would not leave with the device"
        : _gate.Describe(rank);

    /// <summary>Takes what a rank's device says of itself, which helps to say why the rank is slow. To be called with every reading, and with
    /// an empty one where there was none: what is old is forgotten.</summary>
    /// <exception cref="IndexOutOfRangeException">The rank is out of range.</exception>
    public void NoteDevice(Rank rank, in DeviceReading reading) => _causes.NoteDevice(rank.Value, in reading);

    /// <summary>Goes on with a verdict that another detector raised on the same membership, and did not clear before it was gone. To be called before
    /// the first step.</summary>
    /// <remarks>Nothing is said of it until it ends: once the rank is as fast as its peers again, or, where it has too few, once its time per unit has
    /// dropped by about the slowdown that the verdict names since this detector saw its first steps.</remarks>
    /// <param name="verdict">Accuses a rank of this job.</param>
    /// <exception cref="ArgumentException">It accuses no rank of this job, or of no slowdown.</exception>
    /// <exception cref="InvalidOperationException">A step was taken already.</exception>
    public void TakeOver(Verdict verdict)
    {
        ArgumentNullException.ThrowIfNull(verdict);
        if (!CanTakeOver(verdict))
        {
            throw new ArgumentException("A verdict is taken over that accuses a rank of this job of a slowdown above 1.", nameof(verdict));
        }

        if (Step >= 0)
        {
            throw new InvalidOperationException("A verdict is taken over before the first step.");
        }

        if (verdict.Cause == Cause.Input && Ranks < ScreenedFromRanks)
        {
            (_input ??= new InputWaitJudge(_cohorts, _options.MinimumEffect)).TakeOver(verdict);
        }
        else
        {
            _screen!.TakeOver(verdict);
        }

        _causes.TakeOver(verdict);
        _toPlace.Add(verdict);
    }

    /// <summary>Whether <see cref="TakeOver"/> takes such a verdict at all.</summary>
    public bool CanTakeOver(Verdict verdict) => verdict is { AccusesRank: true, Rank: { } rank, Slowdown: > 1 }
        && rank.Value >= 0 && rank.Value < Ranks && _screen is not null && double.IsFinite(verdict.Slowdown);

    /// <summary>Takes the next step. Allocates nothing while the sink has room, but for the first step that reports a wait for
    /// input.</summary>
    /// <param name="frame">The step: of as many ranks, and later than the one before.</param>
    /// <param name="lag">Its lag.</param>
    /// <param name="lagNs">Per rank the lag, ns (<see cref="LagCalculator.LagNs"/>).</param>
    /// <param name="sink">Events are appended here.</param>
    /// <exception cref="ArgumentException">The frame or the lags are of another number of ranks, or the frame is not later than the one
    /// before.</exception>
    public void Update(StepFrame frame, in LagSample lag, ReadOnlySpan<long> lagNs, DetectionEvents sink)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentNullException.ThrowIfNull(sink);
        if (frame.Ranks != Ranks || lagNs.Length != Ranks)
        {
            throw new ArgumentException($"The frame has {frame.Ranks} ranks and {lagNs.Length} lags, the detector {Ranks}.", nameof(frame));
        }

        if (frame.Step <= Step)
        {
            throw new ArgumentException($"Step {frame.Step} came after step {Step}.", nameof(frame));
        }

        Step = frame.Step;
        if (_screen is null)
        {
            _single!.Update(frame, sink);
            return;
        }

        int first = sink.Count;
        _screen.Update(frame, sink);
        UpdateInput(frame, sink);
        _causes.Observe(frame, _screen, in lag, lagNs);
        Explain(first, sink);
        PlaceTakenOver();
        WatchRanks(sink);
        if (frame.IsComplete && lag.TransferNs > 0)
        {
            _fabric.Add(lag.TransferNs, Step, IsAnyRankToBlame(), Ranks, sink);
        }

        _presence.Add(frame.Present, Step, sink);
        if (_stages.IsUseful)
        {
            _stages.Add(_screen, Step, sink);
        }
    }

    private static void ThrowIfUnusable(IReadOnlyList<RankCohort> cohorts, JobDetectorOptions options)
    {
        if (cohorts.Count == 0)
        {
            throw new ArgumentException("A job has one rank at least.", nameof(cohorts));
        }

        if (!(options.MinimumEffect > 0 && options.MinimumEffect <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.MinimumEffect, "The minimum effect is above 0 and at most 1.");
        }

        if (options.Topology is { } topology && topology.WorldSize != cohorts.Count)
        {
            throw new ArgumentException($"The layout has {topology.WorldSize} ranks, the job {cohorts.Count}.", nameof(options));
        }

        if (options.Nodes is { } nodes && nodes.Count != cohorts.Count)
        {
            throw new ArgumentException($"{nodes.Count} nodes are named for {cohorts.Count} ranks.", nameof(options));
        }

        if (options.PriorSecondsPerUnit is { } priors && priors.Values.Any(seconds => !(seconds > 0 && double.IsFinite(seconds))))
        {
            throw new ArgumentOutOfRangeException(nameof(options), "A prior time per unit is above 0.");
        }
    }

    private void UpdateInput(StepFrame frame, DetectionEvents sink)
    {
        if (_input is null)
        {
            if (Ranks >= ScreenedFromRanks || frame.DataWaitNs.IndexOfAnyExcept(0L) < 0)
            {
                return;
            }

            _input = new InputWaitJudge(_cohorts, _options.MinimumEffect);
        }

        _input.Update(frame, _screen!, sink);
    }

    // What the detectors below found out by numbers gets its cause here, where everything else about the rank is known.
    private void Explain(int first, DetectionEvents sink)
    {
        for (int i = first; i < sink.Count; i++)
        {
            DetectionEvent found = sink[i];
            switch (found.Kind)
            {
                case DetectionEventKind.StragglerConfirmed:
                    sink.Replace(i, _causes.Explain(in found, _screen!));
                    _causes.Place(in found, _screen!);
                    if (found.Residual >= _creepMax)
                    {
                        _suspects.On(found.Rank!.Value.Value)?.Restart();
                    }

                    break;
                case DetectionEventKind.StragglerRecovered:
                    _suspects.On(found.Rank!.Value.Value)?.Restart();
                    _gate.Reset(found.Rank.Value);
                    break;
                case DetectionEventKind.CommonShiftDetected:
                    RestartWatches();
                    _common.Follow(in found, sink);
                    break;
            }
        }
    }

    // Once the histories are learned that a rank of another detector's verdict is to be held against.
    private void PlaceTakenOver()
    {
        if (_toPlace.Count == 0 || ++_stepsToPlace < DetectionParameters.Peers.WarmUpSteps)
        {
            return;
        }

        foreach (Verdict verdict in _toPlace)
        {
            _causes.Place(new DetectionEvent { Rank = verdict.Rank, Verdict = verdict.Kind, Residual = Math.Log(verdict.Slowdown) }, _screen!);
        }

        _toPlace.Clear();
    }

    private void RestartWatches()
    {
        _jobSpikes.Restart();
        for (int rank = 0; rank < Ranks; rank++)
        {
            if (_suspects.On(rank) is { Creep.IsCreeping: false } watch)
            {
                watch.Creep.Restart();
            }
        }
    }

    private void WatchRanks(DetectionEvents sink)
    {
        double spikes = 0;
        double sigmas = 0;
        int watched = 0;
        double common = CommonDrift();
        for (int rank = 0; rank < Ranks; rank++)
        {
            if (!_screen!.IsKnown(rank))
            {
                continue;
            }

            double residual = _screen.ResidualOf(rank);
            bool isFlagged = _screen.IsFlagged(rank);
            // At the edge of the minimum effect a verdict may come before the creep is certain, and end before it: the creep is told too.
            bool isBeyondCreep = isFlagged && _screen.RecentResidualOf(rank) >= _creepMax;
            SuspectWatch? watch = isBeyondCreep || !_screen.IsLearned(rank) ? null : Watch(rank);
            if (isFlagged || watch is not null)
            {
                // Begun late, a sum is only smaller than it could be: the rate of false openings stands.
                _gate.Observe(new Rank(rank), _causes.Unexplained(rank, residual));
            }

            if (watch is null)
            {
                continue;
            }

            // Against its own history a rank's residual follows the rank; what it drifts from is its level at the start.
            bool isAgainstPeers = _screen.IsAgainstPeers(rank);
            double drift = isAgainstPeers ? residual : _screen.LevelOf(rank) - (watch.Creep.HasReference ? common : 0);
            double sigma = _screen.SigmaOf(rank);
            if (watch.Creep.Add(drift, _screen.LevelOf(rank), sigma, Step, out DetectionEvent creep))
            {
                sink.Add(creep with
                {
                    Rank = new Rank(rank),
                    Mode = isAgainstPeers ? DetectionMode.Peers : DetectionMode.OwnHistory,
                    RanksCompared = Ranks - 1,
                });
            }

            double others = (_spikesInJob - watch.Spikes.RecentSpikes) / (Ranks - 1);
            if (watch.Spikes.Add(residual - _screen.CenterOf(rank), sigma, others, Step, out DetectionEvent spike))
            {
                sink.Add(spike with { Rank = new Rank(rank), RanksCompared = Ranks - 1 });
            }

            spikes += watch.Spikes.RecentSpikes;
            sigmas += sigma;
            watched++;
        }

        _spikesInJob = spikes;

        // A rhythm that all keep is a finding about the job; that all have slow steps at random is its noise.
        if (watched > 0 && _jobSpikes.Add(common, sigmas / watched, double.PositiveInfinity, Step, out DetectionEvent stall))
        {
            sink.Add(stall with { Mode = DetectionMode.OwnHistory, RanksCompared = watched });
        }
    }

    private SuspectWatch? Watch(int rank)
    {
        bool wasWatched = _suspects.On(rank) is not null;
        SuspectWatch? watch = _suspects.Follow(rank, _screen!.IsSuspicious(rank));
        if (!wasWatched && watch is not null && _screen.TryGetReference(rank, out double residual, out double level))
        {
            watch.Creep.RestartFrom(residual, level, _screen.SigmaOf(rank));
        }

        return watch;
    }

    // Lower median of how far the watched ranks are from where they were: with two, the lesser of the changes.
    private double CommonDrift()
    {
        int count = 0;
        for (int rank = 0; rank < Ranks && Ranks < ScreenedFromRanks; rank++)
        {
            if (_screen!.IsJudged(rank) && _suspects.On(rank) is { Creep.HasReference: true } watch)
            {
                _scratch[count++] = _screen.LevelOf(rank) - watch.Creep.ReferenceLevel;
            }
        }

        return count > 0 ? OrderStatistics.LowerMedian(_scratch.AsSpan(0, count)) : 0;
    }

    private bool IsAnyRankToBlame()
    {
        bool isAny = StragglingCount > 0;
        for (int rank = 0; rank < Ranks && !isAny; rank++)
        {
            isAny = _screen!.IsSuspicious(rank);
        }

        return isAny;
    }
}
