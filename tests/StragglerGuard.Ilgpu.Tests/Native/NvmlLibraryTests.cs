using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Ilgpu.Native;

namespace StragglerGuard.Ilgpu.Tests.Native;

/// <summary>The binding, against functions that answer as a driver did.</summary>
public sealed unsafe class NvmlLibraryTests
{
    private const int NotSupported = 3;
    private const int NotFound = 6;
    private static readonly nint s_gpu = 0x77;
    private static bool s_hasLate;
    private static int s_looksForLate;

    private static readonly Dictionary<string, nint> s_driver = new()
    {
        ["nvmlDeviceGetHandleByPciBusId_v2"] = (nint)(delegate* unmanaged[Cdecl]<byte*, nint*, int>)&HandleByName,
        ["nvmlDeviceGetHandleByUUID"] = (nint)(delegate* unmanaged[Cdecl]<byte*, nint*, int>)&HandleByName,
        ["nvmlDeviceGetClockInfo"] = (nint)(delegate* unmanaged[Cdecl]<nint, int, uint*, int>)&Clock,
        ["nvmlDeviceGetDefaultApplicationsClock"] = (nint)(delegate* unmanaged[Cdecl]<nint, int, uint*, int>)&Unsupported,
        ["nvmlDeviceGetMaxClockInfo"] = (nint)(delegate* unmanaged[Cdecl]<nint, int, uint*, int>)&MaxClock,
        ["nvmlDeviceGetTemperature"] = (nint)(delegate* unmanaged[Cdecl]<nint, int, uint*, int>)&Temperature,
        ["nvmlDeviceGetPowerUsage"] = (nint)(delegate* unmanaged[Cdecl]<nint, uint*, int>)&Power,
        ["nvmlDeviceGetUtilizationRates"] = (nint)(delegate* unmanaged[Cdecl]<nint, uint*, int>)&Utilization,
        ["nvmlDeviceGetCurrentClocksThrottleReasons"] = (nint)(delegate* unmanaged[Cdecl]<nint, ulong*, int>)&Reasons,
    };

    [Fact]
    public void Read_OfADeviceThatAnswers_HasEveryFigureInItsUnit()
    {
        var library = new NvmlLibrary(Driver);
        nint gpu = library.Find("0000:3B:00.0")!.Value;

        library.Read(gpu).Should().Be(new DeviceReading(1_050, 1_980, IsThrottled: true)
        {
            Limits = ClockLimits.Thermal | ClockLimits.HardwareThermal,
            TemperatureCelsius = 88,
            PowerWatts = 512.25,
            Utilization = 0.97,
        });
    }

    [Theory]
    [InlineData("nvmlDeviceGetClockInfo")]
    [InlineData("nvmlDeviceGetTemperature")]
    [InlineData("nvmlDeviceGetPowerUsage")]
    [InlineData("nvmlDeviceGetUtilizationRates")]
    [InlineData("nvmlDeviceGetCurrentClocksThrottleReasons")]
    public void Read_WithoutOneFunction_LacksItsFigureAndHasTheRest(string missing)
    {
        var all = new NvmlLibrary(Driver).Read(s_gpu);

        var reading = new NvmlLibrary(name => name == missing ? 0 : Driver(name)).Read(s_gpu);

        reading.Should().Be(missing switch
        {
            "nvmlDeviceGetClockInfo" => all with { ClockMhz = null },
            "nvmlDeviceGetTemperature" => all with { TemperatureCelsius = null },
            "nvmlDeviceGetPowerUsage" => all with { PowerWatts = null },
            "nvmlDeviceGetUtilizationRates" => all with { Utilization = null },
            _ => all with { IsThrottled = null, Limits = null },
        });
    }

    [Fact]
    public void Read_OfADeviceThatSupportsNothing_IsUnknownAndNotZero() =>
        new NvmlLibrary(name => name.Contains("ClockInfo", StringComparison.Ordinal) ? s_driver["nvmlDeviceGetDefaultApplicationsClock"] : 0)
            .Read(s_gpu).Should().Be(default(DeviceReading));

