using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Collectives.Tests.Devices;

public sealed class CpuDeviceTests : ComputeDeviceTests
{
    protected override IComputeDevice CreateDevice() => new CpuDevice();

    [Fact]
    public void Allocate_AnyVector_IsHostVisibleAndAlignedToACacheLine()
    {
        using var device = new CpuDevice();
        for (var length = 1; length < 20; length++)
        {
            using var x = device.Allocate<double>(length);
            x.IsHostVisible.Should().BeTrue();
            unsafe
            {
                fixed (double* p = x.HostSpan)
                {
                    ((long)p % 64).Should().Be(0);
                }
            }
        }
    }

    [Fact]
    public void Name_OfTheHost_NamesItsVectorUnits()
    {
        using var device = new CpuDevice();
        device.Name.Should().Contain("SIMD");
        device.DeviceClass.Name.Should().Be("CPU");
    }

    [Fact]
    public void Gemm_AfterDisposal_IsRefused()
    {
        var device = new CpuDevice();
        using var x = device.Allocate<float>(12);
        device.Dispose();
        var act = () => device.Gemm(
            MatrixOperation.None, MatrixOperation.None, 2, 2, 2, 1f, x.Slice(0, 4), x.Slice(4, 4), 0f, x.Slice(8, 4));
        act.Should().Throw<ObjectDisposedException>();
    }
}
