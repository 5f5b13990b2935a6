using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core.Probing;

namespace StragglerGuard.Collectives.Probes;

/// <summary>How fast a device moves its own memory, as STREAM's Copy. For between jobs and steps: it keeps the device busy.</summary>
/// <remarks>McCalpin, "Memory bandwidth and machine balance in current high performance computers" (1995): bytes read + bytes written.</remarks>
public static class MemoryBandwidthProbe
{
    /// <summary>Copies a vector to another for as long as the options say. Belongs to the device's thread.</summary>
    /// <param name="device">Whose memory; two vectors are allocated on it for the time of the call.</param>
    /// <param name="options">Defaults where null.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static MemoryReading Measure(IComputeDevice device, ProbeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        options ??= new ProbeOptions();
        options.Validate();
        var length = options.MemoryBytes / sizeof(float);
        using var source = device.Allocate<float>(length);
        using var destination = device.Allocate<float>(length);

        // Pages that were never written may all be the one page of zeros.
        source.Upload(new float[length]);
        var stopwatch = new DeviceStopwatch(device, destination);
        var rate = new RepeatedTiming(MonotonicClock.NowNs).Measure(
            options.TimeLimitNs,
            () => stopwatch.TimeNs(() => device.Copy(source.All, destination.All)),
            elapsedNs => 2.0 * options.MemoryBytes / elapsedNs);
        return new MemoryReading(device.DeviceClass, options.MemoryBytes, rate);
    }
}
