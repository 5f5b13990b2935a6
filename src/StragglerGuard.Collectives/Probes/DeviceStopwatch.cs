using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Collectives.Probes;

/// <summary>Times one operation by the device's own clock where it tells, else by the host's.</summary>
/// <param name="device">Where the operation runs.</param>
/// <param name="result">What the operation writes: a download of one element waits for it.</param>
internal sealed class DeviceStopwatch(IComputeDevice device, DeviceBuffer<float> result)
{
    private readonly float[] _seen = new float[1];

    public long TimeNs(Action operation)
    {
        var fromNs = MonotonicClock.NowNs();
        var from = device.RecordEvent();
        operation();
        var to = device.RecordEvent();
        result.Download(_seen);
        return device.TryGetElapsedNs(from, to, out var elapsedNs) ? elapsedNs : MonotonicClock.NowNs() - fromNs;
    }
}
