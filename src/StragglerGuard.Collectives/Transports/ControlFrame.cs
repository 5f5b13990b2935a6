using System.Buffers.Binary;
using System.Text;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>What is said on a control connection.</summary>
internal enum ControlFrameKind : byte
{
    /// <summary>Where do you stand? {question i64}</summary>
    Question = 1,

    /// <summary>{question i64, packed stamp entered i64}</summary>
    Answer = 2,

    /// <summary>I leave in peace. {sequence completed i64}</summary>
    Goodbye = 3,

    /// <summary>The group has ended. {cause u8, count u8, ranks i32 …, reason UTF-8}</summary>
    Abort = 4,

    /// <summary>A control word. {word i64}</summary>
    Signal = 5,
}

/// <summary>Frames of the control connection: {payload bytes u16, kind u8, payload}, little-endian.</summary>
internal static class ControlFrame
{
    public const int HeaderBytes = 3;
    public const int BytesMax = 1536;
    public const int SignalBytes = HeaderBytes + sizeof(long);
    private const int RanksMax = 128;
    private const int ReasonBytesMax = 900;

    public static byte[] Question(long question) => WithNumbers(ControlFrameKind.Question, question);

    public static byte[] Answer(long question, long enteredPacked) => WithNumbers(ControlFrameKind.Answer, question, enteredPacked);

    public static byte[] Goodbye(long completed) => WithNumbers(ControlFrameKind.Goodbye, completed);

    /// <summary>Writes the frame into memory of the caller's: words are sent every step.</summary>
    public static void WriteSignal(Span<byte> frame, long word)
    {
        WriteHeader(frame, ControlFrameKind.Signal, sizeof(long));
        BinaryPrimitives.WriteInt64LittleEndian(frame[HeaderBytes..], word);
    }

    public static byte[] Abort(CollectiveAbort abort)
    {
        var ranks = abort.Ranks.AsSpan(0, Math.Min(abort.Ranks.Length, RanksMax));
        var reason = Truncate(abort.Reason);
        var frame = New(ControlFrameKind.Abort, 2 + (4 * ranks.Length) + reason.Length);
        frame[HeaderBytes] = (byte)abort.Cause;
        frame[HeaderBytes + 1] = (byte)ranks.Length;
        var at = HeaderBytes + 2;
        foreach (var rank in ranks)
        {
            BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(at), rank.Value);
            at += 4;
        }

        reason.CopyTo(frame.AsSpan(at));
        return frame;
    }

    /// <summary>The first frame of the input.</summary>
    /// <returns>Bytes of the whole frame; 0 when it is not complete yet, −1 when it can be none.</returns>
    public static int TryRead(ReadOnlySpan<byte> input, out ControlFrameKind kind, out ReadOnlySpan<byte> payload)
    {
        kind = default;
        payload = default;
        if (input.Length < HeaderBytes)
        {
            return 0;
        }

        var length = BinaryPrimitives.ReadUInt16LittleEndian(input);
        kind = (ControlFrameKind)input[2];
        if (HeaderBytes + length > BytesMax || !IsPlausible(kind, length))
        {
            return -1;
        }

        if (input.Length < HeaderBytes + length)
        {
            return 0;
        }

        payload = input.Slice(HeaderBytes, length);
        return HeaderBytes + length;
    }

    public static long ReadNumber(ReadOnlySpan<byte> payload, int index) => BinaryPrimitives.ReadInt64LittleEndian(payload[(8 * index)..]);

    /// <returns>Null when the payload is none.</returns>
    public static CollectiveAbort? ReadAbort(ReadOnlySpan<byte> payload)
    {
        int count = payload[1];
        var cause = (AbortCause)payload[0];
        if (count == 0 || payload.Length < 2 + (4 * count) || cause > AbortCause.Mismatch)
        {
            return null;
        }

        var ranks = new Rank[count];
        for (var i = 0; i < count; i++)
        {
            ranks[i] = new Rank(BinaryPrimitives.ReadInt32LittleEndian(payload[(2 + (4 * i))..]));
        }

        return new CollectiveAbort(cause, ranks, Encoding.UTF8.GetString(payload[(2 + (4 * count))..]));
    }

    private static bool IsPlausible(ControlFrameKind kind, int length) => kind switch
    {
        ControlFrameKind.Question or ControlFrameKind.Goodbye or ControlFrameKind.Signal => length == 8,
        ControlFrameKind.Answer => length == 16,
        ControlFrameKind.Abort => length >= 2,
        _ => false,
    };

    private static byte[] WithNumbers(ControlFrameKind kind, params ReadOnlySpan<long> numbers)
    {
        var frame = New(kind, 8 * numbers.Length);
        for (var i = 0; i < numbers.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(frame.AsSpan(HeaderBytes + (8 * i)), numbers[i]);
        }

        return frame;
    }

    private static byte[] New(ControlFrameKind kind, int payloadBytes)
    {
        var frame = new byte[HeaderBytes + payloadBytes];
        WriteHeader(frame, kind, payloadBytes);
        return frame;
    }

    private static void WriteHeader(Span<byte> frame, ControlFrameKind kind, int payloadBytes)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(frame, (ushort)payloadBytes);
        frame[2] = (byte)kind;
    }

    private static byte[] Truncate(string reason)
    {
        var bytes = Encoding.UTF8.GetBytes(reason);
        var length = Math.Min(bytes.Length, ReasonBytesMax);

        // Never cut a character in two.
        while (length < bytes.Length && (bytes[length] & 0xC0) == 0x80)
        {
            length--;
        }

        return bytes[..length];
    }
}
