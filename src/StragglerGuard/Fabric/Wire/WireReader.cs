using System.Buffers.Binary;

namespace StragglerGuard.Fabric.Wire;

/// <summary>Reads protobuf as this program writes it, from front to back. What is written otherwise it does not read, rather than guess.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> bytes)
{
    private const int VarintBytesMax = 10;
    private const int BitsPerByte = 7;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;

    /// <summary>Whether everything is read.</summary>
    public readonly bool IsAtEnd => _at == _bytes.Length;

    /// <summary>Whether the next field is this one; it is read past where it is.</summary>
    /// <param name="tag">Number and wire type of a field below 16.</param>
    public bool TryReadTag(byte tag)
    {
        if (_at == _bytes.Length || _bytes[_at] != tag)
        {
            return false;
        }

        _at++;
        return true;
    }

    /// <summary>Reads a number.</summary>
    public bool TryReadVarint(out ulong value)
    {
        value = 0;
        int length = Math.Min(VarintBytesMax, _bytes.Length - _at);
        for (int i = 0; i < length; i++)
        {
            byte read = _bytes[_at + i];
            value |= (ulong)(read & 0x7F) << (BitsPerByte * i);
            if (read < 0x80)
            {
                _at += i + 1;
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads a number where the field is there; else it is 0.</summary>
    public bool TryReadOptional(byte tag, out long value)
    {
        bool isRead = true;
        ulong read = 0;
        if (TryReadTag(tag))
        {
            isRead = TryReadVarint(out read);
        }

        value = (long)read;
        return isRead;
    }

    /// <summary>Reads a field's bytes: text, records, or a message within this one.</summary>
    public bool TryReadBytes(out ReadOnlySpan<byte> read)
    {
        read = default;
        if (!TryReadVarint(out ulong length) || length > (ulong)(_bytes.Length - _at))
        {
            return false;
        }

        read = _bytes.Slice(_at, (int)length);
        _at += (int)length;
        return true;
    }

    /// <summary>Reads a field's bytes where it is there; else they are empty.</summary>
    public bool TryReadOptional(byte tag, out ReadOnlySpan<byte> read)
    {
        read = default;
        return !TryReadTag(tag) || TryReadBytes(out read);
    }

    /// <summary>Reads a floating point number.</summary>
    public bool TryReadDouble(out double value)
    {
        value = 0;
        if (_bytes.Length - _at < sizeof(double))
        {
            return false;
        }

        value = BinaryPrimitives.ReadDoubleLittleEndian(_bytes[_at..]);
        _at += sizeof(double);
        return true;
    }
}
