using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Ilgpu.Timing;

/// <summary>For an accelerator that can't be asked for its time without waiting (OpenCL through ILGPU): it tells none, and whoever asks takes the host's.</summary>
internal sealed class NoClock : IStreamClock
{
    public DeviceEvent Record() => default;

    public bool TryGetElapsedNs(DeviceEvent from, DeviceEvent to, out long elapsedNs)
    {
        elapsedNs = 0;
        return false;
    }

    public void Dispose()
    {
        // Holds nothing.
    }
}