    [Fact]
    public void Find_OfWhatIsNotThere_IsNothing()
    {
        new NvmlLibrary(Driver).Find("0000:00:00.0").Should().BeNull();
        new NvmlLibrary(_ => 0).FindByUuid("GPU-1").Should().BeNull();
    }

    [Fact]
    public void Reader_OfWorkers_FindsThemByUuidAndKnowsNothingOfOthers()
    {
        var reader = new IlgpuDeviceReader(new NvmlLibrary(Driver));
        using var simulator = Machine.Open(IlgpuBackends.Simulator);
        var simulated = new WorkerId(new NodeId("n"), "GPU-2");
        reader.Add(simulated, simulator);

        reader.Read(new WorkerId(new NodeId("n"), "GPU-1")).ClockMhz.Should().Be(1_050);
        reader.Read(new WorkerId(new NodeId("n"), "another")).Should().Be(default(DeviceReading));
        reader.Read(simulated).Should().Be(default(DeviceReading), "a simulator has no driver");
        new IlgpuDeviceReader(null).Read(simulated).Should().Be(default(DeviceReading));
    }

    [Fact]
    public void Reader_OfADeviceThatComesUpLate_FindsItWhenItAsksAgain()
    {
        var reader = new IlgpuDeviceReader(new NvmlLibrary(Driver));
        var late = new WorkerId(new NodeId("n"), "GPU-late");
        s_hasLate = false;
        s_looksForLate = 0;
        for (int i = 0; i < IlgpuDeviceReader.ReadsBetweenLooks - 1; i++)
        {
            reader.Read(late).Should().Be(default(DeviceReading));
        }

        s_looksForLate.Should().Be(1, "not at every reading");
        reader.Read(late).Should().Be(default(DeviceReading));
        s_looksForLate.Should().Be(2, "but now and then");
        s_hasLate = true;
        for (int i = 0; i < IlgpuDeviceReader.ReadsBetweenLooks - 1; i++)
        {
            reader.Read(late).Should().Be(default(DeviceReading));
        }

        for (int i = 0; i < 2 * IlgpuDeviceReader.ReadsBetweenLooks; i++)
        {
            reader.Read(late).ClockMhz.Should().Be(1_050);
        }

        s_looksForLate.Should().Be(3, "what was found stays found");
    }

    private static nint Driver(string name) => s_driver.GetValueOrDefault(name);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int HandleByName(byte* name, nint* device)
    {
        string text = Marshal.PtrToStringAnsi((nint)name)!;
        *device = s_gpu;
        if (text == "GPU-late")
        {
            s_looksForLate++;
            return s_hasLate ? 0 : NotFound;
        }

        return text is "0000:3B:00.0" or "GPU-1" ? 0 : NotFound;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Clock(nint device, int kind, uint* clock) => Answer(device, kind == 1, clock, 1_050);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int MaxClock(nint device, int kind, uint* clock) => Answer(device, kind == 1, clock, 1_980);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Unsupported(nint device, int kind, uint* clock) => Answer(device, false, clock, 0);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Temperature(nint device, int sensor, uint* celsius) => Answer(device, sensor == 0, celsius, 88);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Power(nint device, uint* milliwatts) => Answer(device, true, milliwatts, 512_250);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Utilization(nint device, uint* percent)
    {
        percent[1] = 40;
        return Answer(device, true, percent, 97);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Reasons(nint device, ulong* reasons)
    {
        // With a bit that no driver has had so far.
        *reasons = 0x20 | 0x40 | 0x4000;
        return 0;
    }

    private static int Answer(nint device, bool isSupported, uint* to, uint value)
    {
        *to = value;
        return device == s_gpu && isSupported ? 0 : NotSupported;
    }
}
