using System.Numerics;
using StragglerGuard.Collectives.Devices;

namespace MixedFleet.Model;

/// <summary>Lets the host work on a vector of a device, wherever that device keeps it.</summary>
/// <remarks>Where host and device share the memory, reading and committing cost nothing; elsewhere they copy.</remarks>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
internal sealed class HostWindow<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly T[]? _scratch;

    /// <summary>Reserves a vector on a device and, where needed, its counterpart on the host.</summary>
    public HostWindow(IComputeDevice device, int length)
    {
        Buffer = device.Allocate<T>(length);
        _scratch = Buffer.IsHostVisible ? null : new T[length];
    }

    /// <summary>The vector on the device.</summary>
    public DeviceBuffer<T> Buffer { get; }

    /// <summary>The elements as they are now.</summary>
    public Span<T> Read(int offset, int length)
    {
        if (_scratch is null)
        {
            return Buffer.HostSpan.Slice(offset, length);
        }

        Span<T> window = _scratch.AsSpan(offset, length);
        Buffer.Download(window, offset);
        return window;
    }

    /// <summary>Room for elements that the caller writes in full; what it holds before is not defined.</summary>
    public Span<T> Overwrite(int offset, int length) =>
        _scratch is null ? Buffer.HostSpan.Slice(offset, length) : _scratch.AsSpan(offset, length);

    /// <summary>Hands what was written through <see cref="Read"/> or <see cref="Overwrite"/> to the device.</summary>
    public void Commit(int offset, int length)
    {
        if (_scratch is not null)
        {
            Buffer.Upload(_scratch.AsSpan(offset, length), offset);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Buffer.Dispose();
}
