using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using MixedFleet.Data;
using MixedFleet.Model;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Checkpoints;

/// <summary>
/// All that a rank needs to go on from where its job stands: weights, optimiser, the queue of micro-batches with the step, and the plan in
/// force. One format, for checkpoints and for a rank that joins.
/// </summary>
/// <remarks>
/// Between two steps every rank of a data-parallel job holds the same state, so any of them may write it. All states of a job have one
/// length, <see cref="LengthOf"/>: a joiner knows how much will come. Training is in fp32; floats are kept as their bits.
/// </remarks>
internal sealed class TrainingState
{
    // Layout, little-endian: magic (4), version (2), zero (2), length (8), seed (8), text (8), context, embedding, hidden, samples,
    // micro-batches, slots (4 each), Adam's two powers (8 each), parameters (4), length of the plan (4), the plan, the queue, weights,
    // Adam's means and squares (4 an element each), check (8).
    private const uint Magic = 0x5354464D; // "MFTS"
    private const ushort Version = 1;
    private const int HeaderBytes = 80;
    private const int CheckBytes = sizeof(ulong);

    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly MicroBatchQueue _queue;
    private readonly int _parameters;
    private readonly int _vectorsAt;

    private TrainingState(
        ReadOnlyMemory<byte> bytes, TrainingIdentity job, JobPlan plan, MicroBatchQueue queue, int parameters, int vectorsAt)
    {
        _bytes = bytes;
        Job = job;
        Plan = plan;
        _queue = queue;
        _parameters = parameters;
        _vectorsAt = vectorsAt;
    }

    /// <summary>The job that it is of.</summary>
    public TrainingIdentity Job { get; }

    /// <summary>The plan in force for <see cref="NextStep"/>.</summary>
    public JobPlan Plan { get; }

    /// <summary>The step that comes next: so many are done.</summary>
    public long NextStep => _queue.Step;

    /// <summary>Bytes of every state of a job.</summary>
    /// <param name="job">The job.</param>
    /// <param name="parameters">Weights of its model.</param>
    /// <exception cref="OverflowException">More than an array of bytes can hold.</exception>
    public static int LengthOf(TrainingIdentity job, int parameters)
    {
        ArgumentNullException.ThrowIfNull(job);
        return checked(
            HeaderBytes + JobPlan.EncodedLengthOf(job.Slots) + MicroBatchQueue.EncodedLengthOf(job.MicroBatches)
            + (3 * parameters * sizeof(float)) + CheckBytes);
    }

    /// <summary>Writes the state between two steps: <see cref="Capture"/> and <see cref="Seal"/> at once.</summary>
    /// <inheritdoc cref="Capture"/>
    public static void Write(
        Span<byte> destination, TrainingIdentity job, JobPlan plan, MicroBatchQueue queue, ByteLanguageModel<float> model,
        Adam<float> optimizer)
    {
        Capture(destination, job, plan, queue, model, optimizer);
        Seal(destination);
    }

