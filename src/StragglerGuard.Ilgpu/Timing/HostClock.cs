using System.Diagnostics;
using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Ilgpu.Timing;

/// <summary>The host's clock, for an accelerator whose operations are done when their call returns.</summary>
internal sealed class HostClock : IStreamClock
{
    public DeviceEvent Record() => new(Stopwatch.GetTimestamp());

    public bool TryGetElapsedNs(DeviceEvent from, DeviceEvent to, out long elapsedNs)
    {
        elapsedNs = (long)Stopwatch.GetElapsedTime(from.Handle, to.Handle).TotalNanoseconds;
        return true;
    }

    public void Dispose()
    {
        // Holds nothing.
    }
}
