using System.Numerics;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Ilgpu.Kernels;
using StragglerGuard.Ilgpu.Native;
using StragglerGuard.Ilgpu.Timing;

namespace StragglerGuard.Ilgpu;

/// <summary>A GPU, or ILGPU's simulator of one, see <see cref="IlgpuPlatform.CreateDevice(IlgpuDeviceDescription)"/>.</summary>
/// <remarks>
/// An instance belongs to one thread at a time (one rank, one thread) and has a stream of its own: operations are put into it and may
/// still run when the call returns. Kernels were compiled when the device was created. Buffers are in the device's memory, which the
/// host doesn't see; those of another device are refused with <see cref="ArgumentException"/>, save by <see cref="CopyFromPeer"/>. Marks
/// are CUDA events, 1,024 of which are held at a time; on OpenCL no time is told, and whoever asks takes the host's clock. The same input
/// gives the same bits on the same device. fp32 is not flushed to zero and not rounded to TF32.
/// </remarks>
public sealed partial class IlgpuDevice : IPeerDevice
{
    private const int ElementGroupSizeMax = 256;

    private static readonly Lock s_ending = new();

    private readonly Accelerator _accelerator;
    private readonly AcceleratorStream _stream;
    private readonly IStreamClock _clock;
    private readonly KernelSet<float> _single;
    private readonly KernelSet<double> _double;
    private readonly PeerReach _reach;
    private readonly int _groupSizeMax;
    private bool _disposed;

    internal IlgpuDevice(IlgpuDeviceDescription description, Accelerator accelerator, int groupSizeMax)
    {
        Description = description;
        _accelerator = accelerator;
        _stream = accelerator.CreateStream();
        _reach = new PeerReach(accelerator.EnablePeerAccess, peer => accelerator.DisablePeerAccess(peer));
        _groupSizeMax = groupSizeMax;
        _single = KernelSet<float>.Compile<SingleArithmetic>(accelerator);
        _double = KernelSet<double>.Compile<DoubleArithmetic>(accelerator);
        _clock = accelerator switch
        {
            CudaAccelerator cuda => new EventRing(new CudaEvents(cuda, (CudaStream)_stream)),
            _ when accelerator.AcceleratorType == AcceleratorType.CPU => new HostClock(),
            _ => new NoClock(),
        };
        ManagementHandle = accelerator is CudaAccelerator { NVMLPCIBusId: var pciBusId } ? NvmlLibrary.Installed?.Find(pciBusId) : null;
    }

    /// <summary>What it was created from.</summary>
    public IlgpuDeviceDescription Description { get; }

    /// <inheritdoc/>
    public string Name => Description.Name;

    /// <inheritdoc/>
    public DeviceClass DeviceClass => Description.DeviceClass;

    /// <summary>Its stream as the driver knows it; 0 where the driver is not NVIDIA's.</summary>
    internal nint NativeStream => _stream is CudaStream cuda ? cuda.StreamPtr : 0;

    /// <summary>The device as ILGPU knows it.</summary>
    internal Accelerator Accelerator => _accelerator;

    /// <summary>The device as NVML knows it; null where it does not.</summary>
    internal nint? ManagementHandle { get; }

    /// <summary>What the device's driver says of it now: of NVIDIA's devices; nothing is known of others. May be called by any thread.</summary>
    public DeviceReading Read() => ManagementHandle is { } device ? NvmlLibrary.Installed!.Read(device) : default;

    /// <summary>Makes the device the one that other libraries of the driver use on this thread.</summary>
    internal void Bind() => _accelerator.Bind();

    /// <inheritdoc/>
    public DeviceBuffer<T> Allocate<T>(int length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        DeviceArguments.RequireSupported<T>();
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new IlgpuBuffer<T>(this, _accelerator, _stream, length);
    }

