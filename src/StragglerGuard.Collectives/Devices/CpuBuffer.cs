using System.Numerics;
using System.Runtime.InteropServices;

namespace StragglerGuard.Collectives.Devices;

/// <summary>A vector in the host's memory, outside the collected heap, aligned to a cache line.</summary>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
internal sealed unsafe class CpuBuffer<T> : DeviceBuffer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    // A cache line, and the width of the widest vector register.
    private const nuint AlignmentBytes = 64;

    private T* _elements;

    public CpuBuffer(CpuDevice device, int length)
        : base(device, length)
    {
        // An empty vector still has an address, so that disposal can be told from emptiness.
        var bytes = (nuint)Math.Max(length, 1) * (nuint)sizeof(T);
        _elements = (T*)NativeMemory.AlignedAlloc(bytes, AlignmentBytes);
        NativeMemory.Clear(_elements, bytes);
        GC.AddMemoryPressure((long)bytes);
    }

    ~CpuBuffer() => Dispose(disposing: false);

    /// <inheritdoc/>
    public override bool IsHostVisible => true;

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The memory has been freed.</exception>
    public override Span<T> HostSpan
    {
        get
        {
            ObjectDisposedException.ThrowIf(_elements == null, this);
            return new Span<T>(_elements, Length);
        }
    }

    /// <inheritdoc/>
    public override void Upload(ReadOnlySpan<T> source, int offset = 0) => source.CopyTo(Part(offset, source.Length));

    /// <inheritdoc/>
    public override void Download(Span<T> destination, int offset = 0) => Part(offset, destination.Length).CopyTo(destination);

    /// <summary>The address of an element; valid until the buffer is disposed.</summary>
    internal T* PointerTo(int offset)
    {
        ObjectDisposedException.ThrowIf(_elements == null, this);
        return _elements + offset;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_elements == null)
        {
            return;
        }

        NativeMemory.AlignedFree(_elements);
        _elements = null;
        GC.RemoveMemoryPressure((long)Math.Max(Length, 1) * sizeof(T));
    }

    private Span<T> Part(int offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)offset + length, Length, nameof(length));
        return HostSpan.Slice(offset, length);
    }
}
