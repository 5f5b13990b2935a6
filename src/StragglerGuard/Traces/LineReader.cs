namespace StragglerGuard.Traces;

/// <summary>Cuts a stream into lines of bytes without copying them, in bounded memory.</summary>
internal sealed class LineReader(Stream stream)
{
    /// <summary>The longest line that is looked at, bytes.</summary>
    public const int LineBytesMax = 1 << 16;

    private readonly byte[] _buffer = new byte[LineBytesMax * 4];
    private int _start;
    private int _end;
    private bool _ended;

    /// <summary>The line read last, 1-based.</summary>
    public long Line { get; private set; }

    /// <summary>Why reading stopped before the end, or null.</summary>
    public string? Fault { get; private set; }

    /// <summary>Whether the line read last was too long to look at, so that it is handed out empty.</summary>
    public bool WasTooLong { get; private set; }

    /// <summary>Reads on by one line, without its line end. It lives until the next call.</summary>
    public bool TryRead(out ReadOnlySpan<byte> line)
    {
        WasTooLong = false;
        int searched = 0;
        while (true)
        {
            int feed = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (feed >= 0)
            {
                int length = searched + feed;
                line = Take(length, length + 1);
                return true;
            }

            searched = _end - _start;
            if (searched > LineBytesMax)
            {
                // Too long: what has been seen is forgotten, its end is still looked for.
                WasTooLong = true;
                _start = _end;
                searched = 0;
            }

            if (!Fill())
            {
                bool any = _end > _start || WasTooLong;
                line = any ? Take(_end - _start, _end - _start) : default;
                return any;
            }
        }
    }

    private ReadOnlySpan<byte> Take(int length, int consumed)
    {
        ReadOnlySpan<byte> line = _buffer.AsSpan(_start, length);
        _start += consumed;
        Line++;
        WasTooLong |= length > LineBytesMax;
        if (WasTooLong)
        {
            return default;
        }

        return line is [.., (byte)'\r'] ? line[..^1] : line;
    }

    private bool Fill()
    {
        if (_ended)
        {
            return false;
        }

        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        try
        {
            int read = stream.Read(_buffer, _end, _buffer.Length - _end);
            _end += read;
            _ended = read == 0;
        }
        catch (Exception exception) when (TraceFile.IsUnreadable(exception))
        {
            Fault = exception.Message;
            _ended = true;
        }

        return !_ended;
    }
}
