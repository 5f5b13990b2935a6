using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Ilgpu.Timing;

/// <summary>Marks points in a device's stream and tells the time between them, without ever waiting for the device.</summary>
internal interface IStreamClock : IDisposable
{
    DeviceEvent Record();

    bool TryGetElapsedNs(DeviceEvent from, DeviceEvent to, out long elapsedNs);
}