    /// <summary>Copies the state, as quickly as memory allows; it is none until it is sealed. Allocates nothing.</summary>
    /// <param name="destination">Exactly <see cref="LengthOf"/> bytes.</param>
    /// <param name="job">The job.</param>
    /// <param name="plan">In force for the next step; for as many slots and micro-batches as the job has.</param>
    /// <param name="queue">Its step is the next one.</param>
    /// <param name="model">The weights.</param>
    /// <param name="optimizer">Of the model.</param>
    public static void Capture(
        Span<byte> destination, TrainingIdentity job, JobPlan plan, MicroBatchQueue queue, ByteLanguageModel<float> model,
        Adam<float> optimizer)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(optimizer);
        int parameters = model.Shape.ParameterCount;
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, LengthOf(job, parameters), nameof(destination));
        ArgumentOutOfRangeException.ThrowIfNotEqual(plan.Slots, job.Slots, nameof(plan));
        ArgumentOutOfRangeException.ThrowIfNotEqual(plan.Total, job.MicroBatches, nameof(plan));
        ArgumentOutOfRangeException.ThrowIfNotEqual(queue.MicroBatchesPerStep, job.MicroBatches, nameof(queue));
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[4..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[6..], 0);
        BinaryPrimitives.WriteInt64LittleEndian(destination[8..], destination.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[16..], job.Seed);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[24..], job.TextFingerprint);
        ReadOnlySpan<int> sizes =
            [job.ContextBytes, job.EmbeddingWidth, job.HiddenWidth, job.Samples, job.MicroBatches, job.Slots];
        for (int i = 0; i < sizes.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(destination[(32 + (i * sizeof(int)))..], sizes[i]);
        }

        BinaryPrimitives.WriteDoubleLittleEndian(destination[56..], optimizer.Decay1Power);
        BinaryPrimitives.WriteDoubleLittleEndian(destination[64..], optimizer.Decay2Power);
        BinaryPrimitives.WriteInt32LittleEndian(destination[72..], parameters);
        BinaryPrimitives.WriteInt32LittleEndian(destination[76..], plan.EncodedLength);
        int at = HeaderBytes;
        at += plan.Write(destination[at..]);
        at += queue.Write(destination[at..]);
        model.Parameters.Download(VectorOf(destination, at, 0, parameters));
        optimizer.Mean.CopyTo(VectorOf(destination, at, 1, parameters));
        optimizer.Square.CopyTo(VectorOf(destination, at, 2, parameters));
    }

    /// <summary>Adds the check to a captured state: may be done on another thread.</summary>
    /// <param name="state">What <see cref="Capture"/> filled.</param>
    public static void Seal(Span<byte> state) =>
        BinaryPrimitives.WriteUInt64LittleEndian(state[^CheckBytes..], CounterHash.OfBits<byte>(state[..^CheckBytes]));

    /// <summary>Reads what <see cref="Write"/> wrote. Foreign, cut or damaged bytes are refused, never half read.</summary>
    /// <param name="bytes">One state; kept, not copied.</param>
    /// <param name="state">The state, or null.</param>
    /// <param name="reason">Empty, or why the bytes are no state.</param>
    public static bool TryRead(ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out TrainingState? state, out string reason)
    {
        state = null;
        ReadOnlySpan<byte> source = bytes.Span;
        if (source.Length < HeaderBytes + CheckBytes)
        {
            reason = Say($"is cut: {source.Length} bytes are less than a training state begins with");
            return false;
        }

        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(source);
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(source[4..]);
        long length = BinaryPrimitives.ReadInt64LittleEndian(source[8..]);
        reason = magic != Magic ? "is no training state: it begins otherwise"
            : version != Version ? Say($"is of version {version}, this program reads {Version}")
            : length > source.Length ? Say($"is cut: {source.Length} bytes of {length}")
            : length != source.Length ? Say($"is damaged: {source.Length} bytes where it says {length}")
            : BinaryPrimitives.ReadUInt64LittleEndian(source[^CheckBytes..]) != CounterHash.OfBits(source[..^CheckBytes])
                ? "is damaged: its check does not hold"
            : string.Empty;
        return reason.Length == 0 && TryReadIntact(bytes, out state, out reason);
    }

    /// <summary>Sets a model and its optimiser to this state.</summary>
    /// <param name="model">Of the job's shape.</param>
    /// <param name="optimizer">Of the model.</param>
    /// <returns>The queue, whose step is <see cref="NextStep"/>: the caller's own.</returns>
    public MicroBatchQueue Restore(ByteLanguageModel<float> model, Adam<float> optimizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentOutOfRangeException.ThrowIfNotEqual(model.Shape.ParameterCount, _parameters, nameof(model));
        ReadOnlySpan<byte> source = _bytes.Span;
        model.Parameters.Upload(VectorOf(source, _vectorsAt, 0, _parameters));
        optimizer.Restore(
            VectorOf(source, _vectorsAt, 1, _parameters), VectorOf(source, _vectorsAt, 2, _parameters),
            BinaryPrimitives.ReadDoubleLittleEndian(source[56..]), BinaryPrimitives.ReadDoubleLittleEndian(source[64..]));

        // The state may be restored again, by another rank of this process.
        return _queue.Copy();
    }

    /// <summary>Reads bytes whose check holds: what is wrong now was written wrong, or by a program of another mind.</summary>
    private static bool TryReadIntact(ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out TrainingState? state, out string reason)
    {
        state = null;
        ReadOnlySpan<byte> source = bytes.Span;
        Span<int> sizes = stackalloc int[6];
        for (int i = 0; i < sizes.Length; i++)
        {
            sizes[i] = BinaryPrimitives.ReadInt32LittleEndian(source[(32 + (i * sizeof(int)))..]);
        }

        var job = new TrainingIdentity(
            BinaryPrimitives.ReadUInt64LittleEndian(source[16..]), BinaryPrimitives.ReadUInt64LittleEndian(source[24..]),
            sizes[0], sizes[1], sizes[2], sizes[3], MicroBatches: sizes[4], Slots: sizes[5]);
        int parameters = BinaryPrimitives.ReadInt32LittleEndian(source[72..]);
        int planBytes = BinaryPrimitives.ReadInt32LittleEndian(source[76..]);
        long queueBytes = source.Length - HeaderBytes - (long)planBytes - (3L * parameters * sizeof(float)) - CheckBytes;
        if (planBytes < 0 || parameters < 0 || queueBytes < 0 || queueBytes > source.Length)
        {
            reason = Say($"contradicts itself: {planBytes} bytes of plan and {parameters} weights in {source.Length} bytes");
            return false;
        }

        if (!JobPlan.TryRead(source.Slice(HeaderBytes, planBytes), out JobPlan? plan, out string fault))
        {
            reason = $"contradicts itself: its plan: {fault}";
            return false;
        }

        if (!MicroBatchQueue.TryRead(source.Slice(HeaderBytes + planBytes, (int)queueBytes), out MicroBatchQueue? queue, out fault))
        {
            reason = $"contradicts itself: its queue: {fault}";
            return false;
        }

        if (plan.Slots != job.Slots || plan.Total != job.MicroBatches || queue.MicroBatchesPerStep != job.MicroBatches)
        {
            reason = Say(
                $"contradicts itself: {job.Slots} ranks and {job.MicroBatches} micro-batches, but {plan.Slots} and {plan.Total} in its plan and {queue.MicroBatchesPerStep} micro-batches in its queue");
            return false;
        }

        state = new TrainingState(bytes, job, plan, queue, parameters, HeaderBytes + planBytes + (int)queueBytes);
        reason = string.Empty;
        return true;
    }

    private static Span<float> VectorOf(Span<byte> state, int vectorsAt, int vector, int parameters) =>
        MemoryMarshal.Cast<byte, float>(state.Slice(vectorsAt + (vector * parameters * sizeof(float)), parameters * sizeof(float)));

    private static ReadOnlySpan<float> VectorOf(ReadOnlySpan<byte> state, int vectorsAt, int vector, int parameters) =>
        MemoryMarshal.Cast<byte, float>(state.Slice(vectorsAt + (vector * parameters * sizeof(float)), parameters * sizeof(float)));

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
