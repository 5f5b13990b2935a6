namespace StragglerGuard.Ilgpu.Tests;

public sealed class IlgpuPlatformTests
{
    [Fact]
    public void Open_OfAllBackends_HasADeviceOrAReasonForEach()
    {
        foreach (IlgpuBackends backend in (IlgpuBackends[])[IlgpuBackends.Cuda, IlgpuBackends.OpenCL, IlgpuBackends.Simulator])
        {
            bool isPresent = Machine.Platform.Devices.Any(device => device.Backend == backend);
            (isPresent ^ Machine.Platform.Absent.ContainsKey(backend)).Should().BeTrue(backend.ToString());
        }

        Machine.Platform.Absent.Values.Should().NotContain(reason => string.IsNullOrWhiteSpace(reason));
    }

    [Fact]
    public void Open_OfTheSimulatorAlone_LooksForNothingElse()
    {
        using var platform = IlgpuPlatform.Open(IlgpuBackends.Simulator);

        platform.Devices.Should().ContainSingle().Which.ToString().Should().Be("ILGPU simulator (Simulator)");
        platform.Absent.Should().BeEmpty();
    }

    [Fact]
    public void Open_OfNothing_HasNoDevice()
    {
        using var platform = IlgpuPlatform.Open(IlgpuBackends.None);

        platform.Devices.Should().BeEmpty();
    }

    [Fact]
    public void CreateDevice_OfAnotherPlatform_IsRefused()
    {
        using var platform = IlgpuPlatform.Open(IlgpuBackends.Simulator);

        platform.Invoking(p => p.CreateDevice(Machine.Platform.Devices[^1])).Should().Throw<ArgumentException>();
    }

    [Theory]
    [InlineData("NVIDIA H100 80GB HBM3", "sm_90", "H100 80GB HBM3 sm_90")]
    [InlineData("NVIDIA  H200", "sm_90", "H200 sm_90")]
    [InlineData("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "sm_90", "H100 80GB HBM3 MIG 1g.10gb sm_90")]
    [InlineData("GeForce RTX 2080 Ti", "sm_75", "GeForce RTX 2080 Ti sm_75")]
    [InlineData("AMD Radeon Pro W7900", "OpenCL", "Radeon Pro W7900 OpenCL")]
    [InlineData("Intel(R) Arc(TM) A770 Graphics", "OpenCL", "Arc(TM) A770 Graphics OpenCL")]
    [InlineData("gfx90a:sramecc+:xnack-", "OpenCL", "gfx90a:sramecc+:xnack- OpenCL")]
    [InlineData("NVIDIA H100 PCIe", null, "H100 PCIe")]
    [InlineData("  ", null, "unnamed")]
    public void Class_OfADevice_IsItsModelAndCapability(string name, string? capability, string expected) =>
        IlgpuDeviceDescription.ClassOf(name, capability).Name.Should().Be(expected);
}
