using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core.Probing;

namespace StragglerGuard.Collectives.Probes;

/// <summary>How fast a device multiplies matrices in fp32. For between jobs and steps: it keeps the device busy.</summary>
public static class GemmRateProbe
{
    private const int HostOrder = 256;
    private const int AcceleratorOrder = 4096;

    /// <summary>Multiplies square matrices for as long as the options say. Belongs to the device's thread.</summary>
    /// <param name="device">Whose rate; three matrices are allocated on it for the time of the call.</param>
    /// <param name="options">Defaults where null.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static GemmReading Measure(IComputeDevice device, ProbeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        options ??= new ProbeOptions();
        options.Validate();
        var order = options.MatrixOrder ?? (SharesHostMemory(device) ? HostOrder : AcceleratorOrder);
        var length = order * order;
        using var a = device.Allocate<float>(length);
        using var b = device.Allocate<float>(length);
        using var c = device.Allocate<float>(length);

        // Neither zeros nor ones: devices that clock by power draw less for those than training does.
        var values = new float[length];
        for (var i = 0; i < length; i++)
        {
            values[i] = (i * 37 % 101 / 101f) - 0.5f;
        }

        a.Upload(values);
        b.Upload(values);
        var stopwatch = new DeviceStopwatch(device, c);
        var flops = 2.0 * order * order * order;
        var rate = new RepeatedTiming(MonotonicClock.NowNs).Measure(
            options.TimeLimitNs,
            () => stopwatch.TimeNs(() => device.Gemm(
                MatrixOperation.None, MatrixOperation.None, order, order, order, 1f, a.All, b.All, 0f, c.All)),
            elapsedNs => flops / elapsedNs);
        return new GemmReading(device.DeviceClass, order, rate);
    }

    private static bool SharesHostMemory(IComputeDevice device)
    {
        using var one = device.Allocate<float>(1);
        return one.IsHostVisible;
    }
}
