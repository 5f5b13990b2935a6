using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Data;

/// <summary>Which micro-batches a step consists of: first those that an earlier step dropped, then new ones.</summary>
/// <remarks>
/// Micro-batches are numbered 0, 1, 2 … over the whole job (<see cref="MicroBatchSampler"/> says what each holds). Place j of a step's
/// list belongs to the rank whose share of the deal holds j. Every rank has a queue of its own; they stay equal because all are told the
/// same counts. Whatever is dealt and dropped, by whom and in which generation, every number is done exactly once, in order but for what
/// was dropped: a step takes all that waits before anything new, so never more waits than one step takes. No call allocates but
/// <see cref="TryRead"/>. For one thread.
/// </remarks>
internal sealed class MicroBatchQueue
{
    // Layout, little-endian: magic (4), version (2), zero (2), micro-batches a step (4), waiting (4), step (8), next new one (8), then
    // the numbers that wait (8 each), with zeros up to a whole step: all queues of a job are of one length, whatever waits.
    private const uint Magic = 0x554D464D; // "MFMU"
    private const ushort Version = 1;
    private const int HeaderBytes = 32;

    private readonly long[] _waiting;
    private readonly long[] _open;
    private int _waitingCount;
    private bool _isOpen;

    /// <summary>The queue of a job that begins.</summary>
    /// <param name="microBatchesPerStep">M, of the global batch; 1 or more.</param>
    public MicroBatchQueue(int microBatchesPerStep)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(microBatchesPerStep);
        _waiting = new long[microBatchesPerStep];
        _open = new long[microBatchesPerStep];
    }

    /// <summary>Micro-batches of a step, M.</summary>
    public int MicroBatchesPerStep => _waiting.Length;

    /// <summary>The step that is open, or comes next.</summary>
    public long Step { get; private set; }

    /// <summary>The lowest number that no step has taken.</summary>
    public long NextNew { get; private set; }

    /// <summary>The dropped micro-batches that the next step begins with, in the order in which they were dropped.</summary>
    public ReadOnlySpan<long> Waiting => _waiting.AsSpan(0, _waitingCount);

    /// <summary>Bytes of a queue's state.</summary>
    /// <param name="microBatchesPerStep">1 or more.</param>
    /// <exception cref="OverflowException">More micro-batches than an array of bytes can hold.</exception>
    public static int EncodedLengthOf(int microBatchesPerStep)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(microBatchesPerStep);
        return checked(HeaderBytes + (microBatchesPerStep * sizeof(long)));
    }

    /// <summary>
    /// Opens a step. Until it is completed nothing is taken: a step that was abandoned, because a rank was lost in its midst, is opened again
    /// by whoever is left, and holds the same.
    /// </summary>
    /// <param name="step"><see cref="Step"/>; asked for so that a rank that is a step off is caught, and not trained.</param>
    /// <returns>M numbers, by place in the deal; good until the next call that changes the queue.</returns>
    public ReadOnlySpan<long> BeginStep(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(step, Step);
        Waiting.CopyTo(_open);
        for (int place = _waitingCount; place < _open.Length; place++)
        {
            _open[place] = NextNew + place - _waitingCount;
        }

        _isOpen = true;
        return _open;
    }

    /// <summary>Closes the step: what was not done goes to the front of the next one.</summary>
    /// <param name="step">The step that is open.</param>
    /// <param name="deal">The deal that it was computed under, of M micro-batches.</param>
    /// <param name="done">
    /// For each rank of the deal how many of its share are in the step's gradient: always the first ones. 0 for a rank that
    /// the reduction did not wait for.
    /// </param>
    /// <exception cref="ArgumentException">Deal or counts are not of this step.</exception>
    /// <exception cref="InvalidOperationException">No step is open.</exception>
    public void Complete(long step, MicroBatchDeal deal, ReadOnlySpan<int> done)
    {
        ArgumentNullException.ThrowIfNull(deal);
        ArgumentOutOfRangeException.ThrowIfNotEqual(step, Step);
        ArgumentOutOfRangeException.ThrowIfNotEqual(deal.Total, MicroBatchesPerStep, nameof(deal));
        ArgumentOutOfRangeException.ThrowIfNotEqual(done.Length, deal.Ranks, nameof(done));
        for (int rank = 0; rank < done.Length; rank++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(done[rank], nameof(done));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(done[rank], deal.MicroBatches[rank], nameof(done));
        }

        if (!_isOpen)
        {
            throw new InvalidOperationException($"Step {step} was not begun.");
        }

        NextNew += MicroBatchesPerStep - _waitingCount;
        _waitingCount = 0;
        for (int rank = 0; rank < done.Length; rank++)
        {
            for (int place = deal.First(new Rank(rank)) + done[rank]; place < deal.End(new Rank(rank)); place++)
            {
                _waiting[_waitingCount++] = _open[place];
            }
        }

        Step++;
        _isOpen = false;
    }

    /// <summary>A queue of its own in the same state; a step that is open counts as not begun.</summary>
    public MicroBatchQueue Copy()
    {
        MicroBatchQueue copy = new(MicroBatchesPerStep) { Step = Step, NextNew = NextNew, _waitingCount = _waitingCount };
        Waiting.CopyTo(copy._waiting);
        return copy;
    }

    /// <summary>Writes the state, for a checkpoint or a rank that joins. A step that is open counts as not begun.</summary>
    /// <param name="destination">As long as <see cref="EncodedLengthOf"/> says, or longer.</param>
    /// <returns>Bytes written.</returns>
    public int Write(Span<byte> destination)
    {
        int length = EncodedLengthOf(MicroBatchesPerStep);
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, length, nameof(destination));
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[4..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[6..], 0);
        BinaryPrimitives.WriteInt32LittleEndian(destination[8..], MicroBatchesPerStep);
        BinaryPrimitives.WriteInt32LittleEndian(destination[12..], _waitingCount);
        BinaryPrimitives.WriteInt64LittleEndian(destination[16..], Step);
        BinaryPrimitives.WriteInt64LittleEndian(destination[24..], NextNew);
        for (int i = 0; i < MicroBatchesPerStep; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(destination[(HeaderBytes + (i * sizeof(long)))..], i < _waitingCount ? _waiting[i] : 0);
        }

        return length;
    }

    /// <summary>Reads what <see cref="Write"/> wrote. Foreign or contradictory bytes are refused, never half read.</summary>
    /// <param name="source">Exactly one state.</param>
    /// <param name="queue">The queue, or null.</param>
    /// <param name="reason">Empty, or why the bytes are no state of a queue.</param>
    public static bool TryRead(ReadOnlySpan<byte> source, [NotNullWhen(true)] out MicroBatchQueue? queue, out string reason)
    {
        queue = null;
        if (source.Length < HeaderBytes + sizeof(long))
        {
            reason = Say($"a queue has {HeaderBytes + sizeof(long)} bytes or more, here are {source.Length}");
            return false;
        }

        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(source);
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(source[4..]);
        int perStep = BinaryPrimitives.ReadInt32LittleEndian(source[8..]);
        int waiting = BinaryPrimitives.ReadInt32LittleEndian(source[12..]);
        long step = BinaryPrimitives.ReadInt64LittleEndian(source[16..]);
        long nextNew = BinaryPrimitives.ReadInt64LittleEndian(source[24..]);
        reason = magic != Magic ? Say($"the bytes begin with {magic:X8}, a queue with {Magic:X8}")
            : version != Version ? Say($"version {version} of the queue, this program reads {Version}")
            : perStep < 1 || (perStep * (long)sizeof(long)) + HeaderBytes != source.Length
                ? Say($"{perStep} micro-batches a step don't fit {source.Length} bytes")
            : waiting < 0 || waiting > perStep ? Say($"{waiting} micro-batches wait, {perStep} at most can")
            : step < 0 || nextNew < waiting || (UInt128)nextNew > (UInt128)step * (UInt128)perStep
                ? Say($"{nextNew} micro-batches were begun and {waiting} wait after {step} steps of {perStep}")
            : string.Empty;
        if (reason.Length > 0)
        {
            return false;
        }

        MicroBatchQueue read = new(perStep) { Step = step, NextNew = nextNew, _waitingCount = waiting };
        HashSet<long> seen = [];
        for (int i = 0; i < perStep; i++)
        {
            long number = BinaryPrimitives.ReadInt64LittleEndian(source[(HeaderBytes + (i * sizeof(long)))..]);
            bool isGood = i < waiting ? number >= 0 && number < nextNew && seen.Add(number) : number == 0;
            if (!isGood)
            {
                reason = Say($"number {number} can't stand at place {i} of what waits");
                return false;
            }

            read._waiting[i] = number;
        }

        queue = read;
        return true;
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
