using System.Runtime.InteropServices;
using System.Text;
using StragglerGuard.Core.Attribution;

namespace StragglerGuard.Ilgpu.Native;

/// <summary>NVIDIA's management library, as far as readings need it. Loaded once; it comes with the driver.</summary>
internal sealed unsafe class NvmlLibrary
{
    private const int Success = 0;
    private const int SmClock = 1;

    private static readonly Lazy<NvmlLibrary?> s_installed = new(Load);

    private readonly delegate* unmanaged<byte*, nint*, int> _handleByPciBusId;
    private readonly delegate* unmanaged<nint, int, uint*, int> _clock;
    private readonly delegate* unmanaged<nint, int, uint*, int> _defaultClock;
    private readonly delegate* unmanaged<nint, int, uint*, int> _maxClock;
    private readonly delegate* unmanaged<nint, ulong*, int> _throttleReasons;

    private NvmlLibrary(nint library)
    {
        _handleByPciBusId = (delegate* unmanaged<byte*, nint*, int>)NativeLibrary.GetExport(library, "nvmlDeviceGetHandleByPciBusId_v2");
        _clock = (delegate* unmanaged<nint, int, uint*, int>)NativeLibrary.GetExport(library, "nvmlDeviceGetClockInfo");
        _defaultClock = (delegate* unmanaged<nint, int, uint*, int>)NativeLibrary.GetExport(library, "nvmlDeviceGetDefaultApplicationsClock");
        _maxClock = (delegate* unmanaged<nint, int, uint*, int>)NativeLibrary.GetExport(library, "nvmlDeviceGetMaxClockInfo");
        _throttleReasons = (delegate* unmanaged<nint, ulong*, int>)NativeLibrary.GetExport(library, "nvmlDeviceGetCurrentClocksThrottleReasons");
    }

    /// <summary>The installed library; null where there is no driver, or none that it can talk to.</summary>
    public static NvmlLibrary? Installed => s_installed.Value;

    /// <summary>The device at a place on the bus, such as <c>0000:3B:00.0</c>; null where the library has none there.</summary>
    public nint? Find(string pciBusId)
    {
        byte[] text = Encoding.ASCII.GetBytes(pciBusId + "\0");
        nint device;
        fixed (byte* start = text)
        {
            return _handleByPciBusId(start, &device) == Success ? device : null;
        }
    }

    /// <summary>Asks a device; what it does not answer is null.</summary>
    public DeviceReading Read(nint device)
    {
        ulong reasons;
        return NvmlReading.Of(
            ClockOf(_clock, device),
            ClockOf(_defaultClock, device) ?? ClockOf(_maxClock, device),
            _throttleReasons(device, &reasons) == Success ? reasons : null);
    }

    private static uint? ClockOf(delegate* unmanaged<nint, int, uint*, int> query, nint device)
    {
        uint clockMhz;
        return query(device, SmClock, &clockMhz) == Success ? clockMhz : null;
    }

    private static NvmlLibrary? Load()
    {
        if (!DriverLibraries.TryLoad(DriverLibraries.Nvml, out nint library)
            || !NativeLibrary.TryGetExport(library, "nvmlInit_v2", out nint initialise)
            || ((delegate* unmanaged<int>)initialise)() != Success)
        {
            return null;
        }

        try
        {
            // Never shut down: the process ends with it, and another part of the process may use it too.
            return new NvmlLibrary(library);
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }
}
