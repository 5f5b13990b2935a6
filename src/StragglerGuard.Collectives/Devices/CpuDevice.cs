using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Devices;

/// <summary>One thread of the host's processor, with its vector units.</summary>
/// <remarks>
/// An instance belongs to one thread at a time (one rank, one thread): nothing inside runs in parallel. Operations are done when
/// the call returns, allocate nothing after the first call of each element type, and give the same bits for the same input on the
/// same processor. Buffers are host visible and aligned to 64 bytes; buffers of another device are refused with
/// <see cref="ArgumentException"/>, so that a program which is right here is right on devices with a memory of their own.
/// </remarks>
public sealed class CpuDevice : IComputeDevice
{
    private static readonly string ProcessorName = ReadProcessorName();

    private GemmEngine<float>? _single;
    private GemmEngine<double>? _double;
    private bool _disposed;

    /// <summary>A device for the calling thread.</summary>
    public CpuDevice()
    {
        Name = ProcessorName;
        DeviceClass = new DeviceClass("CPU");
    }

    /// <inheritdoc/>
    /// <value>The processor's model and the width of its vector registers.</value>
    public string Name { get; }

    /// <inheritdoc/>
    /// <value><c>CPU</c>.</value>
    public DeviceClass DeviceClass { get; }

    /// <inheritdoc/>
    public DeviceBuffer<T> Allocate<T>(int length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        DeviceArguments.RequireSupported<T>();
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new CpuBuffer<T>(this, length);
    }

    /// <inheritdoc/>
    public unsafe void Gemm<T>(
        MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k,
        T alpha, DeviceSlice<T> a, DeviceSlice<T> b, T beta, DeviceSlice<T> c)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceArguments.RequireProduct(operationA, operationB, m, n, k, a, b, c);
        var engine = Engine<T>();
        engine.Multiply(
            operationA == MatrixOperation.Transpose, operationB == MatrixOperation.Transpose, m, n, k,
            alpha, Own(a, nameof(a)).PointerTo(a.Offset), Own(b, nameof(b)).PointerTo(b.Offset),
            beta, Own(c, nameof(c)).PointerTo(c.Offset));
    }

    /// <inheritdoc/>
    public void Add<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceArguments.RequireEqualLengths(source, destination);
        var target = Elements(destination, nameof(destination));
        TensorPrimitives.Add<T>(target, Elements(source, nameof(source)), target);
    }

    /// <inheritdoc/>
    public void Scale<T>(DeviceSlice<T> destination, T factor)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var target = Elements(destination, nameof(destination));
        TensorPrimitives.Multiply<T>(target, factor, target);
    }

    /// <inheritdoc/>
    public void Copy<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceArguments.RequireEqualLengths(source, destination);
        Elements(source, nameof(source)).CopyTo(Elements(destination, nameof(destination)));
    }

    /// <inheritdoc/>
    public DeviceEvent RecordEvent() => new(MonotonicClock.NowNs());

    /// <inheritdoc/>
    /// <returns>Always true: operations are done when the call returns.</returns>
    public bool TryGetElapsedNs(DeviceEvent from, DeviceEvent to, out long elapsedNs)
    {
        elapsedNs = to.Handle - from.Handle;
        return true;
    }

    /// <summary>Frees the scratch memory of the products. Buffers are freed by their own disposal.</summary>
    public void Dispose()
    {
        _disposed = true;
        _single?.Dispose();
        _double?.Dispose();
        _single = null;
        _double = null;
    }

    private static Span<T> Elements<T>(CpuBuffer<T> buffer, DeviceSlice<T> slice)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        buffer.HostSpan.Slice(slice.Offset, slice.Length);

    private static string ReadProcessorName()
    {
        var widthBits = Vector512.IsHardwareAccelerated ? 512
            : Vector256.IsHardwareAccelerated ? 256
            : Vector128.IsHardwareAccelerated ? 128
            : 0;
        var model = ReadProcessorModel() ?? $"{RuntimeInformation.ProcessArchitecture} processor";
        return widthBits == 0 ? $"{model}, no SIMD" : $"{model}, {widthBits}-bit SIMD";
    }

    private static string? ReadProcessorModel()
    {
        const string Path = "/proc/cpuinfo";
        try
        {
            if (!File.Exists(Path))
            {
                return null;
            }

            foreach (var line in File.ReadLines(Path))
            {
                if (line.StartsWith("model name", StringComparison.Ordinal) && line.IndexOf(':') is > 0 and var colon)
                {
                    return line[(colon + 1)..].Trim();
                }
            }

            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A name is worth no failure: a locked-down container hides the file.
            return null;
        }
    }

    private Span<T> Elements<T>(DeviceSlice<T> slice, string name)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        Elements(Own(slice, name), slice);

    private CpuBuffer<T> Own<T>(DeviceSlice<T> slice, string name)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (slice.Buffer is CpuBuffer<T> own && ReferenceEquals(own.Device, this))
        {
            return own;
        }

        throw DeviceArguments.Foreign(slice, name);
    }

    private GemmEngine<T> Engine<T>()
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        DeviceArguments.RequireSupported<T>();
        return typeof(T) == typeof(float)
            ? (GemmEngine<T>)(object)(_single ??= new GemmEngine<float>())
            : (GemmEngine<T>)(object)(_double ??= new GemmEngine<double>());
    }
}
