using System.Numerics;
using ILGPU;
using ILGPU.Runtime;
using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Ilgpu;

/// <summary>A vector in an accelerator's memory.</summary>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
internal sealed unsafe class IlgpuBuffer<T> : DeviceBuffer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly AcceleratorStream _stream;
    private readonly MemoryBuffer1D<T, Stride1D.Dense> _memory;
    private bool _disposed;

    public IlgpuBuffer(IlgpuDevice device, Accelerator accelerator, AcceleratorStream stream, int length)
        : base(device, length)
    {
        _stream = stream;

        // A driver has no memory of no bytes.
        _memory = accelerator.Allocate1D<T>(Math.Max(length, 1));
        try
        {
            _memory.MemSetToZero(stream);
        }
        catch
        {
            NativeFaults.Pass(_memory.Dispose);
            throw;
        }
    }

    /// <inheritdoc/>
    public override bool IsHostVisible => false;

    /// <inheritdoc/>
    public override Span<T> HostSpan => throw new NotSupportedException("The device has a memory of its own: upload and download instead.");

    /// <inheritdoc/>
    public override void Upload(ReadOnlySpan<T> source, int offset = 0)
    {
        ArrayView<T> view = View(offset, source.Length);
        if (!source.IsEmpty)
        {
            // ILGPU takes an address of what may be on the collected heap, and comes back when all is read.
            fixed (T* pinned = source)
            {
                view.CopyFromCPU(_stream, ref *pinned, source.Length);
            }
        }
    }

    /// <inheritdoc/>
    public override void Download(Span<T> destination, int offset = 0)
    {
        ArrayView<T> view = View(offset, destination.Length);
        if (!destination.IsEmpty)
        {
            fixed (T* pinned = destination)
            {
                view.CopyToCPU(_stream, ref *pinned, destination.Length);
            }
        }
    }

    /// <summary>Its address on the device, for other libraries of the driver.</summary>
    internal nint Address => _memory.NativePtr;

    /// <summary>Whether its memory was given back.</summary>
    internal bool IsFreed => _memory.IsDisposed;

    /// <summary>A part of the vector as kernels see it.</summary>
    internal ArrayView<T> View(int offset, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)offset + length, Length, nameof(length));

        // ILGPU knows no empty part at the end.
        return ((ArrayView<T>)_memory.View).SubView(length == 0 ? 0 : offset, length);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (disposing)
        {
            // Work that is under way may still use it.
            if (!_stream.IsDisposed)
            {
                NativeFaults.Pass(_stream.Synchronize);
            }

            NativeFaults.Pass(_memory.Dispose);
        }
    }
}
