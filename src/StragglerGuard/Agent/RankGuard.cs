using System.Numerics;
using StragglerGuard.Collectives;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Probes;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Recording;

namespace StragglerGuard.Agent;

/// <summary>
/// The guard of one rank, called by its training loop: <see cref="BeginStep"/> says which micro-batches to compute,
/// <see cref="Vote"/> is the step's first collective and gives the weight to divide by.
/// </summary>
/// <remarks>
/// Used by one thread. Writes one record a step into the rank's ring and reads the plan from its control page; it never waits for
/// agent or guardian, and goes on with its last plan when both are gone (DESIGN §2.3, §4). The ballot itself is a collective of the
/// job: it fails as the job's other collectives do.
/// </remarks>
public sealed class RankGuard : IDisposable
{
    /// <summary>Steps between two measurements of the exit skew.</summary>
    private const long SkewProbePeriodSteps = 512;

    /// <summary>Barrier pairs in one measurement.</summary>
    internal const int SkewProbeBarriers = 5;

    private readonly NodeAgent _agent;
    private readonly Communicator _communicator;
    private readonly StepRecorder _recorder;
    private readonly ControlPage _control;
    private readonly PlanVoter _voter;
    private readonly double[] _ballot = new double[Ballot.Length];
    private readonly long[] _epochs;
    private readonly byte[] _offerBytes;
    private readonly MembershipWatch _next;
    private readonly long _firstStep;
    private long _nextStep;
    private long _nextProbe;
    private PlanEpoch _newestSeen;
    private long _splitVotes;
    private long _refusedOffers;
    private MicroBatchRange _current;
    private DeviceStepClock? _deviceClock;
    private GroupFailure? _failure;
    private RankTrial? _trial;
    private bool _isDone;
    private bool _disposed;

    internal RankGuard(
        NodeAgent agent, RankEnrollment enrollment, Communicator communicator, StepRing ring, JobPlan plan, long firstStep)
    {
        _agent = agent;
        Enrollment = enrollment;
        _communicator = communicator;
        Ring = ring;
        _recorder = new StepRecorder(ring.CreateWriter(), enrollment.Generation, enrollment.Rank);
        _control = ring.Control;
        _offerBytes = new byte[_control.Capacity];
        _epochs = new long[enrollment.WorldSize];
        _voter = new PlanVoter(plan);
        _newestSeen = plan.Epoch;
        _firstStep = firstStep;
        _nextStep = firstStep;
        _next = new MembershipWatch(later => later.Slots == plan.Slots && later.Generation.Value > enrollment.Generation.Value);
    }

    /// <summary>Who this is.</summary>
    public RankEnrollment Enrollment { get; }

    /// <summary>The plan in force for the step that runs, or that begins next.</summary>
    public JobPlan Plan => _voter.InForce;

    /// <summary>
    /// Whether the plan in force is for the next generation: the rank leaves the group before the next step, and if the plan has a share for
    /// its slot it joins that generation. Every rank learns it from the same vote.
    /// </summary>
    public bool MustRegroup => Plan.Generation != Enrollment.Generation;

    /// <summary>
    /// Whether the plan in force asks for a trial: before the next step the rank computes a micro-batch that does not count, at once after the
    /// last step, when all others do, and says with <see cref="Tried"/> how long it took.
    /// </summary>
    public bool MustTry => Plan.IsTrial && !MustRegroup && _trial?.Epoch != Plan.Epoch;

    /// <summary>The step that begins next.</summary>
    public long NextStep => _nextStep;

    /// <summary>Ballots without agreement so far: a plan was on its way and had not reached all ranks.</summary>
    public long SplitVotes => Interlocked.Read(ref _splitVotes);

    /// <summary>Offers whose bytes were malformed, too long, or made for another shape of job; the plan in force stayed.</summary>
    public long RefusedOffers => Interlocked.Read(ref _refusedOffers);

    /// <summary>
    /// Steps that left no record under <see cref="TimeOn"/>: the device was more than seven behind, or had forgotten their marks, or there were
    /// more than 31 waits for data in one.
    /// </summary>
    public long StepsWithoutTime => _deviceClock?.GivenUp ?? 0;

