namespace StragglerGuard.Collectives.Transports;

/// <summary>State of the one message that a lane can hold.</summary>
internal enum LaneState
{
    /// <summary>The sender may post.</summary>
    Empty = 0,

    /// <summary>A message waits for its receiver.</summary>
    Posted = 1,

    /// <summary>The receiver reads the message; its memory may not go away.</summary>
    Reading = 2,
}

/// <summary>
/// The way from one rank's thread to another's. A short message is copied into the lane; a long one stays where it is, and the
/// receiver reads it from the sender's memory.
/// </summary>
internal sealed unsafe class InProcessLane
{
    private readonly object _gate = new();
    private readonly byte[] _eager = GC.AllocateUninitializedArray<byte>(TransportLimits.EagerBytesMax, pinned: true);
    private LaneState _state;
    private byte* _message;

    /// <summary>Bytes of the posted message. The receiver's from <see cref="WaitFor"/> to <see cref="EndReading"/>.</summary>
    public int Length { get; private set; }

    /// <summary>The collective that the posted message belongs to.</summary>
    public CollectiveStamp Stamp { get; private set; }

    /// <summary>
    /// Waits for a state: <see cref="LaneState.Posted"/> is the receiver's wish, <see cref="LaneState.Empty"/> the sender's.
    /// </summary>
    /// <param name="wanted">The state.</param>
    /// <param name="group">Ends the wait when something happens in it.</param>
    /// <param name="seenEvents">What the caller has looked at: an event since then means that there is no wait.</param>
    /// <param name="waitMs">How long at most; 0 only looks.</param>
    /// <returns>Whether the state is there; otherwise time is up, or something else has happened that the caller should look at.</returns>
    public bool WaitFor(LaneState wanted, InProcessGroup group, int seenEvents, int waitMs)
    {
        lock (_gate)
        {
            if (_state == wanted)
            {
                return true;
            }

            // Events are counted first and the lanes woken afterwards, under this lock: a wake-up can't fall between look and wait.
            if (waitMs > 0 && group.Events == seenEvents)
            {
                Monitor.Wait(_gate, waitMs);
            }

            return _state == wanted;
        }
    }

    /// <summary>Puts a message into the empty lane.</summary>
    /// <param name="message">Stays valid and unchanged until the lane is empty again, if longer than the eager limit.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="stamp">What it belongs to.</param>
    public void Post(byte* message, int length, CollectiveStamp stamp)
    {
        lock (_gate)
        {
            if (length <= TransportLimits.EagerBytesMax)
            {
                new ReadOnlySpan<byte>(message, length).CopyTo(_eager);
                _message = null;
            }
            else
            {
                _message = message;
            }

            Length = length;
            Stamp = stamp;
            _state = LaneState.Posted;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Takes hold of the posted message.</summary>
    /// <returns>False when the sender has withdrawn it meanwhile.</returns>
    public bool TryBeginReading(out ReadOnlySpan<byte> message)
    {
        lock (_gate)
        {
            if (_state != LaneState.Posted)
            {
                message = default;
                return false;
            }

            _state = LaneState.Reading;
            message = _message == null ? _eager.AsSpan(0, Length) : new ReadOnlySpan<byte>(_message, Length);
            return true;
        }
    }

    /// <summary>Lets go of the message.</summary>
    public void EndReading()
    {
        lock (_gate)
        {
            _state = LaneState.Empty;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Takes back an unread message before its memory goes away. A receiver that reads is waited for: it only computes.</summary>
    public void Withdraw()
    {
        lock (_gate)
        {
            while (_state == LaneState.Reading)
            {
                Monitor.Wait(_gate);
            }

            _state = LaneState.Empty;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Lets waiters look again.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }
}
