using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Ilgpu;

/// <content>What it does together with other devices of the process.</content>
public sealed partial class IlgpuDevice
{
    /// <summary>
    /// Whether ILGPU copies a part of a host buffer where it is told to: on OpenCL (CLMemoryBuffer.CLCopy, 1.5.3) it takes the whole buffer's
    /// length for the part's, and reads or overwrites what lies behind. Uploads and downloads make a host buffer of the very length.
    /// </summary>
    private bool CopiesPartsOfHostMemory => _accelerator.AcceleratorType != AcceleratorType.OpenCL;

    /// <inheritdoc/>
    /// <remarks>
    /// CUDA: devices that have peer access, of one <see cref="IlgpuPlatform"/>. Two of one GPU have none: each has its context. Simulators of
    /// one platform read each other.
    /// </remarks>
    public bool CanRead(IComputeDevice peer)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return peer is IlgpuDevice other && !ReferenceEquals(other, this) && other._accelerator.Context == _accelerator.Context
            && _reach.CanRead(other._accelerator);
    }

    /// <inheritdoc/>
    public void AddFrom<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceArguments.RequireEqualLengths(source, destination);
        var kernels = Kernels<T>();
        ArrayView<T> from = PeerView(source), to = View(destination, nameof(destination));
        if (to.Length > 0)
        {
            kernels.Add(_stream, ForElements(to.Length), from, to);
        }
    }

    /// <inheritdoc/>
    public void CopyFrom<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceArguments.RequireEqualLengths(source, destination);
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArrayView<T> from = PeerView(source), to = View(destination, nameof(destination));
        if (to.Length > 0)
        {
            to.CopyFrom(_stream, from);
        }
    }

    /// <summary>destination ← source, where the source lives on another device; equal lengths. It is done when the call returns.</summary>
    /// <param name="source">A slice of another <see cref="IlgpuDevice"/>, which nobody writes meanwhile; what was issued before on its device is waited for.</param>
    /// <param name="destination">A slice of this device.</param>
    /// <returns>Whether it went from device to device; else through the host's memory.</returns>
    /// <exception cref="ArgumentException">The lengths differ, the source is of no such device, or the destination not of this one.</exception>
    public bool CopyFromPeer<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceArguments.RequireEqualLengths(source, destination);
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArrayView<T> to = View(destination, nameof(destination));
        if (source.Buffer is not { Device: IlgpuDevice peer })
        {
            throw new ArgumentException("The source lives on no device of ILGPU.", nameof(source));
        }

        ArrayView<T> from = peer.View(source, nameof(source));
        if (!CanRead(peer))
        {
            CopyThroughHost(source, destination);
            return false;
        }

        peer._stream.Synchronize();
        if (to.Length > 0)
        {
            to.CopyFrom(_stream, from);
            _stream.Synchronize();
        }

        return true;
    }

    /// <inheritdoc/>
    public HostStage CreateStage(int bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1);
        return CopiesPartsOfHostMemory ? new IlgpuStage(_accelerator, bytes) : new OrdinaryStage(bytes);
    }

    /// <inheritdoc/>
    public void Store<T>(DeviceSlice<T> source, HostStage stage)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(stage);
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArrayView<T> from = View(source, nameof(source));
        if (from.Length > 0)
        {
            if (stage is IlgpuStage known && CopiesPartsOfHostMemory)
            {
                known.View<T>(source.Length).CopyFrom(_stream, from);
            }
            else
            {
                source.Buffer.Download(MemoryMarshal.Cast<byte, T>(stage.Bytes)[..source.Length], source.Offset);
            }
        }

        _stream.Synchronize();
    }

    /// <inheritdoc/>
    public void Load<T>(HostStage stage, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(stage);
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArrayView<T> to = View(destination, nameof(destination));
        if (to.Length == 0)
        {
            return;
        }

        if (stage is IlgpuStage known && CopiesPartsOfHostMemory)
        {
            to.CopyFrom(_stream, known.View<T>(destination.Length));
        }
        else
        {
            destination.Buffer.Upload(MemoryMarshal.Cast<byte, T>(stage.Bytes)[..destination.Length], destination.Offset);
        }
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _stream.Synchronize();
    }

    private static void CopyThroughHost<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T[] host = ArrayPool<T>.Shared.Rent(source.Length);
        try
        {
            source.Buffer.Download(host.AsSpan(0, source.Length), source.Offset);
            destination.Buffer.Upload(host.AsSpan(0, source.Length), destination.Offset);
        }
        finally
        {
            ArrayPool<T>.Shared.Return(host);
        }
    }

    private static ArrayView<T> PeerView<T>(DeviceSlice<T> source)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        source.Buffer is IlgpuBuffer<T> theirs
            ? theirs.View(source.Offset, source.Length)
            : throw new ArgumentException("The source lives on no device of ILGPU.", nameof(source));
}
