using StragglerGuard.Collectives;
using StragglerGuard.Core;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Recording;

/// <summary>
/// The rank's stopwatch: a training loop calls it at the seams of a step, and at the step's end one record goes into the ring.
/// Never blocks, never throws, allocates nothing. For the rank's own thread.
/// </summary>
/// <remarks>
/// <para>
/// The order of a step: <see cref="BeginStep"/>; any number of <see cref="BeginDataWait"/> … <see cref="EndDataWait"/>;
/// <see cref="Arrive"/> and <see cref="Depart"/> around the first collective of the step, or <see cref="Collective"/> with times that the
/// collective itself took; <see cref="EndStep"/>. That is five clock reads with one wait for data, three without waits, one with
/// <see cref="Collective"/>. A step whose calls come in another order leaves no record and counts as <see cref="Discarded"/>: a wrong
/// time is worse than none.
/// </para>
/// <para>computeNs = arrival − start − waits for data in between, unless <see cref="AddCompute"/> gave what the runner measured itself.</para>
/// </remarks>
public sealed class StepRecorder
{
    private readonly StepRingWriter _writer;
    private readonly Generation _generation;
    private readonly Rank _rank;

    private Phase _phase;
    private bool _waiting;
    private bool _hasOwnCompute;
    private long _step;
    private PlanEpoch _epoch;
    private long _startNs;
    private long _waitStartNs;
    private long _dataWaitNs;
    private long _dataWaitBeforeArrivalNs;
    private long _arrivalNs;
    private long _departureNs;
    private long _ownComputeNs;

