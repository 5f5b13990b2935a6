using StragglerGuard.Ilgpu.Native;

namespace StragglerGuard.Ilgpu.Tests.Native;

public sealed class DriverTests
{
    [Theory]
    [InlineData("cuda", "libcuda.so.1")]
    [InlineData("OpenCL", "libOpenCL.so.1")]
    public void Files_OfADriver_BeginWithTheNameThatItInstalls(string library, string file) =>
        DriverLibraries.FilesOf(library)[0].Should().Be(file);

    [Theory]
    [InlineData("cuda", "/usr/lib/wsl/lib/libcuda.so.1")]
    [InlineData(DriverLibraries.Nvml, "/usr/lib/wsl/lib/libnvidia-ml.so.1")]
    public void Files_OfNvidiasDriver_EndWithWhereWindowsPutsIt(string library, string file) => DriverLibraries.FilesOf(library)[^1].Should().Be(file);

    [Theory]
    [InlineData("Linux version 5.15.153.1-microsoft-standard-WSL2 (root@941d701f84f1)", true, true)]
    [InlineData("Linux version 5.15.153.1-microsoft-standard-WSL2 (root@941d701f84f1)", false, false)]
    [InlineData("Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)", true, false)]
    public void Wsl_OfAVersionAndADirectory_IsWhatIlgpuTakesForIt(string version, bool hasDirectory, bool isWsl)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("wsl");
        try
        {
            string file = Path.Combine(directory.FullName, "version");
            File.WriteAllText(file, version);

            DriverLibraries.IsWslBy(file, hasDirectory ? directory.FullName : file + "-none").Should().Be(isWsl);
            DriverLibraries.IsWslBy(file + "-none", directory.FullName).Should().BeFalse("a system that does not say is none");
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void Files_OfAnotherLibrary_AreNotOurs()
    {
        DriverLibraries.FilesOf("kernel32").Should().BeEmpty();
        DriverLibraries.TryLoad("kernel32", out _).Should().BeFalse();
    }

    [Fact]
    public void Resolver_OfIlgpusDrivers_IsOurs() => DriverLibraries.EnsureRegistered().Should().Be(!DriverLibraries.IsWsl);

    [Theory]
    [InlineData(0x0UL, false)]
    [InlineData(0x1UL, false)] // idle
    [InlineData(0x2UL, false)] // clocks set by an administrator
    [InlineData(0x4UL, true)] // power cap
    [InlineData(0x8UL, true)] // hardware slowdown
    [InlineData(0x10UL, false)] // sync boost
    [InlineData(0x20UL, true)] // thermal, by software
    [InlineData(0x40UL, true)] // thermal, by hardware
    [InlineData(0x80UL, true)] // power brake
    [InlineData(0x100UL, false)] // display
    [InlineData(0x21UL, true)]
    public void Reading_OfThrottleReasons_IsThrottledByHeatOrPowerOnly(ulong reasons, bool isThrottled) =>
        NvmlReading.Of(1980, 1980, reasons).IsThrottled.Should().Be(isThrottled);

    [Fact]
    public void Reading_OfADeviceThatDoesNotAnswer_IsUnknown() =>
        NvmlReading.Of(null, null, null).Should().Be(default(Core.Attribution.DeviceReading));

    [Fact]
    public void Reading_OfALowClock_TellsHowMuchLongerWorkTakes() =>
        NvmlReading.Of(990, 1980, 0x40).LogSlowdown.Should().BeApproximately(Math.Log(2), 1e-12);
}
