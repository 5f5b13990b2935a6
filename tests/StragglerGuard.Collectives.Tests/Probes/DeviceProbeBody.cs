using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Probes;

namespace StragglerGuard.Collectives.Tests.Probes;

/// <summary>What a probe says of any device; one subclass for each.</summary>
public abstract class DeviceProbeBody
{
    /// <summary>Small and brief.</summary>
    protected virtual ProbeOptions Brief { get; } = new() { TimeLimit = TimeSpan.FromMilliseconds(50), MatrixOrder = 96, MemoryBytes = 1 << 20 };

    protected abstract IComputeDevice CreateDevice();

    [Fact]
    public void Gemm_OnADevice_SaysItsRateAndOnWhat()
    {
        using var device = CreateDevice();
        var reading = GemmRateProbe.Measure(device, Brief);
        reading.Class.Should().Be(device.DeviceClass);
        reading.Order.Should().Be(Brief.MatrixOrder);
        reading.GFlopPerSecond.IsKnown.Should().BeTrue();
    }

    [Fact]
    public void Memory_OnADevice_SaysItsRateAndOnWhat()
    {
        using var device = CreateDevice();
        var reading = MemoryBandwidthProbe.Measure(device, Brief);
        reading.Class.Should().Be(device.DeviceClass);
        reading.Bytes.Should().Be(Brief.MemoryBytes);
        reading.GBPerSecond.IsKnown.Should().BeTrue();
    }
}
