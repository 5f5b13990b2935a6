using System.Collections.Concurrent;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Ilgpu.Native;

namespace StragglerGuard.Ilgpu;

/// <summary>Reads NVIDIA's devices through their driver: those that ranks compute on in this process, and any that is known by its UUID.</summary>
public sealed class IlgpuDeviceReader : IDeviceReader
{
    /// <summary>Readings that go by before the driver is asked again for a device that it did not know: at the agent's interval, a minute or so.</summary>
    internal const int ReadsBetweenLooks = 60;

    private readonly ConcurrentDictionary<WorkerId, Place> _devices = new();
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
        _devices[worker] = new Place(device.ManagementHandle, isFinal: true);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// A worker that was not added is looked for by its <see cref="WorkerId.DeviceUuid"/>, <c>GPU-…</c> or <c>MIG-…</c>: where the driver does not
    /// know it (it may be still coming up, or be partitioned anew), again at every sixtieth reading.
    /// </remarks>
    public DeviceReading Read(WorkerId worker)
    {
        if (_library is null)
        {
            return default;
        }

        Place place = _devices.GetOrAdd(worker, static (known, library) => new Place(library.FindByUuid(known.DeviceUuid), isFinal: false), _library);
        if (place.IsDueForALook() && _library.FindByUuid(worker.DeviceUuid) is { } found)
        {
            // Unless it was added meanwhile.
            var known = new Place(found, isFinal: false);
            place = _devices.TryUpdate(worker, known, place) ? known : place;
        }

        return place.Device is { } device ? _library.Read(device) : default;
    }

    /// <summary>What is known of a worker's device.</summary>
    private sealed class Place(nint? device, bool isFinal)
    {
        private int _reads;

        public nint? Device => device;

        public bool IsDueForALook() => device is null && !isFinal && Interlocked.Increment(ref _reads) % ReadsBetweenLooks == 0;
    }
}