    /// <inheritdoc/>
    public void Gemm<T>(
        MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k,
        T alpha, DeviceSlice<T> a, DeviceSlice<T> b, T beta, DeviceSlice<T> c)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceArguments.RequireProduct(operationA, operationB, m, n, k, a, b, c);
        KernelSet<T> kernels = Kernels<T>();
        ArrayView<T> viewA = View(a, nameof(a)), viewB = View(b, nameof(b)), viewC = View(c, nameof(c));
        if (m == 0 || n == 0)
        {
            return;
        }

        var shape = GemmShape.Of(
            operationA, operationB, m, n, T.IsZero(alpha) ? 0 : k, T.IsZero(beta), _groupSizeMax, _accelerator.NumMultiprocessors);
        kernels.Gemm(_stream, new KernelConfig(shape.Tiles, shape.GroupSize), viewA, viewB, viewC, alpha, beta, shape);
    }

    /// <inheritdoc/>
    public void Add<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceArguments.RequireEqualLengths(source, destination);
        KernelSet<T> kernels = Kernels<T>();
        ArrayView<T> from = View(source, nameof(source)), to = View(destination, nameof(destination));
        if (to.Length > 0)
        {
            kernels.Add(_stream, ForElements(to.Length), from, to);
        }
    }

    /// <inheritdoc/>
    public void Scale<T>(DeviceSlice<T> destination, T factor)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        KernelSet<T> kernels = Kernels<T>();
        ArrayView<T> to = View(destination, nameof(destination));
        if (to.Length > 0)
        {
            kernels.Scale(_stream, ForElements(to.Length), to, factor);
        }
    }

    /// <inheritdoc/>
    public void Copy<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceArguments.RequireEqualLengths(source, destination);
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArrayView<T> from = View(source, nameof(source)), to = View(destination, nameof(destination));
        if (to.Length == 0)
        {
            return;
        }

        if (!DeviceArguments.Overlap(source, source.Length, destination, destination.Length))
        {
            to.CopyFrom(_stream, from);
            return;
        }

        // A driver copies overlapping memory in any order.
        using MemoryBuffer1D<T, Stride1D.Dense> between = _accelerator.Allocate1D<T>(to.Length);
        ArrayView<T> aside = between.View;
        aside.CopyFrom(_stream, from);
        to.CopyFrom(_stream, aside);
        _stream.Synchronize();
    }

    /// <inheritdoc/>
    public DeviceEvent RecordEvent()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _clock.Record();
    }

    /// <inheritdoc/>
    public bool TryGetElapsedNs(DeviceEvent from, DeviceEvent to, out long elapsedNs)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _clock.TryGetElapsedNs(from, to, out elapsedNs);
    }

    /// <summary>Waits for what was issued, and closes the device. Its buffers are gone with it. A driver that fails meanwhile is not heard: what failed has said so.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        NativeFaults.Pass(_clock.Dispose);
        NativeFaults.Pass(_stream.Dispose);

        // Accelerators that read each other tell each other of their end, each under its own lock and then the other's: two at once never end.
        lock (s_ending)
        {
            NativeFaults.Pass(_accelerator.Dispose);
        }
    }

    private ArrayView<T> View<T>(DeviceSlice<T> slice, string name)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        slice.Buffer is IlgpuBuffer<T> own && ReferenceEquals(own.Device, this)
            ? own.View(slice.Offset, slice.Length)
            : throw DeviceArguments.Foreign(slice, name);

    private KernelSet<T> Kernels<T>()
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        DeviceArguments.RequireSupported<T>();
        return typeof(T) == typeof(float) ? (KernelSet<T>)(object)_single : (KernelSet<T>)(object)_double;
    }

    /// <summary>As many threads as the device runs at a time, at the most one for each element.</summary>
    private KernelConfig ForElements(long length)
    {
        int groupSize = Math.Min(ElementGroupSizeMax, _groupSizeMax);
        long groups = Math.Min((length + groupSize - 1) / groupSize, Math.Max(1, _accelerator.MaxNumThreads / groupSize));
        return new KernelConfig((int)groups, groupSize);
    }
}
