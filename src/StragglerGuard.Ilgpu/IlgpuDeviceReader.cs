using System.Collections.Concurrent;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Ilgpu.Native;

namespace StragglerGuard.Ilgpu;

/// <summary>Reads NVIDIA's devices through their driver: those that ranks compute on in this process, and any that is known by its UUID.</summary>
public sealed class IlgpuDeviceReader : IDeviceReader
{
    private readonly ConcurrentDictionary<WorkerId, nint?> _devices = new();
    private readonly NvmlLibrary? _library;

    /// <summary>Reads through the driver of this machine; where it has none, nothing is known of any device.</summary>
    public IlgpuDeviceReader()
        : this(NvmlLibrary.Installed)
    {
    }

    internal IlgpuDeviceReader(NvmlLibrary? library) => _library = library;

    /// <summary>Says which device is behind a rank. The device may be disposed before the reader.</summary>
    public void Add(WorkerId worker, IlgpuDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _devices[worker] = device.ManagementHandle;
    }

    /// <inheritdoc/>
    /// <remarks>A worker that was not added is looked for by its <see cref="WorkerId.DeviceUuid"/>, <c>GPU-…</c> or <c>MIG-…</c>.</remarks>
    public DeviceReading Read(WorkerId worker) =>
        _library is not null && _devices.GetOrAdd(worker, static (known, library) => library.FindByUuid(known.DeviceUuid), _library) is { } device
            ? _library.Read(device)
            : default;
}
