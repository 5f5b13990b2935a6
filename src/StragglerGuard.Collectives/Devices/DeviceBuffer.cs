using System.Numerics;

namespace StragglerGuard.Collectives.Devices;

/// <summary>A vector that lives on a device.</summary>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
public abstract class DeviceBuffer<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Describes a vector of a device.</summary>
    protected DeviceBuffer(IComputeDevice device, int length)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Device = device;
        Length = length;
    }

    /// <summary>Where it lives.</summary>
    public IComputeDevice Device { get; }

    /// <summary>Elements.</summary>
    public int Length { get; }

    /// <summary>Whether <see cref="HostSpan"/> can be had.</summary>
    public abstract bool IsHostVisible { get; }

    /// <summary>The elements themselves, where the device shares the host's memory.</summary>
    /// <exception cref="NotSupportedException">The device has a memory of its own: upload and download instead.</exception>
    public abstract Span<T> HostSpan { get; }

    /// <summary>The whole vector as a slice.</summary>
    public DeviceSlice<T> All => new(this, 0, Length);

    /// <summary>Host → device.</summary>
    public abstract void Upload(ReadOnlySpan<T> source, int offset = 0);

    /// <summary>Device → host; sees every operation issued before.</summary>
    public abstract void Download(Span<T> destination, int offset = 0);

    /// <summary>A part of the vector.</summary>
    public DeviceSlice<T> Slice(int offset, int length) => All.Slice(offset, length);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the device's memory.</summary>
    protected abstract void Dispose(bool disposing);
}

/// <summary>A run of elements of a <see cref="DeviceBuffer{T}"/>.</summary>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly record struct DeviceSlice<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    internal DeviceSlice(DeviceBuffer<T> buffer, int offset, int length)
    {
        Buffer = buffer;
        Offset = offset;
        Length = length;
    }

    /// <summary>The vector it is part of.</summary>
    public DeviceBuffer<T> Buffer { get; }

    /// <summary>First element.</summary>
    public int Offset { get; }

    /// <summary>Elements.</summary>
    public int Length { get; }

    /// <summary>The elements themselves, where the device shares the host's memory.</summary>
    /// <exception cref="NotSupportedException">The device has a memory of its own.</exception>
    public Span<T> HostSpan => Buffer.HostSpan.Slice(Offset, Length);

    /// <summary>A part of this slice.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part does not lie inside.</exception>
    public DeviceSlice<T> Slice(int offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)offset + length, Length, nameof(length));
        return new DeviceSlice<T>(Buffer, Offset + offset, length);
    }
}