    /// <summary>Makes the stopwatch of one rank.</summary>
    /// <param name="writer">The rank's end of its ring.</param>
    /// <param name="generation">The membership that the rank belongs to.</param>
    /// <param name="rank">The rank.</param>
    public StepRecorder(StepRingWriter writer, Generation generation, Rank rank)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentOutOfRangeException.ThrowIfNegative(rank.Value, nameof(rank));
        ArgumentOutOfRangeException.ThrowIfNegative(generation.Value, nameof(generation));
        _writer = writer;
        _generation = generation;
        _rank = rank;
    }

    private enum Phase : byte
    {
        Idle,
        Computing,
        InCollective,
        Done,
        OutOfOrder,
    }

    /// <summary>Steps that left no record, because a call was missing or came in the wrong place.</summary>
    public long Discarded { get; private set; }

    /// <summary>Starts the step's clock. A step that was left open is discarded.</summary>
    /// <param name="step">The step, 0-based, rising within the generation.</param>
    /// <param name="epoch">The plan in force for this step.</param>
    public void BeginStep(long step, PlanEpoch epoch) => BeginStepAt(step, epoch, MonotonicClock.NowNs());

    /// <summary>From here on the rank waits for input.</summary>
    public void BeginDataWait() => BeginDataWaitAt(MonotonicClock.NowNs());

    /// <summary>The input is there. Several waits of one step add up.</summary>
    public void EndDataWait() => EndDataWaitAt(MonotonicClock.NowNs());

    /// <summary>Adds own work that the runner timed itself, for example by device events; from the first call in a step on, the step's compute is the sum of these.</summary>
    /// <param name="computeNs">ns, 0 or more, without waits.</param>
    public void AddCompute(long computeNs)
    {
        _hasOwnCompute = true;
        _ownComputeNs += computeNs;
    }

    /// <summary>The rank is about to enter the first collective of the step. Ends an open wait for data.</summary>
    public void Arrive() => ArriveAt(MonotonicClock.NowNs());

    /// <summary>The rank has left the first collective of the step.</summary>
    public void Depart() => DepartAt(MonotonicClock.NowNs());

    /// <summary>Both at once, for a collective that timed itself: spares two clock reads.</summary>
    /// <param name="arrivalNs">When the rank entered, ns on <see cref="MonotonicClock"/>.</param>
    /// <param name="departureNs">When it left, ns on <see cref="MonotonicClock"/>.</param>
    public void Collective(long arrivalNs, long departureNs)
    {
        ArriveAt(arrivalNs);
        DepartAt(departureNs);
    }

    /// <summary>Writes the step's record.</summary>
    /// <param name="workUnits">Micro-batches computed, 0 or more.</param>
    /// <param name="weight">The denominator of this rank's loss (samples or tokens).</param>
    /// <param name="workloadFeature">What makes one step's work larger than another's (tokens, or Σ length²); 0: none given.</param>
    public void EndStep(int workUnits, double weight, double workloadFeature = 0)
    {
        if (TryEndStep(workUnits, weight, workloadFeature, out StepTiming timing))
        {
            _writer.Write(timing);
        }
    }

    /// <summary>As <see cref="EndStep"/>, for a record whose compute is not known yet: it is written later, with <see cref="Write"/>.</summary>
    /// <returns>Whether the step leaves one.</returns>
    internal bool TryEndStep(int workUnits, double weight, double workloadFeature, out StepTiming timing)
    {
        timing = default;
        if (_phase != Phase.Done || _waiting)
        {
            Discarded++;
            _phase = Phase.Idle;
            return false;
        }

        _phase = Phase.Idle;
        timing = new StepTiming
        {
            Generation = _generation,
            Step = _step,
            Rank = _rank,
            Kind = TimingKind.Step,
            StartNs = _startNs,
            ComputeNs = _hasOwnCompute ? _ownComputeNs : _arrivalNs - _startNs - _dataWaitBeforeArrivalNs,
            DataWaitNs = _dataWaitNs,
            ArrivalNs = _arrivalNs,
            DepartureNs = _departureNs,
            WorkUnits = workUnits,
            Weight = weight,
            WorkloadFeature = workloadFeature,
            Epoch = _epoch,
        };
        return true;
    }

    /// <summary>Writes a record that <see cref="TryEndStep"/> gave.</summary>
    internal void Write(in StepTiming timing) => _writer.Write(timing);

    /// <summary>Writes the record of a skew probe: this rank's second of two back-to-back barriers. Belongs between two steps.</summary>
    /// <param name="step">A number that all ranks give to the same probe, for example the step that follows.</param>
    /// <param name="epoch">The plan in force.</param>
    /// <param name="arrivalNs">When the rank entered the second barrier, ns on <see cref="MonotonicClock"/>.</param>
    /// <param name="departureNs">When it left, ns on <see cref="MonotonicClock"/>.</param>
    public void RecordSkewProbe(long step, PlanEpoch epoch, long arrivalNs, long departureNs) =>
        _writer.Write(new StepTiming
        {
            Generation = _generation,
            Step = step,
            Rank = _rank,
            Kind = TimingKind.SkewProbe,
            StartNs = arrivalNs,
            ArrivalNs = arrivalNs,
            DepartureNs = departureNs,
            Epoch = epoch,
        });

    /// <summary>How long the step has been at its own work, waits for data left out, ns.</summary>
    internal long OwnNs(long nowNs) => nowNs - _startNs - _dataWaitNs;

    internal void BeginStepAt(long step, PlanEpoch epoch, long nowNs)
    {
        if (_phase != Phase.Idle)
        {
            Discarded++;
        }

        _phase = Phase.Computing;
        _waiting = false;
        _hasOwnCompute = false;
        _step = step;
        _epoch = epoch;
        _startNs = nowNs;
        _dataWaitNs = 0;
        _dataWaitBeforeArrivalNs = 0;
        _ownComputeNs = 0;
    }

    internal void BeginDataWaitAt(long nowNs)
    {
        if (_phase is not (Phase.Computing or Phase.Done) || _waiting)
        {
            MarkOutOfOrder();
            return;
        }

        _waiting = true;
        _waitStartNs = nowNs;
    }

    internal void EndDataWaitAt(long nowNs)
    {
        if (!_waiting)
        {
            MarkOutOfOrder();
            return;
        }

        _waiting = false;
        _dataWaitNs += nowNs - _waitStartNs;
    }

    internal void ArriveAt(long nowNs)
    {
        if (_phase != Phase.Computing)
        {
            MarkOutOfOrder();
            return;
        }

        if (_waiting)
        {
            EndDataWaitAt(nowNs);
        }

        // Waits after this point (a loader that prefetches for the next step) are no part of the time before arrival.
        _dataWaitBeforeArrivalNs = _dataWaitNs;
        _phase = Phase.InCollective;
        _arrivalNs = nowNs;
    }

    internal void DepartAt(long nowNs)
    {
        if (_phase != Phase.InCollective)
        {
            MarkOutOfOrder();
            return;
        }

        _phase = Phase.Done;
        _departureNs = nowNs;
    }

    private void MarkOutOfOrder()
    {
        // Between two steps there is no record to spoil.
        if (_phase != Phase.Idle)
        {
            _phase = Phase.OutOfOrder;
        }
    }
}
