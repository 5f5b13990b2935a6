using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.ExceptionServices;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Operations;

/// <summary>
/// Backup workers: a step's reduction of ballot and gradients that waits for all ranks but b. Whoever is late is entered for, with
/// nothing; gets the same sums; and gives its own work up.
/// </summary>
/// <remarks>
/// <para>J. Chen, X. Pan, R. Monga, S. Bengio, R. Jozefowicz, "Revisiting Distributed Synchronous SGD", arXiv:1604.00981 (2016).</para>
/// <para>A step: <see cref="BeginStep"/>; compute, and between micro-batches look at <see cref="HasClosed"/>, which says to give up;
/// <see cref="Finish"/> in either case. Rank 0, late or not, closes the step as soon as P − b ranks have come to <c>Finish</c>;
/// whoever has come by the time at which it counts is in, also beyond P − b. All ranks then do the same two all-reduces in the same
/// order: a rank that is in on its own thread, for any other its communication thread, with zeros for gradients and the ballot
/// that <c>BeginStep</c> was given. A rank that comes between the cut-off and hearing of it is late as well. Nothing of a late rank
/// enters this step or a later one. Who was in is part of the sums, so that all ranks know the same.</para>
/// <para>A rank can miss the step that it computes and no more: the next step's reduction waits until it has come out of its
/// micro-batch, taken the update and begun the next step, at most <see cref="ITransport.StandstillMax"/>. A step is given up, with the
/// names of the late, when more than b are still missing that long after the last arrival.</para>
/// <para>Threads: all calls come from the one thread that owns the communicator, and all ranks make them in the same order.
/// Between <c>BeginStep</c> and the return of <c>Finish</c> the communicator is lent; other collectives are refused then, and free
/// between steps. A communication thread per rank waits for control words and calls collectives for a late rank only; it and the owner
/// hand the communicator over under a lock, so each sees what the other has done. It needs gradients and sums in host memory only:
/// the device stays with its own thread.</para>
/// <para>Every call throws <see cref="CollectiveException"/> once the group has ended. Nothing is allocated after the first steps; host
/// memory as large as the gradients is held.</para>
/// </remarks>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class PartialReducer<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private static readonly Rank s_root = new(0);

    private readonly object _gate = new();
    private readonly Communicator _communicator;
    private readonly ITransport _transport;
    private readonly DeviceSlice<T> _gradients;
    private readonly double[] _lateBallot;
    private readonly double[] _sums;
    private readonly HostScratch _staging = new();
    private readonly ArrivalBook? _arrivals;
    private readonly Thread _thread;
    private bool _disposed;

    // Written by the owner in BeginStep, read by the communication thread after the word that tells it of the step.
    private int _backups;
    private long _sequence;

    // Under the gate.
    private StepPhase _phase;
    private Exception? _failure;
    private bool _isAnswered;
    private CollectiveTiming _ballotTiming;
    private CollectiveTiming _gradientTiming;

    private volatile bool _hasClosed;

    // The communication thread's own.
    private long _open = -1;
    private long _closed = -1;
    private bool _isClosedWith;
    private bool _isStagingDirty;

    /// <summary>Prepares partial reductions; all ranks of the group do so together (it is a barrier), and one lives at a time.</summary>
    /// <param name="communicator">The group's; lent during steps.</param>
    /// <param name="gradients">What every step reduces; equal length on all ranks, on the communicator's device.</param>
    /// <param name="ballotLength">Entries of a ballot, equal on all ranks, 1 or more.</param>
    /// <exception cref="ArgumentException">The gradients live on another device.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="ballotLength"/> is below 1.</exception>
    /// <exception cref="InvalidOperationException">The communicator has a partial reducer already.</exception>
    /// <exception cref="CollectiveException">The group has ended.</exception>
    public PartialReducer(Communicator communicator, DeviceSlice<T> gradients, int ballotLength)
    {
        ArgumentNullException.ThrowIfNull(communicator);
        communicator.RequireOwn(gradients);
        ArgumentOutOfRangeException.ThrowIfLessThan(ballotLength, 1);
        if (communicator.HasPartialReducer)
        {
            throw new InvalidOperationException("The communicator has a partial reducer already: dispose it first.");
        }

        _communicator = communicator;
        _transport = communicator.Transport;
        _gradients = gradients;
        _lateBallot = new double[ballotLength];
        _sums = new double[ballotLength + ParticipantSums.Length(communicator.WorldSize)];

        // Nobody may speak of the first step to a rank whose former reducer still listens.
        communicator.Barrier();
        _arrivals = communicator.Rank == s_root ? new ArrivalBook(communicator.WorldSize, communicator.NextSequence) : null;
        _staging.Take<T>(gradients.Length).Clear();
        communicator.HasPartialReducer = true;
        _thread = new Thread(Communicate) { IsBackground = true, Name = $"communication thread of {communicator.Rank}" };
        _thread.Start();
    }

    /// <summary>
    /// Give up: the step was closed without this rank, or the group has ended, which <see cref="Finish"/> will say. Cheap enough to be
    /// read between any two kernels.
    /// </summary>
    public bool HasClosed => _hasClosed;

    private Span<double> Participants => _sums.AsSpan(_lateBallot.Length);

    /// <summary>Begins a step.</summary>
    /// <param name="backups">b, the same on all ranks: 0 … world size − 1; 0 waits for all.</param>
    /// <param name="lateBallot">What is entered for this rank if it is late: its ballot with weight 0.</param>
    /// <exception cref="ArgumentException">The ballot has another length than the constructor was told.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="backups"/> is out of its range.</exception>
    /// <exception cref="InvalidOperationException">The step before has not been finished.</exception>
    /// <exception cref="CollectiveException">The group has ended.</exception>
    public void BeginStep(int backups, ReadOnlySpan<double> lateBallot)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(backups);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(backups, _communicator.WorldSize);
        RequireBallot(lateBallot.Length);
        lock (_gate)
        {
            ThrowIfFailed();
            if (_phase != StepPhase.None)
            {
                throw new InvalidOperationException("The step before has not been finished.");
            }

            _phase = StepPhase.Computing;
            _hasClosed = false;
        }

        lateBallot.CopyTo(_lateBallot);
        _backups = backups;
        _sequence = _communicator.NextSequence;
        _communicator.LendTo(_thread);
        TrySignal(_transport.Rank, ReductionWordKind.Begun);
    }

    /// <summary>
    /// Ends a step: the owner's work is done, or given up because of <see cref="HasClosed"/>. Returns when gradients and ballot are the
    /// sums over the participants (of the ballot: over all ranks, the late ones with theirs from <see cref="BeginStep"/>).
    /// </summary>
    /// <param name="ballot">This rank's ballot, forgotten if it was late; the sums afterwards, the same bits on all ranks.</param>
    /// <exception cref="ArgumentException">The ballot has another length than the constructor was told.</exception>
    /// <exception cref="InvalidOperationException">No step has begun.</exception>
    /// <exception cref="CollectiveException">The group has ended.</exception>
    public PartialReduction Finish(Span<double> ballot)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        RequireBallot(ballot.Length);
        var finishNs = MonotonicClock.NowNs();
        bool arrives;
        lock (_gate)
        {
            if (_phase == StepPhase.None)
            {
                throw new InvalidOperationException("No step has begun.");
            }

            arrives = _phase == StepPhase.Computing;
            if (arrives)
            {
                _phase = StepPhase.Arrived;
            }
        }

        try
        {
            if (arrives)
            {
                TrySignal(s_root, ReductionWordKind.Arrived);
            }

            var isIn = AwaitOutcome();
            _communicator.LendTo(null);
            if (isIn)
            {
                ballot.CopyTo(_sums);
                ParticipantSums.Write(Participants, _communicator.Rank);
                var timing = _communicator.AllReduce(_sums.AsSpan());
                _ballotTiming = timing with { EnterNs = finishNs };

                // In the place of a late rank its communication thread reduces, which has no device.
                _gradientTiming = _backups == 0 ? _communicator.AllReduce(_gradients) : _communicator.AllReduceThroughHost(_gradients);
            }
            else
            {
                _gradients.Buffer.Upload(_staging.Take<T>(_gradients.Length), _gradients.Offset);
            }

            _sums.AsSpan(0, ballot.Length).CopyTo(ballot);
            return new PartialReduction(isIn, ParticipantSums.Count(Participants), _ballotTiming, _gradientTiming, finishNs);
        }
        finally
        {
            _communicator.LendTo(null);
            lock (_gate)
            {
                _phase = StepPhase.None;
            }
        }
    }

    /// <summary>Whether a rank's gradients are in the sums of the step finished last; to be asked before the next begins.</summary>
    /// <returns>The same on all ranks.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Not a rank of the group.</exception>
    public bool TookPart(Rank rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank.Value, nameof(rank));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank.Value, _communicator.WorldSize, nameof(rank));
        return ParticipantSums.Contains(Participants, rank);
    }

    /// <summary>
    /// Ends the communication thread; the communicator is free again. Between steps nobody notices; inside one the group is ended in this
    /// rank's name, since the others wait for it.
    /// </summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        bool isAwaited;
        lock (_gate)
        {
            isAwaited = _failure is null && _phase is StepPhase.Computing or StepPhase.Arrived;
        }

        if (isAwaited)
        {
            _transport.Abort("left in the middle of a step");
        }

        TrySignal(_transport.Rank, ReductionWordKind.Stop);
        _thread.Join();
        _communicator.LendTo(null);
        _communicator.HasPartialReducer = false;
        _staging.Dispose();
    }

    /// <summary>Waits until the step is closed and, for a late rank, reduced.</summary>
    /// <returns>Whether this rank is in.</returns>
    private bool AwaitOutcome()
    {
        // The root gives up on the late. Whether it is alive itself must be asked now and then.
        var isAsked = false;
        lock (_gate)
        {
            while (_failure is null && _phase is StepPhase.Arrived or StepPhase.EnteredFor)
            {
                if (_arrivals is not null || _phase == StepPhase.EnteredFor)
                {
                    Monitor.Wait(_gate);
                }
                else if (!Monitor.Wait(_gate, _transport.StandstillMax))
                {
                    if (isAsked && !_isAnswered)
                    {
                        _transport.GiveUpOn([s_root], CollectiveAbort.GaveNoAnswer(Stamp(_sequence), _transport.StandstillMax));
                        isAsked = false;
                        continue;
                    }

                    isAsked = true;
                    _isAnswered = false;
                    TrySignal(s_root, ReductionWordKind.Question);
                }
            }

            if (_phase is not (StepPhase.In or StepPhase.Served))
            {
                ThrowIfFailed();
            }

            return _phase == StepPhase.In;
        }
    }

    /// <summary>The communication thread: takes one word after another.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever ends the thread is thrown again where the owner can see it.")]
    private void Communicate()
    {
        try
        {
            while (true)
            {
                if (_open >= 0 && _closed == _open)
                {
                    EndStep();
                }

                // A step is closed when no word is left unread: who has come by then is in.
                if (!_transport.WaitSignal(_open, TimeSpan.Zero, out var signal))
                {
                    if (TryClose())
                    {
                        continue;
                    }

                    if (!_transport.WaitSignal(_open, Patience(), out signal))
                    {
                        GiveUpOnTheLate();
                        continue;
                    }
                }

                if (!TryHandle(signal))
                {
                    return;
                }
            }
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    /// <returns>False when the thread is to end.</returns>
    private bool TryHandle(RankSignal signal)
    {
        var word = ReductionWord.Unpack(signal.Word);
        var isFromItself = signal.From == _transport.Rank;
        switch (word.Kind)
        {
            case ReductionWordKind.Begun when isFromItself:
                _open = word.Sequence;
                CleanStaging();
                return true;
            case ReductionWordKind.Arrived when _arrivals is not null:
                _arrivals.Note(signal.From, word.Sequence, MonotonicClock.NowNs());
                return true;
            case ReductionWordKind.ClosedWith or ReductionWordKind.ClosedWithout when signal.From == s_root:
                _closed = word.Sequence;
                _isClosedWith = word.Kind == ReductionWordKind.ClosedWith;
                return true;
            case ReductionWordKind.Question when _arrivals is not null:
                _transport.Signal(signal.From, new ReductionWord(ReductionWordKind.Answer, word.Sequence).Packed);
                return true;
            case ReductionWordKind.Answer when signal.From == s_root:
                lock (_gate)
                {
                    _isAnswered = true;
                }

                return true;
            case ReductionWordKind.Stop when isFromItself:
                return false;
            default:
                throw new InvalidOperationException($"{signal.From} sent a control word that means nothing: {signal.Word}");
        }
    }

    /// <summary>The root's decision.</summary>
    /// <returns>Whether the step was closed now.</returns>
    private bool TryClose()
    {
        if (_arrivals is null || _open < 0 || _arrivals.Awaited != _open || _arrivals.Count < _communicator.WorldSize - _backups)
        {
            return false;
        }

        for (var i = 1; i < _communicator.WorldSize; i++)
        {
            var rank = new Rank(i);
            var kind = _arrivals.HasArrived(rank, _open) ? ReductionWordKind.ClosedWith : ReductionWordKind.ClosedWithout;
            _transport.Signal(rank, new ReductionWord(kind, _open).Packed);
        }

        _isClosedWith = _arrivals.HasArrived(s_root, _open);
        _arrivals.Close(_open);
        _closed = _open;
        return true;
    }

    /// <summary>The cut-off has passed: hands the communicator to the owner, or uses it in the owner's place.</summary>
    private void EndStep()
    {
        _open = -1;
        lock (_gate)
        {
            _phase = _isClosedWith ? StepPhase.In : StepPhase.EnteredFor;
            Monitor.PulseAll(_gate);
        }

        if (_isClosedWith)
        {
            return;
        }

        _hasClosed = true;
        _isStagingDirty = true;
        _lateBallot.CopyTo(_sums, 0);
        Participants.Clear();
        var ballotTiming = _communicator.AllReduce(_sums.AsSpan());
        var gradientTiming = _communicator.AllReduceInPlaceOf(_gradients, _staging.Take<T>(_gradients.Length));
        lock (_gate)
        {
            _ballotTiming = ballotTiming;
            _gradientTiming = gradientTiming;
            _phase = StepPhase.Served;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Zeros for the next time, while there is time.</summary>
    private void CleanStaging()
    {
        if (_isStagingDirty)
        {
            _staging.Take<T>(_gradients.Length).Clear();
            _isStagingDirty = false;
        }
    }

    /// <summary>How long the root waits for more to come. The others wait for the root.</summary>
    private TimeSpan Patience()
    {
        if (_arrivals is null || _arrivals.Awaited < 0)
        {
            return Timeout.InfiniteTimeSpan;
        }

        var goneNs = MonotonicClock.NowNs() - _arrivals.LastArrivalNs;
        var left = _transport.StandstillMax - TimeSpan.FromMicroseconds(goneNs / 1000);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private void GiveUpOnTheLate()
    {
        if (_arrivals is not null && _arrivals.Awaited >= 0 && Patience() == TimeSpan.Zero)
        {
            var reason = CollectiveAbort.DidNotCome(Stamp(_arrivals.Awaited), _transport.StandstillMax);
            _transport.GiveUpOn(_arrivals.FindLate(), reason);
        }
    }

    private void Fail(Exception e)
    {
        // A disposed transport has said goodbye; nothing can follow that.
        if (e is not (CollectiveException or ObjectDisposedException))
        {
            _transport.Abort(e.Message);
        }

        lock (_gate)
        {
            _failure = e;
            Monitor.PulseAll(_gate);
        }

        _hasClosed = true;
    }

    /// <summary>Who has told of the end of the group already need not be told again: the communication thread fails by it too.</summary>
    private void TrySignal(Rank to, ReductionWordKind kind)
    {
        try
        {
            _transport.Signal(to, new ReductionWord(kind, _sequence).Packed);
        }
        catch (CollectiveException)
        {
        }
    }

    private static CollectiveStamp Stamp(long sequence) => new(CollectiveKind.AllReduce, sequence);

    private void RequireBallot(int length)
    {
        if (length != _lateBallot.Length)
        {
            throw new ArgumentException($"A ballot has {_lateBallot.Length} entries, not {length}.");
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is not null)
        {
            ExceptionDispatchInfo.Throw(_failure);
        }
    }
}