    internal StepRing Ring { get; }

    /// <summary>Why the group can't go on; null while it can.</summary>
    internal GroupFailure? Failure => Volatile.Read(ref _failure);

    /// <summary>
    /// Takes the time of the rank's own work from the device's clock, for a loop that calls <see cref="Vote"/> while the device still computes. To be
    /// called before the first step.
    /// </summary>
    /// <remarks>
    /// The work is marked in the device's stream (<see cref="IComputeDevice.RecordEvent"/>) where the step begins, around waits for data and at
    /// the vote. The marks are asked for as the next steps begin and end, and never waited for; the step's record goes out when they have
    /// passed. What is in no such stretch, as the gradients' reduction, is not counted. Arrival at the ballot stays the host's, and so does
    /// the deadline of <see cref="StepReducer{T}.GoOn"/>. On a device that tells no time (OpenCL) nothing changes: wait for it before the vote.
    /// </remarks>
    /// <param name="device">What the rank computes on, used by the rank's thread as all of it; it is not disposed before the guard.</param>
    /// <exception cref="InvalidOperationException">A step has begun, or it was called before.</exception>
    public void TimeOn(IComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_nextStep != _firstStep || _deviceClock is not null)
        {
            throw new InvalidOperationException("a rank's clock is chosen once, before its first step");
        }

        _deviceClock = new DeviceStepClock(device);
    }

    /// <summary>
    /// Begins the next step: copies a plan that has come since, and says what to compute. On the first step, and now and then,
    /// all ranks measure the exit skew here (two barriers, back to back).
    /// </summary>
    /// <exception cref="InvalidOperationException">The generation is over: <see cref="MustRegroup"/>.</exception>
    public MicroBatchRange BeginStep()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (MustRegroup)
        {
            throw new InvalidOperationException($"{Enrollment.Generation} ended before step {_nextStep}: {Plan} is for the next");
        }

        WriteTimed();
        long step = _nextStep++;
        if (step == _firstStep || step % SkewProbePeriodSteps == 0)
        {
            MeasureExitSkew();
        }

        CopyOffer();
        JobPlan plan = _voter.InForce;
        var number = new Rank(plan.NumberOf(Enrollment.Slot));
        _current = new MicroBatchRange(step, plan.Deal.First(number), plan.Deal.Count(number));
        _recorder.BeginStep(step, plan.Epoch);
        _deviceClock?.Begin();
        return _current;
    }

    /// <summary>The loop begins to wait for input; such time is not the rank's own work.</summary>
    public void BeginDataWait()
    {
        _recorder.BeginDataWait();
        _deviceClock?.Pause();
    }

    /// <summary>The input is there.</summary>
    public void EndDataWait()
    {
        _recorder.EndDataWait();
        _deviceClock?.Resume();
    }

    /// <summary>
    /// The step's first collective: tells the total weight, and whether all ranks hold the newest plan, which then is in force
    /// from the next step on. Call it when the rank's own work is done, before the gradients are reduced.
    /// </summary>
    /// <remarks>
    /// The work is timed up to here by the host's clock: what a device has been given and has not done yet is not in it. Wait for the device first
    /// (a download does), or let it tell the time itself: <see cref="TimeOn"/>.
    /// </remarks>
    /// <param name="weight">The denominator of this rank's loss: samples or tokens; 0 where it had no work.</param>
    /// <param name="workloadFeature">What makes the work of one step larger than another's; 0 where nothing does.</param>
    /// <returns>Σ weight over all ranks: divide the sum of the gradients by it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The weight is negative or not finite. Nobody was told: the call may be repeated.</exception>
    public double Vote(double weight, double workloadFeature = 0)
    {
        BeginBallot(_ballot, weight);
        EndOwnWork();
        CollectiveTiming timing = _communicator.AllReduce(_ballot.AsSpan());
        return Conclude(_ballot, timing, _current.Count, weight, workloadFeature);
    }

    /// <summary>Reduces everything of a step in one go, for training loops that can stop early.</summary>
    /// <param name="gradients">What every step reduces; equal length on all ranks, on the communicator's device.</param>
    /// <param name="sums">Further numbers that are summed over the ranks in every step, for example the loss: 0 or more.</param>
    /// <exception cref="InvalidOperationException">A replica of this job is several ranks: what one of them leaves out the others would have to.</exception>
    public StepReducer<T> Reducer<T>(DeviceSlice<T> gradients, int sums)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sums);
        return Enrollment.WorldSize == Plan.Members
            ? new StepReducer<T>(this, _communicator, gradients, sums)
            : throw new InvalidOperationException($"{Enrollment.WorldSize} ranks are {Plan.Members} replicas: use Vote");
    }

    /// <summary>The work of the step that runs.</summary>
    internal MicroBatchRange Current => _current;

    /// <summary>How long the rank had been at this step's own work, its waits for data left out, ns.</summary>
    /// <param name="nowNs">On <see cref="MonotonicClock"/>.</param>
    internal long OwnNs(long nowNs) => _recorder.OwnNs(nowNs);

    /// <summary>What the rank launched in this step is all of it.</summary>
    internal void EndOwnWork() => _deviceClock?.End();

    /// <summary>Fixes this rank's vote and writes it.</summary>
    internal void BeginBallot(Span<double> ballot, double weight)
    {
        // Refuses a weight that is none before the vote has begun.
        WriteBallot(ballot, weight);
        _voter.BeginVote();
    }

    /// <summary>Writes the vote that was fixed, with another weight.</summary>
    internal void WriteBallot(Span<double> ballot, double weight) => Ballot.Write(ballot, weight, _voter.Held.Epoch);

    /// <summary>Records the step and draws the conclusion from the sums of its vote.</summary>
    /// <param name="sums">The sums, the ballot's first.</param>
    /// <param name="timing">The ballot.</param>
    /// <param name="workUnits">Micro-batches done.</param>
    /// <param name="weight">What entered the reduction.</param>
    /// <param name="workloadFeature">As for <see cref="Vote"/>.</param>
    /// <param name="ownNs">The rank's own work where it did not end as the ballot began, ns; else null.</param>
    /// <returns>Σ weight.</returns>
    internal double Conclude(
        ReadOnlySpan<double> sums, CollectiveTiming timing, int workUnits, double weight, double workloadFeature, long? ownNs = null)
    {
        if (ownNs is { } measured)
        {
            _recorder.AddCompute(measured);
        }

        _recorder.Collective(timing.EnterNs, timing.ExitNs);
        if (_deviceClock is null)
        {
            _recorder.EndStep(workUnits, weight, workloadFeature);
        }
        else if (_recorder.TryEndStep(workUnits, weight, workloadFeature, out StepTiming record))
        {
            _deviceClock.Hold(record);
            WriteTimed();
        }

        BallotOutcome outcome = Ballot.Read(sums, Enrollment.WorldSize);
        if (outcome.Status == BallotStatus.Invalid)
        {
            throw new InvalidOperationException($"the ballot of step {_current.Step} can't be read: {outcome.Reason}");
        }

        VoteResult result = _voter.ApplyOutcome(outcome);
        if (result.Kind is VoteKind.Split or VoteKind.ResolveInBand)
        {
            Interlocked.Increment(ref _splitVotes);
        }

        if (result.Kind == VoteKind.ResolveInBand)
        {
            ResolveInBand();
        }

        return outcome.TotalWeight;
    }

    /// <summary>The last trial; null before the first.</summary>
    internal RankTrial? Trial => Volatile.Read(ref _trial);

    /// <summary>Tells the guardian what the micro-batch took that <see cref="MustTry"/> had asked for.</summary>
    /// <param name="secondsPerUnit">s, finite, above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public void Tried(double secondsPerUnit)
    {
        if (!(secondsPerUnit > 0 && double.IsFinite(secondsPerUnit)))
        {
            throw new ArgumentOutOfRangeException(nameof(secondsPerUnit), secondsPerUnit, "A finite number above 0.");
        }

        Volatile.Write(ref _trial, new RankTrial(Plan.Epoch, secondsPerUnit));
        _agent.Hurry();
    }

    /// <summary>Tells the guardian that the group can't go on, at once.</summary>
    /// <param name="failure">What ended it.</param>
    public void Report(CollectiveException failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        Volatile.Write(ref _failure, new GroupFailure([.. failure.Ranks], failure.Message));
        _agent.Hurry();
    }

    /// <summary>
    /// Waits for the guardian's plan for a later generation: what a rank does whose group failed, and that would go on without the culprit.
    /// </summary>
    /// <param name="within">How long.</param>
    /// <param name="cancelled">Ends the wait.</param>
    /// <returns>The plan, with or without a share for this rank's slot; null where none came in time.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public JobPlan? AwaitNextGeneration(TimeSpan within, CancellationToken cancelled) => _next.Wait(within, cancelled);

    /// <summary>
    /// Says that the job is trained to its end: whatever plan is in force by now, the rank leaves for good, and the guardian waits for no other
    /// generation.
    /// </summary>
    public void Complete() => _isDone = true;

    /// <summary>Whether the rank leaves to be in another generation, or to stand by for one: it was told to, or its group failed.</summary>
    internal bool Regroups => !_isDone && (MustRegroup || Failure is not null);

    /// <summary>Leaves the job: the agent sends what is still unread. Does not touch the communicator.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            try
            {
                WriteTimed();
            }
            catch (Exception)
            {
                // The device is gone or has failed, and whoever used it knows: its last steps have no time.
            }

            _agent.Leave(this);
        }
    }

    /// <summary>Writes the records whose time the device has told since.</summary>
    private void WriteTimed()
    {
        while (_deviceClock is not null && _deviceClock.TryTake(out StepTiming timed))
        {
            _recorder.Write(timed);
        }
    }

    /// <summary>Called by the agent for every plan of the job.</summary>
    internal void Hear(JobPlan plan) => _next.Hear(plan);

    /// <summary>Called by the agent when a plan came down for this rank's generation.</summary>
    internal void Deliver(ReadOnlySpan<byte> plan, PlanEpoch epoch)
    {
        if (!_control.TryPublish(epoch, plan))
        {
            Interlocked.Increment(ref _refusedOffers);
        }
    }

    private void CopyOffer()
    {
        if (_control.TryRead(_newestSeen, _offerBytes, out PlanEpoch epoch, out int length) != ControlRead.Copied)
        {
            return;
        }

        _newestSeen = epoch;
        bool copied = JobPlan.TryRead(_offerBytes.AsSpan(0, length), out JobPlan? plan, out _)
            && _voter.Offer(plan) is not (OfferResult.WrongShape or OfferResult.Ambiguous);
        if (!copied)
        {
            Interlocked.Increment(ref _refusedOffers);
        }
    }

    /// <summary>
    /// The way out when votes stay split, because an agent is dead: the ranks tell each other which epochs they hold, and the lowest
    /// rank that holds the newest hands it round. Every rank gets here in the same step, since every rank saw the same sums.
    /// </summary>
    private void ResolveInBand()
    {
        _communicator.AllGather(_voter.Held.Epoch.Value, _epochs);
        Rank holder = PlanVoter.LowestHolder(_epochs);

        // The plans of a job have one length, so nobody has to be told it.
        Span<byte> bytes = _offerBytes.AsSpan(0, _voter.InForce.EncodedLength);
        if (holder == Enrollment.Rank)
        {
            _voter.Held.Write(bytes);
        }

        _communicator.Broadcast(bytes, holder);
        if (!JobPlan.TryRead(bytes, out JobPlan? plan, out string reason))
        {
            throw new InvalidOperationException($"the plan that {holder} handed round is malformed: {reason}");
        }

        _voter.AdoptInBand(plan);
    }

    private void MeasureExitSkew()
    {
        for (int i = 0; i < SkewProbeBarriers; i++)
        {
            CollectiveTiming second = BarrierSkewProbe.Measure(_communicator);
            _recorder.RecordSkewProbe(_nextProbe++, _voter.InForce.Epoch, second.EnterNs, second.ExitNs);
        }
    }
}
